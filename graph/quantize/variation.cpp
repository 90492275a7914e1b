#include "graph/quantize/variation.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <unordered_set>

#include "kernels/error.h"
#include "kernels/reduce/reduce.h"

namespace keel {
namespace {

/// Images of one scene that differ by noise of a grey level or two are below it, radiographs of one pose far above.
constexpr double kLeastBetween = 1e-3;

/// The bytes of each image. One lasts as long as the batches.
std::vector<std::string_view> bytes_of(std::span<const Tensor> batches) {
    std::vector<std::string_view> images;
    for (const Tensor& batch : batches) {
        const auto size = static_cast<std::size_t>(batch.elements() / batch.dim(0));
        for (std::size_t i = 0; i < static_cast<std::size_t>(batch.dim(0)); ++i)
            images.emplace_back(reinterpret_cast<const char*>(batch.data<float>() + i * size), size * sizeof(float));
    }
    return images;
}

bool is_blank(const float* pixels, std::int64_t elements, std::int64_t c) {
    return std::equal(pixels + c, pixels + elements, pixels);  // each pixel is the one before
}

}  // namespace

Variation variation_of(std::span<const Tensor> batches) {
    Variation result;
    const std::vector<std::string_view> all = bytes_of(batches);
    result.images = std::ssize(all);
    result.distinct = std::ssize(std::unordered_set<std::string_view>(all.begin(), all.end()));
    if (all.empty()) return result;
    const std::size_t size = all.front().size() / sizeof(float);
    const double images = static_cast<double>(all.size());
    std::vector<double> sums(size);
    double total = 0, squares = 0, of_means = 0;
    for (const std::string_view image : all) {
        const auto* pixels = reinterpret_cast<const float*>(image.data());
        for (std::size_t p = 0; p < size; ++p) {
            const double value = pixels[p];
            sums[p] += value;
            squares += value * value;
        }
        if (is_blank(pixels, static_cast<std::int64_t>(size), batches.front().dim(3))) ++result.blank;
    }
    for (const double sum : sums) {
        total += sum;
        of_means += sum * sum / images;
    }
    const double whole = squares - total * total / (images * static_cast<double>(size));
    result.between = whole > 0 ? (squares - of_means) / whole : 0;
    return result;
}

std::vector<std::string> require_variation(std::span<const Tensor> seen, std::span<const Tensor> held_out) {
    const auto refuse = [](const std::string& what) {
        throw InputError("[quantize] " + what + ": wanted images as different as those that the model will see");
    };
    for (const auto& batches : {seen, held_out})
        for (const Tensor& batch : batches)
            if (!kernels::all_finite(batch.elements(), batch.data<float>()))
                throw InputError("[quantize] an image holds NaN or infinity");
    const Variation variation = variation_of(seen);
    const std::string count = std::to_string(variation.images) + " images to calibrate with";
    if (variation.images > 1 && variation.distinct == 1) refuse("the " + count + " are all the same");
    if (variation.blank == variation.images) refuse("the " + count + " are blank, each of one brightness");
    if (variation.images > 1 && variation.between < kLeastBetween)
        refuse("the " + count + " are one image but for noise");
    const std::vector<std::string_view> known = bytes_of(seen), held = bytes_of(held_out);
    const std::unordered_set<std::string_view> known_set(known.begin(), known.end());
    if (std::ranges::all_of(held, [&](std::string_view image) { return known_set.contains(image); }))
        refuse("each of the " + std::to_string(held.size()) +
               " images held out to compare by is one of those calibrated with");
    std::vector<std::string> doubts;
    if (4 * variation.distinct < 3 * variation.images)
        doubts.push_back("of the " + count + " only " + std::to_string(variation.distinct) + " differ");
    if (4 * variation.blank > variation.images)
        doubts.push_back("of the " + count + " " + std::to_string(variation.blank) + " are blank");
    return doubts;
}

}  // namespace keel
