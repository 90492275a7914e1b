#include "train/distill/teacher_cache.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include "engine/checkpoint.h"
#include "engine/hash.h"
#include "engine/image_reading.h"
#include "engine/paths.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char *kCacheKey = "keel.teacher_cache", *kCacheRows = "answers";

/// Size and time of change of a file; the same text for a file that is not to be seen, which no sample will be read of.
std::string stamp_of(const std::filesystem::path& path) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    if (error) return "unseen";
    const auto time = std::filesystem::last_write_time(path, error);
    return error ? "unseen" : fmt::format("{} bytes, {}", size, time.time_since_epoch().count());
}

void add_pixels(const Dataset& dataset, Split split, std::int64_t index, Hash& hash) {
    try {
        const Image image = dataset.load(split, index);
        hash.add(fmt::format("{}x{}x{}x{}\n", image.width, image.height, image.channels, image.bits));
        hash.add(std::as_bytes(std::span(image.pixels)));
    } catch (const StorageError&) {
        throw;
    } catch (const Error& error) {  // a sample that is left out, as training leaves it out
        hash.add(error.what());
    }
}

}  // namespace

std::string hash_of_images(const Dataset& dataset, Split split) {
    Hash hash;
    hash.add(reading_to_json(dataset.reading()));
    for (const Sample& sample : dataset.samples(split)) hash.add(sample.name + "\n");
    const std::vector<std::string> files = dataset.files();
    for (const std::string& file : files) hash.add(stamp_of(file) + "\n");
    if (files.empty())
        for (std::int64_t i = 0; i < dataset.size(split); ++i) add_pixels(dataset, split, i, hash);
    return hash.hex();
}

TeacherCache::TeacherCache(std::string key, std::int64_t samples, std::int64_t views, std::int64_t width)
    : key_(std::move(key)),
      samples_(samples),
      views_(views),
      width_(width),
      rows_(static_cast<std::size_t>(samples * views * width), std::numeric_limits<float>::quiet_NaN()) {}

std::int64_t TeacherCache::bytes() const { return std::ssize(rows_) * std::int64_t{sizeof(float)}; }

std::span<float> TeacherCache::row(std::int64_t sample, std::int64_t view) {
    return std::span(rows_).subspan(static_cast<std::size_t>((sample * views_ + view) * width_),
                                    static_cast<std::size_t>(width_));
}

std::span<const float> TeacherCache::row(std::int64_t sample, std::int64_t view) const {
    return std::span(rows_).subspan(static_cast<std::size_t>((sample * views_ + view) * width_),
                                    static_cast<std::size_t>(width_));
}

std::span<float> TeacherCache::of_samples(std::int64_t begin, std::int64_t end) {
    const std::int64_t each = views_ * width_;
    return std::span(rows_).subspan(static_cast<std::size_t>(begin * each),
                                    static_cast<std::size_t>((end - begin) * each));
}

bool TeacherCache::were_asked(std::int64_t begin, std::int64_t end) const {
    for (std::int64_t sample = begin; sample < end; ++sample)
        if (std::isnan(row(sample, views_ - 1).back())) return false;
    return true;
}

bool TeacherCache::has(std::int64_t sample) const { return std::isfinite(row(sample, views_ - 1).back()); }

void TeacherCache::mark_unanswered(std::int64_t sample) {
    std::ranges::fill(of_samples(sample, sample + 1), std::numeric_limits<float>::infinity());
}

void TeacherCache::forget(std::int64_t begin, std::int64_t end) {
    std::ranges::fill(of_samples(begin, end), std::numeric_limits<float>::quiet_NaN());
}

std::filesystem::path TeacherCache::file_in(const std::filesystem::path& folder) const {
    return folder / ("teacher-" + Hash().add(key_).hex() + ".safetensors");
}

std::string TeacherCache::load(const std::filesystem::path& file) {
    if (!is_there(file)) return "";
    const auto unused = [&](const std::string& why) {
        return fmt::format("answers of teachers in {} are not used: {}", file.string(), why);
    };
    try {
        const CheckpointState state = load_checkpoint(file);
        const auto key = state.metadata.find(kCacheKey);
        if (key == state.metadata.end() || key->second != key_) return unused("it is of other teachers or images");
        const Dims wanted{samples_, views_ * width_};
        if (state.tensors.size() != 1 || state.tensors[0].name != kCacheRows ||
            state.tensors[0].tensor.dims() != wanted || state.tensors[0].tensor.dtype() != DType::f32)
            return unused("it holds other things than answers");
        const Tensor rows = state.tensors[0].tensor.contiguous();
        std::ranges::copy(rows.values<float>(), rows_.begin());
    } catch (const StorageError&) {
        throw;
    } catch (const Error& error) {
        return unused(error.what());
    }
    return "";
}

void TeacherCache::save(const std::filesystem::path& file) const {
    const Tensor rows = Tensor::from(std::span<const float>(rows_), {samples_, views_ * width_});
    save_checkpoint(file, {{{kCacheKey, key_}}, {{kCacheRows, rows}}});
}

}  // namespace keel
