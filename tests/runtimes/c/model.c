/* See model.h. A handle is NULL until it is made, so that model_close() can free a model that was opened halfway. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litert.h"

enum { SIGNATURE = 0, MAX_OUTPUTS = 8 }; /* the first signature; the face detector has the most outputs of our models, two */

typedef struct {
    const char *name;
    size_t size;   /* numbers in it */
    size_t offset; /* numbers of the outputs whose names come before */
} Output;

struct Model {
    LiteRtEnvironment environment;
    LiteRtModel model;
    LiteRtOptions options;
    LiteRtCompiledModel compiled;
    size_t input_size, output_count;
    LiteRtTensorBuffer input, outputs[MAX_OUTPUTS];
    Output output[MAX_OUTPUTS];
};

static bool open_model(Model *model, const char *path, char *error);
static bool open_signature(Model *model, char *error);
static bool open_input(Model *model, LiteRtTensor tensor, char *error);
static bool open_output(Model *model, LiteRtTensor tensor, size_t index, char *error);
static bool float_shape(LiteRtTensor tensor, LiteRtRankedTensorType *type, size_t *size, char *error);
static bool copy(LiteRtTensorBuffer buffer, int mode, float *numbers, size_t size, char *error);
static bool done(LiteRtStatus status, const char *what, char *error);

Model *model_open(const char *path, char error[MODEL_ERROR]) {
    Model *model = calloc(1, sizeof *model);
    if (!model) {
        snprintf(error, MODEL_ERROR, "expected memory for a model, got none");
        return NULL;
    }
    if (!open_model(model, path, error) || !open_signature(model, error)) {
        model_close(model);
        return NULL;
    }
    return model;
}

size_t model_input_size(const Model *model) { return model->input_size; }

size_t model_outputs_size(const Model *model) {
    size_t size = 0;
    for (size_t i = 0; i < model->output_count; i++) size += model->output[i].size;
    return size;
}

bool model_run(Model *model, const float *input, float *outputs, char error[MODEL_ERROR]) {
    /* copy() only reads from numbers that it writes to a buffer */
    if (!copy(model->input, LITERT_WRITE, (float *)input, model->input_size, error)) return false;
    LiteRtStatus status = LiteRtRunCompiledModel(model->compiled, SIGNATURE, 1, &model->input, model->output_count, model->outputs);
    if (!done(status, "run the model", error)) return false;
    for (size_t i = 0; i < model->output_count; i++) {
        const Output *output = &model->output[i];
        if (!copy(model->outputs[i], LITERT_READ, outputs + output->offset, output->size, error)) return false;
    }
    return true;
}

void model_close(Model *model) {
    if (!model) return;
    for (size_t i = 0; i < MAX_OUTPUTS; i++)
        if (model->outputs[i]) LiteRtDestroyTensorBuffer(model->outputs[i]);
    if (model->input) LiteRtDestroyTensorBuffer(model->input);
    if (model->compiled) LiteRtDestroyCompiledModel(model->compiled);
    if (model->options) LiteRtDestroyOptions(model->options);
    if (model->model) LiteRtDestroyModel(model->model);
    if (model->environment) LiteRtDestroyEnvironment(model->environment);
    free(model);
}

static bool open_model(Model *model, const char *path, char *error) {
    return done(LiteRtCreateEnvironment(0, NULL, &model->environment), "start LiteRT", error) &&
           done(LiteRtCreateModelFromFile(model->environment, path, &model->model), "read the model", error) &&
           done(LiteRtCreateOptions(&model->options), "make options", error) &&
           done(LiteRtSetOptionsHardwareAccelerators(model->options, LITERT_CPU), "choose the CPU", error) &&
           done(LiteRtCreateCompiledModel(model->environment, model->model, model->options, &model->compiled), "compile the model", error);
}

