/* What a model makes of what comes in: `run MODEL <INPUTS >OUTPUTS`, float32 in the machine's order of bytes, inputs one after another. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

static int answer(Model *model);

int main(int count, char **words) {
    char error[MODEL_ERROR];
    if (count != 2) {
        fprintf(stderr, "usage: %s MODEL <INPUTS >OUTPUTS\n", words[0]);
        return 2;
    }
    Model *model = model_open(words[1], error);
    if (!model) {
        fprintf(stderr, "%s: %s\n", words[1], error);
        return 1;
    }
    int status = answer(model);
    model_close(model);
    return status;
}

static int answer(Model *model) {
    char error[MODEL_ERROR];
    size_t size = model_input_size(model), answered = model_outputs_size(model), read;
    float *input = malloc(size * sizeof *input), *outputs = malloc(answered * sizeof *outputs);
    int status = 0;
    if (!input || !outputs) {
        perror("memory for inputs and outputs");
        status = 1;
    }
    while (!status && (read = fread(input, sizeof *input, size, stdin))) {
        if (read < size) {
            fprintf(stderr, "expected inputs of %zu numbers, got %zu at the end\n", size, read);
            status = 1;
        } else if (!model_run(model, input, outputs, error)) {
            fprintf(stderr, "%s\n", error);
            status = 1;
        } else if (fwrite(outputs, sizeof *outputs, answered, stdout) < answered) {
            perror("standard output");
            status = 1;
        }
    }
    free(input);
    free(outputs);
    return status;
}
