#include "embed/views.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "embed/foreign_weights.h"
#include "embed/images.h"
#include "graph/build/graph_file.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::array<std::pair<const char*, ViewKind>, 3> kKinds{
    {{"none", ViewKind::one}, {"flip", ViewKind::flip}, {"ten-crop", ViewKind::ten_crop}}};

constexpr std::int64_t kMaxSide = 4096;

/// (side - crop) / 2, half to even, as Python's round() does it for torchvision.
std::int64_t central(std::int64_t side, std::int64_t crop) {
    const std::int64_t twice = side - crop, half = twice / 2;
    return twice % 2 == 0 || half % 2 == 0 ? half : half + 1;
}

}  // namespace

const char* view_kind_name(ViewKind kind) { return kKinds[static_cast<std::size_t>(kind)].first; }

ViewKind parse_view_kind(const std::string& name) {
    for (const auto& [known, kind] : kKinds)
        if (name == known) return kind;
    throw UsageError("[views] wanted none, flip or ten-crop, got '" + name + "'");
}

ViewOptions resolved(const ViewOptions& options, const ModelSpec& spec) {
    ViewOptions o = options;
    if (o.crop == 0) o.crop = spec.image_size;
    if (o.resize == 0) o.resize = o.kind == ViewKind::ten_crop ? (8 * o.crop + 3) / 7 : o.crop;
    if (o.crop < 1 || o.crop > kMaxSide || o.resize < 1 || o.resize > kMaxSide)
        throw UsageError("[views] wanted sides of 1 to " + std::to_string(kMaxSide) + " pixels, got a crop of " +
                         std::to_string(o.crop) + " of " + std::to_string(o.resize));
    if (o.crop > o.resize)
        throw UsageError("[views] a crop of " + std::to_string(o.crop) + " pixels is larger than the image of " +
                         std::to_string(o.resize) + " that it is cut out of");
    if (o.kind == ViewKind::ten_crop && o.crop == o.resize)
        throw UsageError("[views] ten crops of " + std::to_string(o.crop) + " pixels of an image of " +
                         std::to_string(o.resize) + " are the same five times; wanted a larger image, or flip");
    return o;
}

std::string views_text(const ViewOptions& options, const ModelSpec& spec) {
    const ViewOptions o = resolved(options, spec);
    if (options == ViewOptions{}) return "";
    const std::string resize = "resized to " + std::to_string(o.resize), crop = std::to_string(o.crop);
    if (o.kind == ViewKind::ten_crop) return resize + ", ten crops of " + crop;
    return resize + (o.crop == o.resize ? "" : ", central crop of " + crop) +
           (o.kind == ViewKind::flip ? ", and mirrored" : "");
}

std::vector<View> plan_views(std::int64_t side, std::int64_t crop, ViewKind kind) {
    const std::int64_t middle = central(side, crop), far = side - crop;
    if (kind == ViewKind::one) return {{middle, middle, false}};
    // torchvision mirrors the image and then cuts: its crop at x is the mirror image of the one at side - crop - x.
    if (kind == ViewKind::flip) return {{middle, middle, false}, {middle, middle, true}};
    std::vector<View> views{{0, 0}, {far, 0}, {0, far}, {far, far}, {middle, middle}};
    for (std::size_t i = 0; i < 5; ++i) views.push_back({far - views[i].x, views[i].y, true});
    return views;
}

Tensor view_of(const Tensor& any_images, const View& view, std::int64_t crop) {
    const Tensor images = any_images.contiguous();
    const std::int64_t n = images.dim(0), h = images.dim(1), w = images.dim(2), c = images.dim(3);
    if (view.x < 0 || view.y < 0 || view.x + crop > w || view.y + crop > h)
        throw UsageError("[views] a crop of " + std::to_string(crop) + " pixels at " + std::to_string(view.x) + ", " +
                         std::to_string(view.y) + " is not within an image of " + std::to_string(w) + " x " +
                         std::to_string(h));
    Tensor dst = Tensor::empty({n, crop, crop, c});
    float* to = dst.data<float>();
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t y = 0; y < crop; ++y) {
            const float* row = images.data<float>() + ((i * h + view.y + y) * w + view.x) * c;
            for (std::int64_t x = 0; x < crop; ++x, to += c)
                std::copy_n(row + (view.flip ? crop - 1 - x : x) * c, c, to);
        }
    return dst;
}

