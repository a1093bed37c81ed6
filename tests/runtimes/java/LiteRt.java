package facelite;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;

/**
 * The part of LiteRT's C interface that running a model on the CPU needs, as libLiteRt.so of ai-edge-litert 2.3.0 has it.
 *
 * <p>JNA finds the library in {@code -Djna.library.path=FOLDER}. For machines of 64 bits: a {@code size_t} is a long here. On Android,
 * LiteRT's own package com.google.ai.edge.litert takes the place of this file.
 */
interface LiteRt extends Library {
    LiteRt LIBRARY = Native.load("LiteRt", LiteRt.class);

    int CPU = 1; // a bit of LiteRtSetOptionsHardwareAccelerators
    int READ = 0, WRITE = 1; // what a locked buffer is for
    int FLOAT32 = 1; // an element type

    /** Element type and shape of a tensor. */
    @FieldOrder({"elementType", "rank", "dimensions", "strides"})
    final class RankedTensorType extends Structure {
        public int elementType;
        public int rank; // in the low 7 bits; the eighth says whether there are strides
        public int[] dimensions = new int[8]; // the first `rank` of them count
        public int[] strides = new int[8];
    }

    // Each gives a status, 0 where it succeeded. Signatures, tensors and names belong to the model, requirements to the compiled model.
    int LiteRtCreateEnvironment(int options, Pointer option, PointerByReference environment);
    int LiteRtCreateModelFromFile(Pointer environment, String path, PointerByReference model);
    int LiteRtCreateOptions(PointerByReference options);
    int LiteRtSetOptionsHardwareAccelerators(Pointer options, int accelerators);
    int LiteRtCreateCompiledModel(Pointer environment, Pointer model, Pointer options, PointerByReference compiled);

    int LiteRtGetModelSignature(Pointer model, long index, PointerByReference signature);
    int LiteRtGetNumSignatureInputs(Pointer signature, LongByReference count);
    int LiteRtGetNumSignatureOutputs(Pointer signature, LongByReference count);
    int LiteRtGetSignatureInputTensorByIndex(Pointer signature, long index, PointerByReference tensor);
    int LiteRtGetSignatureOutputTensorByIndex(Pointer signature, long index, PointerByReference tensor);
    int LiteRtGetTensorName(Pointer tensor, PointerByReference name);
    int LiteRtGetRankedTensorType(Pointer tensor, RankedTensorType type);

    int LiteRtGetCompiledModelInputBufferRequirements(Pointer compiled, long signature, long index, PointerByReference needs);
    int LiteRtGetCompiledModelOutputBufferRequirements(Pointer compiled, long signature, long index, PointerByReference needs);
    int LiteRtCreateManagedTensorBufferFromRequirements(Pointer environment, RankedTensorType type, Pointer needs, PointerByReference buffer);
    int LiteRtLockTensorBuffer(Pointer buffer, PointerByReference memory, int mode);
    int LiteRtUnlockTensorBuffer(Pointer buffer);
    int LiteRtRunCompiledModel(Pointer compiled, long signature, long inputs, Pointer[] input, long outputs, Pointer[] output);

    void LiteRtDestroyTensorBuffer(Pointer buffer);
    void LiteRtDestroyCompiledModel(Pointer compiled);
    void LiteRtDestroyOptions(Pointer options);
    void LiteRtDestroyModel(Pointer model);
    void LiteRtDestroyEnvironment(Pointer environment);
}
