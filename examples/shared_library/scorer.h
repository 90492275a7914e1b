/* What the shared library exports, and all of it. */
#ifndef SCORER_H
#define SCORER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Compiled with -fvisibility=hidden, the library shows what says so. */
#define SCORER_API __attribute__((visibility("default")))

typedef struct scorer scorer;

/* NULL where the checkpoint cannot be loaded; scorer_error() says why. */
SCORER_API scorer* scorer_open(const char* checkpoint);
SCORER_API void scorer_close(scorer* s);
SCORER_API size_t scorer_labels(const scorer* s);
SCORER_API const char* scorer_label(const scorer* s, size_t label);
/* 0, or -1 where the image cannot be read. */
SCORER_API int scorer_score(const scorer* s, const char* image, float* scores);
SCORER_API const char* scorer_error(void);

#ifdef __cplusplus
}
#endif

#endif