TransformOptions transform_of(const ModelSpec& spec, const ViewOptions& options) {
    TransformOptions transform = transform_of(spec);
    transform.image_size = static_cast<int>(resolved(options, spec).resize);
    return transform;
}

Predictor load_predictor(const std::filesystem::path& checkpoint, const ViewOptions& options, std::int64_t batch,
                         const Dataset* scored_on, Precision precision) {
    return load_predictor(open_model(checkpoint), options, batch, scored_on, precision);
}

Predictor load_predictor(const OpenedModel& file, const ViewOptions& options, std::int64_t batch,
                         const Dataset* scored_on, Precision precision) {
    const auto& [checkpoint, spec, read] = file;
    if (!read && resolved(options, spec).crop == spec.image_size) return Predictor(checkpoint, batch, precision);
    CheckpointState state = read ? *read : load_model_state(checkpoint);
    const std::int64_t crop = resolved(options, spec).crop;
    const auto adopted = [&](ModelSpec of) {
        if (scored_on != nullptr) adopt_labels(of, scored_on->label_names(), scored_on->task() == Task::labels);
        return of;
    };
    if (holds_graph(state.metadata)) {
        if (crop != spec.image_size)
            throw UsageError("[views] " + checkpoint.string() + " is a graph of images of " +
                             std::to_string(spec.image_size) + " pixels and sees no crops of " + std::to_string(crop));
        LoadedGraph model = load_graph(std::move(state), checkpoint);
        return {adopted(model.spec), std::move(model.graph), batch, precision};
    }
    LoadedModel model = load_model(std::move(state), checkpoint);
    model.spec.image_size = crop;
    return {adopted(model.spec), *model.module, batch, precision};
}

Tensor predict_views(const Predictor& model, const Tensor& images, const ViewOptions& options) {
    std::vector<NoAnswer> none;
    Tensor mean = predict_views(model, images, options, none);
    require_answers(none, mean.dim(0), "views");
    return mean;
}

Tensor predict_views(const Predictor& model, const Tensor& images, const ViewOptions& options,
                     std::vector<NoAnswer>& none) {
    const ViewOptions o = resolved(options, model.spec());
    const std::int64_t n = images && images.rank() == 4 ? images.dim(0) : -1, channels = model.spec().options.channels;
    if (n < 0 || images.dims() != Dims{n, o.resize, o.resize, channels} || images.dtype() != DType::f32)
        throw UsageError("[views] wanted f32 images of dims [n, " + std::to_string(o.resize) + ", " +
                         std::to_string(o.resize) + ", " + std::to_string(channels) + "], got " +
                         (images ? images.dims().text() : "none"));
    const std::vector<View> views = plan_views(o.resize, o.crop, o.kind);
    if (views.size() == 1)
        return model.predict(o.crop == o.resize ? images : view_of(images, views.front(), o.crop), none);
    none.clear();
    std::vector<double> sums(static_cast<std::size_t>(n) * model.spec().label_names.size());
    for (const View& view : views) {
        std::vector<NoAnswer> of_view;
        const Tensor scores = model.predict(view_of(images, view, o.crop), of_view);
        for (NoAnswer& one : of_view)
            if (std::ranges::find(none, one.image, &NoAnswer::image) == none.end()) none.push_back(std::move(one));
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += double{scores.values<float>()[i]};
    }
    std::ranges::sort(none, {}, &NoAnswer::image);
    Tensor mean = Tensor::empty({n, std::ssize(model.spec().label_names)});
    for (std::size_t i = 0; i < sums.size(); ++i)
        mean.values<float>()[i] = static_cast<float>(sums[i] / static_cast<double>(views.size()));
    return mean;
}

}  // namespace keel
