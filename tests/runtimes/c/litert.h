/* The part of LiteRT's C interface that running a model on the CPU needs, as libLiteRt.so of ai-edge-litert 2.3.0 has it.
 *
 * The wheel ships the library without headers, so they are declared here by hand. Other releases differ: in older ones
 * LiteRtCreateModelFromFile took no environment. Where the official headers are at hand, include those instead.
 */
#ifndef LITERT_H
#define LITERT_H

#include <stddef.h>
#include <stdint.h>

typedef int LiteRtStatus; /* 0 is success; model.c has words for the others that an app meets */

typedef struct LiteRtEnvironmentT *LiteRtEnvironment;
typedef struct LiteRtModelT *LiteRtModel;
typedef struct LiteRtOptionsT *LiteRtOptions;
typedef struct LiteRtCompiledModelT *LiteRtCompiledModel;
typedef struct LiteRtSignatureT *LiteRtSignature; /* belongs to the model, as do tensors and their names */
typedef struct LiteRtTensorT *LiteRtTensor;
typedef struct LiteRtTensorBufferT *LiteRtTensorBuffer;
typedef struct LiteRtRequirementsT *LiteRtTensorBufferRequirements; /* belong to the compiled model */

enum { LITERT_CPU = 1 };                      /* a bit of LiteRtSetOptionsHardwareAccelerators */
enum { LITERT_READ = 0, LITERT_WRITE = 1 };   /* what a locked buffer is for */
enum { LITERT_FLOAT32 = 1, LITERT_RANK = 8 }; /* an element type; dimensions that a shape has room for */

typedef struct {
    int element_type;
    unsigned rank : 7;
    unsigned has_strides : 1;
    int32_t dimensions[LITERT_RANK]; /* the first `rank` of them count */
    uint32_t strides[LITERT_RANK];
} LiteRtRankedTensorType;

LiteRtStatus LiteRtCreateEnvironment(int options, const void *option, LiteRtEnvironment *environment);
LiteRtStatus LiteRtCreateModelFromFile(LiteRtEnvironment environment, const char *path, LiteRtModel *model);
LiteRtStatus LiteRtCreateOptions(LiteRtOptions *options);
LiteRtStatus LiteRtSetOptionsHardwareAccelerators(LiteRtOptions options, int accelerators);
LiteRtStatus LiteRtCreateCompiledModel(LiteRtEnvironment environment, LiteRtModel model, LiteRtOptions options, LiteRtCompiledModel *compiled);

LiteRtStatus LiteRtGetModelSignature(LiteRtModel model, size_t index, LiteRtSignature *signature);
LiteRtStatus LiteRtGetNumSignatureInputs(LiteRtSignature signature, size_t *count);
LiteRtStatus LiteRtGetNumSignatureOutputs(LiteRtSignature signature, size_t *count);
LiteRtStatus LiteRtGetSignatureInputTensorByIndex(LiteRtSignature signature, size_t index, LiteRtTensor *tensor);
LiteRtStatus LiteRtGetSignatureOutputTensorByIndex(LiteRtSignature signature, size_t index, LiteRtTensor *tensor);
LiteRtStatus LiteRtGetTensorName(LiteRtTensor tensor, const char **name);
LiteRtStatus LiteRtGetRankedTensorType(LiteRtTensor tensor, LiteRtRankedTensorType *type);

LiteRtStatus LiteRtGetCompiledModelInputBufferRequirements(LiteRtCompiledModel compiled, size_t signature, size_t index,
                                                           LiteRtTensorBufferRequirements *needs);
LiteRtStatus LiteRtGetCompiledModelOutputBufferRequirements(LiteRtCompiledModel compiled, size_t signature, size_t index,
                                                            LiteRtTensorBufferRequirements *needs);
LiteRtStatus LiteRtCreateManagedTensorBufferFromRequirements(LiteRtEnvironment environment, const LiteRtRankedTensorType *type,
                                                             LiteRtTensorBufferRequirements needs, LiteRtTensorBuffer *buffer);
LiteRtStatus LiteRtLockTensorBuffer(LiteRtTensorBuffer buffer, void **memory, int mode);
LiteRtStatus LiteRtUnlockTensorBuffer(LiteRtTensorBuffer buffer);
LiteRtStatus LiteRtRunCompiledModel(LiteRtCompiledModel compiled, size_t signature, size_t inputs, LiteRtTensorBuffer *input, size_t outputs,
                                    LiteRtTensorBuffer *output);

void LiteRtDestroyTensorBuffer(LiteRtTensorBuffer buffer);
void LiteRtDestroyCompiledModel(LiteRtCompiledModel compiled);
void LiteRtDestroyOptions(LiteRtOptions options);
void LiteRtDestroyModel(LiteRtModel model);
void LiteRtDestroyEnvironment(LiteRtEnvironment environment);

#endif
