#include "serve/model_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>

#include "data/formats/decode.h"
#include "data/pipeline/resample.h"
#include "embed/images.h"
#include "engine/base64.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel::serve {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

/// The transform that all models of a version share, which alone makes "input" mean something.
bool reads_one_input(const ServedModel& model) {
    const std::vector<TransformOptions> all = model.scorer().transforms();
    return std::ranges::all_of(all, [&](const TransformOptions& one) { return one == all.front(); });
}

bool fits(std::int64_t extent, std::int64_t wanted) { return wanted < 0 || extent == wanted; }

std::optional<std::string> layout_of(const InferInput& input) {
    std::optional<std::string> layout = text_parameter(input.parameters, "layout");
    if (layout && *layout != "NHWC" && *layout != "NCHW")
        throw InputError("layout is NHWC or NCHW, got '" + excerpt(*layout) + "'");
    return layout;
}

std::string image_name(std::int64_t image) { return fmt::format("image {}", image + 1); }

}  // namespace

std::vector<TensorInfo> inputs_of(const ServedModel& model) {
    const std::int64_t channels = model.spec().options.channels, side = model.spec().image_size;
    std::vector<TensorInfo> inputs{
        {"image", "BYTES", {-1}, "files of images: PNG, JPEG, DICOM, TIFF, ...; in JSON as base64"},
        {"pixels", "UINT8", {-1, -1, -1, channels}, "decoded images of any size, 0 to 255; FP32: 0 to 1"}};
    if (reads_one_input(model))
        inputs.push_back({"input", "FP32", {-1, side, side, channels}, "what the network reads: resized, normalized"});
    return inputs;
}

std::vector<TensorInfo> outputs_of(const ServedModel& model) {
    const auto labels = std::ssize(model.labels());
    std::vector<TensorInfo> outputs{{"probabilities", "FP32", {-1, labels}, "of each label"}};
    if (!model.scorer().thresholds().empty())
        outputs.push_back({"calls", "INT8", {-1, labels}, "1 yes, 0 no, -1: no threshold was measured"});
    if (model.explains()) {
        outputs.push_back({"heatmap", "FP32", {-1, -1, -1}, "where a label is seen, 0 to 1"});
        outputs.push_back({"overlay", "BYTES", {-1}, "the image as PNG with the heatmap over it; in JSON as base64"});
    }
    return outputs;
}

RequestImages::RequestImages(const ServedModel& model, const InferRequest& request,
                             std::shared_ptr<const std::string> body, const RequestLimits& limits)
    : model_(model), body_(std::move(body)), limits_(limits) {
    if (request.inputs.size() != 1) throw InputError(fmt::format("wanted one input, got {}", request.inputs.size()));
    const InferInput& input = request.inputs.front();
    const std::vector<TensorInfo> known = inputs_of(model);
    const auto info = std::ranges::find(known, input.name, &TensorInfo::name);
    if (info == known.end()) {
        std::vector<std::string> names;
        for (const TensorInfo& one : known) names.push_back(one.name);
        throw InputError(
            fmt::format("the model has no input '{}': wanted one of {}", excerpt(input.name), fmt::join(names, ", ")));
    }
    if (input.datatype != info->datatype && !(input.name == "pixels" && input.datatype == "FP32"))
        throw InputError(
            fmt::format("the input {} is {}, got '{}'", info->name, info->datatype, excerpt(input.datatype)));
    count_ = input.shape.front();
    if (count_ < 1 || count_ > limits.images)
        throw InputError(fmt::format("wanted 1 to {} images a request, got {}", limits.images, count_));
    kind_ = input.name == "image" ? Kind::image : input.name == "pixels" ? Kind::pixels : Kind::input;
    if (kind_ == Kind::image)
        read_files(input);
    else
        read_layout(input);
}

void RequestImages::read_files(const InferInput& input) {
    layout_of(input);  // no file wants one, but none is nonsense either
    if (input.shape.size() > 2 || input.elements() != count_)
        throw InputError("the input image has the shape [n], got " + shape_text(input.shape));
    if (input.binary) {
        files_ = split_bytes(*input.binary, count_);
        return;
    }
    if (std::ssize(input.texts) != count_) throw InputError("the input image wants texts, in base64");
    for (const std::string& text : input.texts) decoded_.push_back(from_base64(text));
    files_.assign(decoded_.begin(), decoded_.end());
}

