// How an image is shown to a model that is asked about it: resized, cropped, and in several views whose probabilities
// are averaged (test-time augmentation).
//
//     const Predictor model("best.safetensors");
//     const ViewOptions views{.resize = 256, .kind = ViewKind::ten_crop};
//     const TransformOptions transform = transform_of(model.spec(), views);  // 256 x 256 pixels
//     const Image image = load_image("00000001_000.png", transform);
//     const Tensor scores = predict_views(model, input_of({&image, 1}, transform), views);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/pipeline/transform.h"
#include "embed/loaded_model.h"
#include "embed/predictor.h"

namespace keel {

/// one: the central crop. flip: it and its mirror image. ten_crop: the four corners, the centre, and their mirror
/// images (Krizhevsky, Sutskever and Hinton, NIPS 2012; torchvision's TenCrop).
enum class ViewKind { one, flip, ten_crop };

/// Returns "none", "flip" or "ten-crop".
const char* view_kind_name(ViewKind kind);
/// Returns the kind of that name; throws UsageError for another.
ViewKind parse_view_kind(const std::string& name);

/// Sides in pixels. For a square image torchvision's Resize(resize) and CenterCrop(crop) or TenCrop(crop); one that is
/// no square is made one first, as in training.
struct ViewOptions {
    std::int64_t resize = 0;  ///< side of the square that the image becomes; 0: the crop's, for ten_crop 8/7 of it
    std::int64_t crop = 0;    ///< side of what the model sees; 0: the side that it was trained with
    ViewKind kind = ViewKind::one;

    bool operator==(const ViewOptions&) const = default;
};

/// Returns the options with both sides as they are for a model. Throws UsageError for a crop larger than the square, or
/// sides out of range.
ViewOptions resolved(const ViewOptions& options, const ModelSpec& spec);

/// "resized to 256, ten crops of 224" for people; empty where a model just sees the whole image.
std::string views_text(const ViewOptions& options, const ModelSpec& spec);

/// One view: the crop's upper left corner, and whether the crop is mirrored left to right.
struct View {
    std::int64_t x = 0, y = 0;
    bool flip = false;

    bool operator==(const View&) const = default;
};

/// Returns the views of a square of side `side` in torchvision's order; the central crop is at round((side - crop) /
/// 2), half to even. A pure function.
std::vector<View> plan_views(std::int64_t side, std::int64_t crop, ViewKind kind);

/// Returns one view of images {n, side, side, channels}: {n, crop, crop, channels}.
Tensor view_of(const Tensor& images, const View& view, std::int64_t crop);

/// Returns the transform of the images that predict_views() wants: resized and normalized, not cropped yet.
TransformOptions transform_of(const ModelSpec& spec, const ViewOptions& options);

/// Makes a predictor of a checkpoint for crops of another side than the model was trained with, where that is asked
/// for; its spec says so. Weights of another program take over the labels of `scored_on` (see adopt_labels). Throws as
/// Predictor's constructor does, and UsageError for a quantized model, whose side is fixed.
Predictor load_predictor(const std::filesystem::path& checkpoint, const ViewOptions& options, std::int64_t batch = 1,
                         const Dataset* scored_on = nullptr, Precision precision = Precision::f32);
/// The same of a file that was opened, which is not read again where it was read whole.
Predictor load_predictor(const OpenedModel& file, const ViewOptions& options, std::int64_t batch = 1,
                         const Dataset* scored_on = nullptr, Precision precision = Precision::f32);

/// Returns the mean of the views' probabilities, {n, labels}, summed in double; of one view they are Predictor's, to
/// the bit. `images` {n, resize, resize, channels} are transformed with transform_of(model.spec(), options).
Tensor predict_views(const Predictor& model, const Tensor& images, const ViewOptions& options);
/// Returns the same with NaN for images without an answer (Predictor::logits()), which `none` gets, in order.
Tensor predict_views(const Predictor& model, const Tensor& images, const ViewOptions& options,
                     std::vector<NoAnswer>& none);

}  // namespace keel
