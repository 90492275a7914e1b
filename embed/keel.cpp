#include "embed/keel.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "embed/dlpack.h"
#include "embed/images.h"
#include "embed/predictor.h"
#include "engine/arena.h"
#include "engine/memory.h"
#include "kernels/parallel.h"
#include "kernels/version.h"

using namespace keel;

struct keel_model {
    keel_model(const char* checkpoint, std::int64_t batch, Precision precision)
        : predictor(checkpoint, batch, precision),
          transform(transform_of(predictor.spec())),
          note(predictor.runtime().refusal()) {
        if (predictor.runtime().precision() == Precision::bf16 && !multiplies_bf16())
            note =
                "the processor has no instructions for bf16, or KEEL_ISA names an ISA without them: it is imitated, "
                "which is slower than f32";
    }

    Predictor predictor;
    TransformOptions transform;
    std::string note;
};

namespace {

/// A text of a fixed size: to say that there is no memory left must not need any. Two paths fit, as long as Linux has
/// them, and what is said of them.
thread_local char last_error[16384] = "";

std::atomic<int> models{0};  ///< that are loaded

/// Whether a byte continues a character of UTF-8.
bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// Keeps a message; of one that is too long the middle is left out, for it begins with who and ends with why.
keel_status fail(keel_status status, const char* message) {
    constexpr std::size_t kRoom = sizeof last_error - 1, kEnd = 4096;
    constexpr const char kGap[] = " ... ";
    constexpr std::size_t kBegin = kRoom - kEnd - (sizeof kGap - 1);
    const std::size_t length = std::strlen(message);
    if (length <= kRoom) {
        std::memcpy(last_error, message, length + 1);
    } else {
        const char* end = message + length - kEnd;
        std::size_t begin = kBegin;
        while (continues(*end)) ++end;  // no character is cut in two
        while (begin > 0 && continues(message[begin])) --begin;
        std::memcpy(last_error, message, begin);
        std::memcpy(last_error + begin, kGap, sizeof kGap - 1);
        std::strcpy(last_error + begin + sizeof kGap - 1, end);
    }
    std::replace(last_error, last_error + std::strlen(last_error), '\n', ' ');
    return status;
}

/// Calls `body`; no exception leaves.
template <class Body>
keel_status guarded(const Body& body) noexcept {
    try {
        body();
        return KEEL_OK;
    } catch (const UsageError& error) {
        return fail(KEEL_USAGE_ERROR, error.what());
    } catch (const InputError& error) {
        return fail(KEEL_INPUT_ERROR, error.what());
    } catch (const IoError& error) {
        return fail(KEEL_IO_ERROR, error.what());
    } catch (const ArenaLimitError& error) {
        return fail(KEEL_INTERNAL_ERROR, error.what());
    } catch (const std::bad_alloc&) {
        return fail(KEEL_INTERNAL_ERROR, "[memory] out of memory");
    } catch (const std::exception& error) {
        return fail(KEEL_INTERNAL_ERROR, error.what());
    } catch (...) {
        return fail(KEEL_INTERNAL_ERROR, "[keel] an unknown exception");
    }
}

void require_given(const void* pointer, const char* what) {
    if (pointer == nullptr) throw UsageError(std::string("[keel] ") + what + " is NULL");
}

/// Scores of the model's input go to the caller's array.
void predict(const keel_model& model, const Tensor& images, float* scores, std::size_t count) {
    require_given(scores, "scores");
    const std::size_t wanted = static_cast<std::size_t>(images.dim(0)) * model.predictor.spec().label_names.size();
    if (count != wanted)
        throw UsageError("[keel] wanted room for " + std::to_string(wanted) + " scores, got " + std::to_string(count));
    std::vector<NoAnswer> none;
    const Tensor result = model.predictor.predict(images, none);
    std::ranges::copy(result.values<float>(), scores);
    require_answers(none, images.dim(0), "keel");
}

void predict(const keel_model& model, const Image& image, float* scores, std::size_t count) {
    predict(model, input_of({&image, 1}, model.transform), scores, count);
}

Image copied(const std::uint8_t* pixels, int width, int height, int channels, std::size_t row_bytes) {
    require_given(pixels, "pixels");
    if (width < 1 || height < 1 || width > kMaxImageSide || height > kMaxImageSide || channels < 1 || channels > 1024 ||
        std::int64_t{width} * height > kMaxImagePixels)
        throw UsageError("[keel] pixels of " + std::to_string(width) + " x " + std::to_string(height) + " x " +
                         std::to_string(channels) + " are out of range");
    const std::size_t length = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
    if (row_bytes < length)
        throw UsageError("[keel] wanted rows at least " + std::to_string(length) + " bytes apart, got " +
                         std::to_string(row_bytes));
    Image image(width, height, channels);
    for (int y = 0; y < height; ++y)
        std::copy_n(pixels + static_cast<std::size_t>(y) * row_bytes, length, image.row(y));
    return image;
}

}  // namespace

