/* What the shared library exports, and all of it. */
#ifndef SCORER_H
#define SCORER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct scorer scorer;

/* NULL where the checkpoint cannot be loaded; scorer_error() says why. */
scorer* scorer_open(const char* checkpoint);
void scorer_close(scorer* s);
size_t scorer_labels(const scorer* s);
const char* scorer_label(const scorer* s, size_t label);
/* 0, or -1 where the image cannot be read. */
int scorer_score(const scorer* s, const char* image, float* scores);
const char* scorer_error(void);

#ifdef __cplusplus
}
#endif

#endif