static bool open_signature(Model *model, char *error) {
    LiteRtSignature signature;
    LiteRtTensor tensor;
    size_t inputs, outputs;
    if (!done(LiteRtGetModelSignature(model->model, SIGNATURE, &signature), "find the signature", error) ||
        !done(LiteRtGetNumSignatureInputs(signature, &inputs), "count the inputs", error) ||
        !done(LiteRtGetNumSignatureOutputs(signature, &outputs), "count the outputs", error))
        return false;
    if (inputs != 1 || outputs < 1 || outputs > MAX_OUTPUTS) {
        snprintf(error, MODEL_ERROR, "expected a model with one input and 1 to %d outputs, got %zu and %zu", MAX_OUTPUTS, inputs, outputs);
        return false;
    }
    if (!done(LiteRtGetSignatureInputTensorByIndex(signature, 0, &tensor), "find the input", error)) return false;
    if (!open_input(model, tensor, error)) return false;
    for (size_t i = 0; i < outputs; i++) {
        if (!done(LiteRtGetSignatureOutputTensorByIndex(signature, i, &tensor), "find an output", error)) return false;
        if (!open_output(model, tensor, i, error)) return false;
    }
    model->output_count = outputs;
    for (size_t i = 0; i < outputs; i++)
        for (size_t j = 0; j < outputs; j++)
            if (strcmp(model->output[j].name, model->output[i].name) < 0) model->output[i].offset += model->output[j].size;
    return true;
}

static bool open_input(Model *model, LiteRtTensor tensor, char *error) {
    LiteRtRankedTensorType type;
    LiteRtTensorBufferRequirements needs;
    return float_shape(tensor, &type, &model->input_size, error) &&
           done(LiteRtGetCompiledModelInputBufferRequirements(model->compiled, SIGNATURE, 0, &needs), "ask what the input needs", error) &&
           done(LiteRtCreateManagedTensorBufferFromRequirements(model->environment, &type, needs, &model->input), "make the input", error);
}

static bool open_output(Model *model, LiteRtTensor tensor, size_t index, char *error) {
    LiteRtRankedTensorType type;
    LiteRtTensorBufferRequirements needs;
    Output *output = &model->output[index];
    return done(LiteRtGetTensorName(tensor, &output->name), "read an output's name", error) && float_shape(tensor, &type, &output->size, error) &&
           done(LiteRtGetCompiledModelOutputBufferRequirements(model->compiled, SIGNATURE, index, &needs), "ask what an output needs", error) &&
           done(LiteRtCreateManagedTensorBufferFromRequirements(model->environment, &type, needs, &model->outputs[index]), "make an output", error);
}

static bool float_shape(LiteRtTensor tensor, LiteRtRankedTensorType *type, size_t *size, char *error) {
    if (!done(LiteRtGetRankedTensorType(tensor, type), "read a tensor's shape", error)) return false;
    if (type->element_type != LITERT_FLOAT32) {
        snprintf(error, MODEL_ERROR, "expected float32 (element type %d) in and out, got element type %d", LITERT_FLOAT32, type->element_type);
        return false;
    }
    *size = 1;
    for (unsigned i = 0; i < type->rank; i++) {
        if (type->dimensions[i] < 1) {
            snprintf(error, MODEL_ERROR, "expected a model of fixed shapes, got a dimension of %d", type->dimensions[i]);
            return false;
        }
        *size *= (size_t)type->dimensions[i];
    }
    return true;
}

/* Numbers into a buffer (LITERT_WRITE) or out of it (LITERT_READ). */
static bool copy(LiteRtTensorBuffer buffer, int mode, float *numbers, size_t size, char *error) {
    void *memory;
    if (!done(LiteRtLockTensorBuffer(buffer, &memory, mode), "lock a buffer", error)) return false;
    memcpy(mode == LITERT_WRITE ? memory : numbers, mode == LITERT_WRITE ? numbers : memory, size * sizeof *numbers);
    return done(LiteRtUnlockTensorBuffer(buffer), "unlock a buffer", error);
}

static bool done(LiteRtStatus status, const char *what, char *error) {
    static const struct {
        LiteRtStatus status;
        const char *words;
    } reasons[] = {
        {1, "invalid argument"}, {2, "no memory"}, {3, "runtime failure"}, {5, "unsupported"}, {6, "not found"},
        {500, "the file cannot be read"}, {501, "not a TFLite file"}, {504, "it cannot be compiled"},
    };
    if (!status) return true;
    const char *words = "see LiteRT's litert_common.h";
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) words = reasons[i].words;
    snprintf(error, MODEL_ERROR, "could not %s: LiteRT status %d, %s", what, status, words);
    return false;
}
