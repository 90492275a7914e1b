/* Loads a model that Keel trained, and prints a probability for each of its labels and each image:
 *     embed_c best.safetensors IMAGE... */
#include <keel/keel.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(void) {
    fprintf(stderr, "%s\n", keel_last_error());
    return EXIT_FAILURE;
}

int main(int argc, char** argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s CHECKPOINT IMAGE...\n", argv[0]);
        return 2;
    }
    keel_model* model = NULL;
    if (keel_model_load(argv[1], 1, &model) != KEEL_OK) return failed();

    const size_t labels = keel_model_label_count(model);
    float* scores = malloc(labels * sizeof *scores);
    if (scores == NULL) return EXIT_FAILURE;
    for (int i = 2; i < argc; ++i) {
        if (keel_predict_file(model, argv[i], scores, labels) != KEEL_OK) return failed();
        printf("%s\n", argv[i]);
        for (size_t k = 0; k < labels; ++k) printf("  %s %.9g\n", keel_model_label(model, k), (double)scores[k]);
    }
    free(scores);
    keel_model_free(model);
    return EXIT_SUCCESS;
}