/// Says which extents are which, and that there are as many elements as they say.
void RequestImages::read_layout(const InferInput& input) {
    const std::int64_t channels = model_.spec().options.channels;
    const std::int64_t side = kind_ == Kind::input ? model_.spec().image_size : -1;
    const auto& shape = input.shape;
    const std::string wanted = kind_ == Kind::input
                                   ? fmt::format("[n, {0}, {0}, {1}] or [n, {1}, {0}, {0}]", side, channels)
                                   : std::string("[n, h, w, c] or [n, c, h, w]");
    if (shape.size() != 4)
        throw InputError(fmt::format("the input {} has the shape {}, got {}", input.name, wanted, shape_text(shape)));
    const auto has_channels = [&](std::int64_t extent) {
        return extent == channels || (kind_ == Kind::pixels && extent <= kMaxImageChannels &&
                                      channels_convert(static_cast<int>(extent), static_cast<int>(channels)));
    };
    const bool last = has_channels(shape[3]) && fits(shape[1], side) && fits(shape[2], side);
    const bool first = has_channels(shape[1]) && fits(shape[2], side) && fits(shape[3], side);
    const std::optional<std::string> layout = layout_of(input);
    if ((layout && *layout == "NHWC" && !last) || (layout && *layout == "NCHW" && !first) || (!last && !first))
        throw InputError(fmt::format("the input {} of {} channels has the shape {}, got {}{}", input.name, channels,
                                     wanted, shape_text(shape), layout ? " as " + *layout : ""));
    if (!layout && last && first)
        throw InputError(
            fmt::format("the shape {} may be NHWC or NCHW: wanted the parameter layout", shape_text(shape)));
    channels_first_ = layout ? *layout == "NCHW" : first;
    height_ = shape[channels_first_ ? 2 : 1];
    width_ = shape[channels_first_ ? 3 : 2];
    channels_ = shape[channels_first_ ? 1 : 3];
    require_pixels(width_, height_, "an image");
    bytes_ = input.datatype == "UINT8";
    const std::int64_t size = input.elements() * (bytes_ ? 1 : 4);
    if (input.binary) {
        if (std::ssize(*input.binary) != size)
            throw InputError(fmt::format("the input {} of shape {} has {} bytes, got {}", input.name, shape_text(shape),
                                         size, input.binary->size()));
        binary_ = input.binary;
        return;
    }
    if (std::ssize(input.numbers) != input.elements()) throw InputError("the input " + input.name + " wants numbers");
    const auto is_byte = [](float v) { return v >= 0 && v <= 255; };
    if (bytes_ && (!input.whole || !std::ranges::all_of(input.numbers, is_byte)))
        throw InputError("UINT8 are whole numbers of 0 to 255");
    numbers_ = input.numbers;
}

void RequestImages::require_pixels(std::int64_t width, std::int64_t height, const std::string& name) const {
    if (width < 1 || height < 1 || width > kMaxImageSide || height > kMaxImageSide || width * height > limits_.pixels)
        throw InputError(fmt::format("{} is {}x{}: wanted sides of 1 to {} and at most {} pixels", name, width, height,
                                     kMaxImageSide, limits_.pixels));
}

/// Writes one image's elements as {h, w, c}.
template <class T>
void RequestImages::copy_pixels(std::int64_t image, T* dst) const {
    const auto h = static_cast<std::size_t>(height_), w = static_cast<std::size_t>(width_),
               c = static_cast<std::size_t>(channels_), each = h * w * c,
               begin = static_cast<std::size_t>(image) * each;
    const auto element = [&](std::size_t i) {  // of a body, which is not aligned
        if (!binary_) return static_cast<T>(numbers_[begin + i]);
        T value;
        std::memcpy(&value, binary_->data() + (begin + i) * sizeof(T), sizeof(T));
        return value;
    };
    if (!channels_first_ && binary_) {
        std::memcpy(dst, binary_->data() + begin * sizeof(T), each * sizeof(T));
    } else if (!channels_first_) {
        for (std::size_t i = 0; i < each; ++i) dst[i] = element(i);
    } else {
        for (std::size_t k = 0; k < c; ++k)
            for (std::size_t i = 0; i < h * w; ++i) dst[i * c + k] = element(k * h * w + i);
    }
}

Image RequestImages::read(std::int64_t image, const TransformOptions& transform) const {
    const std::string name = image_name(image);
    if (kind_ == Kind::image) {
        const std::string_view file = files_[static_cast<std::size_t>(image)];
        const std::span bytes(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
        const ImageHeader header = probe_image(bytes, name);
        require_pixels(header.width, header.height, name);
        return decode_image(bytes, transform, name);
    }
    Image dst(static_cast<int>(width_), static_cast<int>(height_), static_cast<int>(channels_), bytes_ ? 8 : 32);
    if (bytes_) {
        copy_pixels(image, dst.pixels.data());
        return dst;
    }
    copy_pixels(image, dst.row_f(0));
    if (!std::ranges::all_of(std::span(dst.row_f(0), dst.samples()), [](float v) { return v >= 0 && v <= 1; }))
        throw InputError(name + " holds values outside of 0 to 1");
    return dst;
}

std::vector<ImageScorer::Inputs> RequestImages::inputs() const {
    const ImageScorer& scorer = model_.scorer();
    std::vector<ImageScorer::Inputs> all;
    for (std::int64_t i = 0; i < count_; ++i) {
        if (kind_ == Kind::input) {
            const Tensor input = Tensor::empty({1, height_, width_, channels_});
            copy_pixels(i, input.data<float>());
            all.emplace_back(scorer.models().size(), input);
        } else {
            all.push_back(scorer.inputs_by([&](const TransformOptions& transform) { return read(i, transform); }));
        }
    }
    return all;
}

Image RequestImages::shown(std::int64_t image, int side) const {
    TransformOptions transform = model_.scorer().transforms().front();
    transform.image_size = std::max(transform.image_size, side);  // no smaller for the sake of the network
    const Image seen = keel::shown(read(image, transform));
    const double scale = static_cast<double>(side) / std::max(seen.width, seen.height);
    if (scale >= 1) return seen;
    const auto scaled = [&](int extent) { return std::max(1, static_cast<int>(std::lround(extent * scale))); };
    return resize(seen, scaled(seen.width), scaled(seen.height));
}

}  // namespace keel::serve
