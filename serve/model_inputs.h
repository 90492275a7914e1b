// What a request's tensors mean for a model: the inputs and outputs that it offers, and images made of either form.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "serve/infer_request.h"
#include "serve/served_model.h"

namespace keel::serve {

/// A tensor that a model takes or gives; -1 is an extent of any length.
struct TensorInfo {
    std::string name, datatype;
    std::vector<std::int64_t> shape;
    std::string about;  ///< for people
};

/// Of these a request has one:
///   image   BYTES [n]            files: PNG, JPEG, DICOM, TIFF, ...; in JSON as base64
///   pixels  UINT8 [n, h, w, c]   decoded images of any size, 0 to 255; or FP32, 0 to 1
///   input   FP32 [n, s, s, c]    what the network reads: resized and normalized. Only of models that all read the same
/// The last two may be [n, c, h, w] as well; where the shape fits both, the parameter "layout" says "NCHW" or "NHWC".
std::vector<TensorInfo> inputs_of(const ServedModel& model);

/// probabilities FP32 [n, labels], the answer if nothing else is asked for; calls INT8 [n, labels]: 1 yes, 0 no, -1 no
/// threshold was measured, of models with operating points; of models that explain() heatmap FP32 [n, h, w], and
/// overlay BYTES [n], the image as PNG with the heatmap over it.
std::vector<TensorInfo> outputs_of(const ServedModel& model);

struct RequestLimits {
    std::int64_t images = 128;         ///< of a request
    std::int64_t pixels = 50'000'000;  ///< of an image, whatever its file says
};

/// Images of a request as the model takes them, and as a person sees them.
class RequestImages {
public:
    /// Looks at the request; `body` is what its views are of, and is kept. Throws InputError for inputs that the model
    /// does not have, and for shapes, types, sizes or numbers of images that do not fit.
    RequestImages(const ServedModel& model, const InferRequest& request, std::shared_ptr<const std::string> body,
                  const RequestLimits& limits);

    std::int64_t count() const { return count_; }
    /// Returns what the model reads, of each image. Throws InputError that names the first image (from 1 on) that
    /// cannot be read.
    std::vector<ImageScorer::Inputs> inputs() const;
    /// Whether there are images to look at: not where the request has the network's own input.
    bool visible() const { return kind_ != Kind::input; }
    /// Returns an image to look at: 8 bits, grey or RGB, its longer side at most `side` pixels. Throws as inputs().
    Image shown(std::int64_t image, int side) const;

private:
    enum class Kind { image, pixels, input };

    Image read(std::int64_t image, const TransformOptions& transform) const;
    void read_files(const InferInput& input);
    void read_layout(const InferInput& input);
    template <class T>
    void copy_pixels(std::int64_t image, T* dst) const;
    void require_pixels(std::int64_t width, std::int64_t height, const std::string& name) const;

    const ServedModel& model_;
    std::shared_ptr<const std::string> body_;
    const RequestLimits limits_;
    Kind kind_ = Kind::image;
    std::int64_t count_ = 0;
    std::vector<std::string_view> files_;  ///< of image
    std::vector<std::string> decoded_;     ///< what was base64
    bool bytes_ = false, channels_first_ = false;
    std::int64_t height_ = 0, width_ = 0, channels_ = 0;
    std::vector<float> numbers_;              ///< of pixels and input, from JSON
    std::optional<std::string_view> binary_;  ///< or as bytes
};

}  // namespace keel::serve