const char* keel_version(void) { return KEEL_VERSION; }

const char* keel_last_error(void) { return last_error; }

keel_status keel_set_threads(int threads) {
    return guarded([&] { set_thread_count(threads); });
}

int keel_threads(void) {
    int threads = 1;
    static_cast<void>(guarded([&] { threads = running_threads(); }));
    return threads;
}

const char* keel_thread_shortage(void) {
    static thread_local char text[512];
    text[0] = '\0';
    static_cast<void>(guarded([&] {
        const std::string shortage = team_shortage();
        text[shortage.copy(text, sizeof text - 1)] = '\0';
    }));
    return text;
}

void keel_trim(void) {
    static_cast<void>(guarded([] { trim_memory(); }));
}

keel_status keel_set_memory_limit(size_t bytes) {
    return guarded([&] { set_memory_limit(bytes); });
}

keel_status keel_model_load(const char* checkpoint, int64_t batch, keel_model** model) {
    return keel_model_load_in(checkpoint, batch, "f32", model);
}

keel_status keel_model_load_in(const char* checkpoint, int64_t batch, const char* precision, keel_model** model) {
    return guarded([&] {
        require_given(model, "model");
        *model = nullptr;
        require_given(checkpoint, "checkpoint");
        require_given(precision, "precision");
        if (batch < 1 || batch > 65'536)
            throw UsageError("[keel] wanted a batch of 1 to 65536, got " + std::to_string(batch));
        *model = new keel_model(checkpoint, batch, precision_of(precision));
        ++models;
    });
}

const char* keel_model_precision(const keel_model* model) {
    return model == nullptr ? "" : name(model->predictor.runtime().precision()).data();
}

const char* keel_model_precision_note(const keel_model* model) { return model == nullptr ? "" : model->note.c_str(); }

void keel_model_free(keel_model* model) {
    if (model == nullptr) return;
    delete model;
    if (--models == 0) keel_trim();
}

size_t keel_model_label_count(const keel_model* model) {
    return model == nullptr ? 0 : model->predictor.spec().label_names.size();
}

const char* keel_model_label(const keel_model* model, size_t label) {
    return label < keel_model_label_count(model) ? model->predictor.spec().label_names[label].c_str() : nullptr;
}

int keel_model_is_multi_label(const keel_model* model) {
    return model != nullptr && model->predictor.spec().multi_label ? 1 : 0;
}

int keel_model_image_size(const keel_model* model) { return model == nullptr ? 0 : model->transform.image_size; }

int keel_model_channels(const keel_model* model) { return model == nullptr ? 0 : model->transform.channels; }

keel_status keel_predict_file(const keel_model* model, const char* path, float* scores, size_t count) {
    return guarded([&] {
        require_given(model, "model");
        require_given(path, "path");
        predict(*model, load_image(path, model->transform), scores, count);
    });
}

keel_status keel_predict_encoded(const keel_model* model, const void* file, size_t bytes, float* scores, size_t count) {
    return guarded([&] {
        require_given(model, "model");
        require_given(file, "file");
        predict(*model, decode_image({static_cast<const std::uint8_t*>(file), bytes}, model->transform, "image"),
                scores, count);
    });
}

keel_status keel_predict_pixels(const keel_model* model, const uint8_t* pixels, int width, int height, int channels,
                                size_t row_bytes, float* scores, size_t count) {
    return guarded([&] {
        require_given(model, "model");
        predict(*model, copied(pixels, width, height, channels, row_bytes), scores, count);
    });
}

keel_status keel_predict_images(const keel_model* model, int64_t n, const float* images, float* scores, size_t count) {
    return guarded([&] {
        require_given(model, "model");
        require_given(images, "images");
        const std::int64_t side = model->transform.image_size, channels = model->transform.channels;
        if (n < 1 || n > 65'536) throw UsageError("[keel] wanted 1 to 65536 images, got " + std::to_string(n));
        const Dims dims{n, side, side, channels};
        float* const memory = const_cast<float*>(images);  // predictions read it alone
        predict(*model, Tensor::borrow(std::span(memory, static_cast<std::size_t>(dims.elements())), dims), scores,
                count);
    });
}

keel_status keel_predict_dlpack(const keel_model* model, DLManagedTensor* images, float* scores, size_t count) {
    return guarded([&] {
        require_given(images, "images");
        const Tensor tensor = from_dlpack(images);
        require_given(model, "model");
        // Room for the scores of another tensor than {n, ...} cannot be told.
        if (tensor.rank() != 4) throw UsageError("[keel] wanted images of 4 dims, got " + tensor.dims().text());
        predict(*model, tensor, scores, count);
    });
}
