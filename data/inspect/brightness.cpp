#include "data/inspect/brightness.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/core.h>

#include "data/formats/decode.h"
#include "data/sources/sources.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// The brightest sample, from 0 to 1.
double brightest_sample(const Image& image) {
    if (image.bits == 32) return double{*std::max_element(image.row_f(0), image.row_f(0) + image.samples())};
    if (image.bits == 16) return *std::max_element(image.row16(0), image.row16(0) + image.samples()) / 65535.0;
    return *std::ranges::max_element(image.pixels) / 255.0;
}

/// The splits' samples one after another.
struct Place {
    Split split;
    std::int64_t index;
};

std::vector<Place> places(const Dataset& dataset) {
    std::int64_t total = 0;
    for (const Split split : kSplits) total += dataset.size(split);
    const std::int64_t count = std::min(total, kImagesLookedAt);
    std::vector<Place> result;
    for (std::int64_t i = 0; i < count; ++i) {
        std::int64_t at = (2 * i + 1) * total / (2 * count);
        for (const Split split : kSplits) {
            if (at < dataset.size(split)) {
                result.push_back({split, at});
                break;
            }
            at -= dataset.size(split);
        }
    }
    return result;
}

/// "files by ending: 24 png, 4 tif", where there are several.
void describe_formats(const Dataset& dataset, std::vector<Remark>& remarks) {
    std::map<std::string, std::int64_t> endings;
    for (const Split split : kSplits)
        for (const Sample& sample : dataset.samples(split)) {
            const std::size_t dot = sample.file.rfind('.'), slash = sample.file.rfind('/');
            if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) continue;
            std::string ending = sample.file.substr(dot + 1);
            std::ranges::transform(ending, ending.begin(),
                                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
            ++endings[ending];
        }
    if (endings.size() < 2 || endings.size() > 20) return;
    std::string text;
    for (const auto& [ending, count] : endings) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, ending);
    remarks.push_back({false, "image files by ending: " + text});
}

}  // namespace

int NarrowRange::bits_used() const {
    const auto sample = static_cast<unsigned>(std::lround(brightest * 65535.0));
    int used = 1;
    while ((1U << used) <= sample) ++used;
    return used;
}

std::string NarrowRange::text() const {
    if (bits == 16) return fmt::format("uses {} of 16 bits", bits_used());
    return bits == 8 ? fmt::format("has samples up to {} of 255", std::lround(brightest * 255))
                     : fmt::format("has samples up to {:.2g} of white", brightest);
}

std::optional<NarrowRange> narrow_range(const Image& image) {
    const NarrowRange range{image.bits, brightest_sample(image)};
    return range.brightest <= (image.bits == 8 ? 16.0 / 255 : 0.25) ? std::optional(range) : std::nullopt;
}

std::string range_advice(const std::vector<NarrowRange>& ranges, const ImageReading& reading) {
    int bits = 0;
    for (const NarrowRange& range : ranges)
        if (range.bits == 16) bits = std::max(bits, range.bits_used());
    if (bits > 0) return fmt::format("nearly black; --bit-depth {} makes {} white", bits, (1 << bits) - 1);
    if (!reading.keep_16_bits)
        return "nearly black; if their files have 16 bits, which are rounded to 8 here, --keep-16-bits --bit-depth N "
               "brings them back";
    const bool ranged = reading.bit_depth != 0 || !reading.rescale.empty();
    return ranged ? "nearly black: the range that was given is too wide" : "nearly black";
}

int orientation_of_file(const std::string& file, const ImageReading& reading) {
    try {
        return probe_orientation(read_bytes(file, kMaxImageFileBytes), file, reading);
    } catch (const StorageError&) {
        throw;
    } catch (const Error&) {
        return 1;
    }
}

void OddImages::look(const std::string& name, const std::string& file, const Image& image) {
    ++looked_at_;
    if (const auto range = narrow_range(image)) {
        ranges_.push_back(*range);
        narrow_.push_back(name + " " + range->text());
    }
    if (!reading_.exif_rotation && !file.empty() && orientation_of_file(file, reading_) != 1)
        not_turned_.push_back(name);
}

std::vector<Remark> OddImages::remarks(std::size_t few) const {
    std::vector<Remark> remarks;
    const bool deep = std::ranges::any_of(ranges_, [](const NarrowRange& range) { return range.bits > 8; });
    if (deep ? ranges_.size() > few : !ranges_.empty() && ranges_.size() == looked_at_)
        remarks.push_back({true, fmt::format("of {} images looked at {} have a narrow range ({}): {}", looked_at_,
                                             ranges_.size(), some_of(narrow_), range_advice(ranges_, reading_))});
    if (!not_turned_.empty())
        remarks.push_back(
            {true, fmt::format("of {} images looked at {} are not turned as EXIF says (exif_rotation is false): {}",
                               looked_at_, not_turned_.size(), some_of(not_turned_))});
    return remarks;
}

std::vector<Remark> describe_images(const Dataset& dataset) {
    std::vector<Remark> remarks;
    describe_formats(dataset, remarks);
    OddImages odd(dataset.reading());
    for (const auto& [split, index] : places(dataset)) {
        const Sample& sample = dataset.samples(split)[static_cast<std::size_t>(index)];
        try {
            odd.look(sample.name, sample.file, dataset.load(split, index));
        } catch (const StorageError&) {
            throw;
        } catch (const Error&) {
            continue;  // counted and named where it is loaded
        }
    }
    // A dark image now and then is none of the reading's.
    for (const Remark& remark : odd.remarks(odd.looked_at() / 4)) remarks.push_back(remark);
    return remarks;
}

}  // namespace keel
