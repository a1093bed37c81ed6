package org.facelite.android

import org.facelite.FaceliteException
import org.facelite.Model
import org.facelite.Models
import org.tensorflow.lite.DataType
import org.tensorflow.lite.InterpreterApi
import org.tensorflow.lite.Tensor
import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer

/**
 * Models on the CPU, by LiteRT.
 *
 * By its InterpreterApi and not by CompiledModel: that opens files alone, and this the bytes whose hash was checked; and Google Play services
 * have the same class.
 */
public class LiteRtModels @JvmOverloads constructor(
    private val options: InterpreterApi.Options = InterpreterApi.Options().setNumThreads(1),
) : Models {
    override fun open(name: String, content: ByteArray): Model {
        val direct = ByteBuffer.allocateDirect(content.size).order(ByteOrder.nativeOrder()).put(content)
        rewind(direct)
        val interpreter = try {
            InterpreterApi.create(direct, options)
        } catch (error: IllegalArgumentException) {
            throw FaceliteException("expected LiteRT to open $name, got ${error.message}; use the LiteRT that this library was built with", error)
        } catch (error: LinkageError) {
            throw FaceliteException("expected LiteRT's native library, got ${error.message}; use 64-bit Android: arm64-v8a or x86_64", error)
        }
        return LiteRtModel(name, interpreter)
    }
}

private class LiteRtModel(name: String, private val interpreter: InterpreterApi) : Model {
    private val input: FloatBuffer
    private val inputs: Array<Any>
    private val outputs: List<Output>
    private val buffers: Map<Int, Any>
    private val byName: Map<String, FloatArray>

    init {
        val tensors = List(interpreter.outputTensorCount, interpreter::getOutputTensor)
        val entry = interpreter.getInputTensor(0)
        if (interpreter.inputTensorCount != 1 || (tensors + entry).any { it.dataType() != DataType.FLOAT32 }) {
            interpreter.close()
            throw FaceliteException("expected $name to have one input, and float32 in and out, got others; pack the assets again")
        }
        input = floats(entry)
        inputs = arrayOf(input)
        outputs = tensors.map { Output(floats(it), FloatArray(it.numElements())) }
        buffers = outputs.indices.associateWith { outputs[it].buffer }
        byName = tensors.indices.associate { tensors[it].name() to outputs[it].values }
    }

    override val inputSize: Int get() = input.capacity()

    override fun run(input: FloatArray): Map<String, FloatArray> {
        rewind(this.input)
        this.input.put(input)
        rewind(this.input)
        for (output in outputs) {
            rewind(output.buffer)
        }
        interpreter.runForMultipleInputsOutputs(inputs, buffers)
        for (output in outputs) {
            rewind(output.buffer)
            output.buffer.get(output.values)
        }
        return byName
    }

    override fun close() = interpreter.close()

    private class Output(val buffer: FloatBuffer, val values: FloatArray)

    private fun floats(tensor: Tensor): FloatBuffer =
        ByteBuffer.allocateDirect(4 * tensor.numElements()).order(ByteOrder.nativeOrder()).asFloatBuffer()
}

/** By [Buffer]'s function: the buffers have ones of their own only since Android 9. */
private fun rewind(buffer: Buffer) {
    buffer.rewind()
}
