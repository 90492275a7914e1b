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

/* A shared library that contains Keel exports these functions, unless it says otherwise (--exclude-libs, a version
 * script), and nothing else of Keel. */
#ifdef __GNUC__
#pragma GCC visibility push(default)
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
 * valid until the next call of this thread that fails. Never NULL. Of more than 16 KB the middle is left out. */
const char* keel_last_error(void);

/* Threads that one prediction is divided among, 1 to 1024, for the whole process; by default the cores that the process
 * may use. All threads that predict share them. The answers do not depend on the number. Not while a prediction runs.
 */
keel_status keel_set_threads(int threads);

/* How many threads compute: those, or fewer where there are fewer processors or the system refused some, of which
 * keel_thread_shortage() says why, with the limit, in one line of UTF-8; "" where there are as many as were wanted. It
 * stays valid until this thread's next call of it. Both start the threads, which else the first prediction does. */
int keel_threads(void);
const char* keel_thread_shortage(void);

/* Gives memory back to the system: what images of earlier calls took, and what is kept for the next ones. Models stay
 * loaded. At any time; the next prediction pays for its memory anew. Freeing the last model does the same. */
void keel_trim(void);

/* What predictions may hold at a time, in bytes, models included; 0: as much as the system gives. Many images are then
 * computed in smaller numbers; what does not fit at all is a KEEL_INTERNAL_ERROR that names the limit. */
keel_status keel_set_memory_limit(size_t bytes);

/* Loads a checkpoint of keel train. `batch` is the number of images a call for which kernels are chosen; any other
 * number works, too. *model is NULL where loading failed. */
keel_status keel_model_load(const char* checkpoint, int64_t batch, keel_model** model);

/* The same in a precision: "f32"; "bf16", whose maps take half the memory and whose products are rounded to 8 bits;
 * "auto": bf16 where the processor has instructions for it, else f32. Another word is a KEEL_USAGE_ERROR. */
keel_status keel_model_load_in(const char* checkpoint, int64_t batch, const char* precision, keel_model** model);

/* What the model computes in, "f32" or "bf16", and what is to be known of that, in one line of UTF-8: why it is f32
 * though bf16 was asked for, or that this processor only imitates bf16, which is slower than f32; "" where there is
 * nothing to say. Valid as long as the model. */
const char* keel_model_precision(const keel_model* model);
const char* keel_model_precision_note(const keel_model* model);

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
 * which must be the number of labels. An image whose pixels are NaN or infinite, or of which the model makes such
 * numbers, is a KEEL_INPUT_ERROR, never a score. */

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
 * where they lie, not copied. `scores` takes n x labels numbers, image by image, and `count` is that product.
 * Where images have no answer (see above), keel_last_error() names the first; their scores are NaN, and those of the
 * others are written as ever. */
keel_status keel_predict_images(const keel_model* model, int64_t n, const float* images, float* scores, size_t count);

/* The same of a tensor of another library: float32 {n, image_size, image_size, channels} in the CPU's memory, the
 * channels of a pixel side by side and pixels at equal distances. Nothing is copied unless pixels lie further apart
 * than their channels. Its deleter is called once before this returns, whatever the status. Images that do not fit are
 * a KEEL_USAGE_ERROR. */
struct DLManagedTensor; /* of <dlpack/dlpack.h> */
keel_status keel_predict_dlpack(const keel_model* model, struct DLManagedTensor* images, float* scores, size_t count);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
