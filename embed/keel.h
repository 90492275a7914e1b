/* Keel for C programs: load a trained model once, predict from any number of threads.
 *
 * Functions that can fail return a status; keel_last_error() then says why. The library prints nothing, never ends
 * the program, installs no signal handler and leaves the caller's floating-point and OpenMP settings as they are. */
#ifndef KEEL_H
#define KEEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are those of the keel program's exit codes. */
typedef enum keel_status {
    KEEL_OK = 0,
    KEEL_INTERNAL_ERROR = 1, /* out of memory, or a bug */
    KEEL_USAGE_ERROR = 2,    /* an argument that cannot be honoured */
    KEEL_INPUT_ERROR = 3,    /* a file or image that is malformed or does not fit the model */
    KEEL_IO_ERROR = 5        /* the operating system refused a file */
} keel_status;

/* A model that is ready to predict. Immutable: any number of threads may use it at once, until one of them frees it. */
typedef struct keel_model keel_model;

/* "0.1.0" */
const char* keel_version(void);

/* What went wrong in the calling thread's last call that failed, in one line of UTF-8; "" where none has. It stays
 * valid until the next call of this thread that fails. Never NULL. */
const char* keel_last_error(void);

/* Threads that one prediction is divided among, for the whole process; by default the cores that the process may
 * use. Programs that predict from several threads of their own are fastest with 1. The answers do not depend on it.
 * Not while a prediction runs. */
keel_status keel_set_threads(int threads);

/* Loads a checkpoint of keel train. `batch` is the number of images a call for which kernels are chosen; any other
 * number works, too. *model is NULL where loading failed. */
keel_status keel_model_load(const char* checkpoint, int64_t batch, keel_model** model);

/* NULL is allowed. */
void keel_model_free(keel_model* model);

/* The outputs: their number, and their names in order (UTF-8, valid as long as the model; NULL where there is no
 * such label). */
size_t keel_model_label_count(const keel_model* model);
const char* keel_model_label(const keel_model* model, size_t label);

/* 1: each label is present or not, the scores are probabilities of their own (sigmoid). 0: one class, they add up
 * to 1 (softmax). */
int keel_model_is_multi_label(const keel_model* model);

/* The input: a square of so many pixels a side, of so many channels. */
int keel_model_image_size(const keel_model* model);
int keel_model_channels(const keel_model* model);

/* A probability for each label of an image, as keel predict gives them. `scores` has room for `count` numbers,
 * which must be the number of labels. */

/* An image file (PNG, JPEG, BMP, PGM, DICOM, and TIFF, WebP, GIF where the library has them), read as the checkpoint
 * says. */
keel_status keel_predict_file(const keel_model* model, const char* path, float* scores, size_t count);

/* The same of a file in memory. */
keel_status keel_predict_encoded(const keel_model* model, const void* file, size_t bytes, float* scores, size_t count);

/* 8-bit pixels, rows from top to bottom, `row_bytes` apart, channels interleaved: 1 is grey, which any model
 * takes, 3 is RGB, which models of grey take as well; others serve models of as many channels alone. */
keel_status keel_predict_pixels(const keel_model* model, const uint8_t* pixels, int width, int height, int channels,
                                size_t row_bytes, float* scores, size_t count);

/* `n` images that the caller resized and normalized: n x image_size x image_size x channels floats, which are read
 * where they lie, not copied. `scores` takes n x labels numbers, image by image, and `count` is that product. */
keel_status keel_predict_images(const keel_model* model, int64_t n, const float* images, float* scores, size_t count);

/* The same of a tensor of another library: float32 {n, image_size, image_size, channels} in the CPU's memory, the
 * channels of a pixel side by side and pixels at equal distances. Nothing is copied unless pixels lie further apart
 * than their channels. Its deleter is called once before this returns, whatever the status. Images that do not fit are
 * a KEEL_USAGE_ERROR. */
struct DLManagedTensor; /* of <dlpack/dlpack.h> */
keel_status keel_predict_dlpack(const keel_model* model, struct DLManagedTensor* images, float* scores, size_t count);

#ifdef __cplusplus
}
#endif

#endif
