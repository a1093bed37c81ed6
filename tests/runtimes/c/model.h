/* A TFLite model with one input and one or more outputs, all float32, on the CPU.
 *
 *     char error[MODEL_ERROR];
 *     Model *model = model_open("embedder.tflite", error);
 *     if (!model || !model_run(model, input, outputs, error)) fprintf(stderr, "%s\n", error);
 *     model_close(model);
 *
 * Check the file against the hash that you expect before you open it: LiteRT trusts what it reads, and half a model ends the process.
 * A model serves one thread at a time; another thread opens its own.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>

enum { MODEL_ERROR = 256 }; /* bytes of an error's text */

typedef struct Model Model;

/* The model of the file, ready to run. NULL, and the reason in `error`, where it cannot be had. */
Model *model_open(const char *path, char error[MODEL_ERROR]);

/* How many numbers the input has, and all outputs together. */
size_t model_input_size(const Model *model);
size_t model_outputs_size(const Model *model);

/* Write all outputs for `input`, one after another in the order of their names. False, and the reason in `error`, where it fails. */
bool model_run(Model *model, const float *input, float *outputs, char error[MODEL_ERROR]);

/* Free all that the model holds. NULL is none. */
void model_close(Model *model);

#endif
