/* Loads the shared library as a plugin, scores images with it, and closes it again, for each image anew:
 *     shared_library best.safetensors IMAGE... */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scorer.h"

static void* plugin;

/* A function's address, by way of memory: ISO C knows no conversion from void* to it. */
static void find(const char* name, void* function) {
    void* const address = dlsym(plugin, name);
    if (address == NULL) exit(EXIT_FAILURE);
    memcpy(function, &address, sizeof address);
}

static int score(const char* checkpoint, const char* image) {
    plugin = dlopen(SCORER_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return -1;
    }
    scorer* (*open)(const char*);
    void (*close)(scorer*);
    size_t (*labels)(const scorer*);
    const char* (*label)(const scorer*, size_t);
    int (*score_image)(const scorer*, const char*, float*);
    const char* (*error)(void);
    find("scorer_open", &open);
    find("scorer_close", &close);
    find("scorer_labels", &labels);
    find("scorer_label", &label);
    find("scorer_score", &score_image);
    find("scorer_error", &error);

    scorer* const model = open(checkpoint);
    const size_t count = model == NULL ? 0 : labels(model);
    float* const scores = calloc(count + 1, sizeof *scores);
    const int status = model == NULL || scores == NULL ? -1 : score_image(model, image, scores);
    if (status == 0) {
        printf("%s\n", image);
        for (size_t k = 0; k < count; ++k) printf("  %s %.9g\n", label(model, k), (double)scores[k]);
    } else {
        fprintf(stderr, "%s\n", error());
    }
    free(scores);
    if (model != NULL) close(model);
    dlclose(plugin);
    return status;
}

int main(int argc, char** argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s CHECKPOINT IMAGE...\n", argv[0]);
        return 2;
    }
    for (int i = 2; i < argc; ++i)
        if (score(argv[1], argv[i]) != 0) return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
