#include "embed/predictor.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <new>
#include <utility>

#include "embed/loaded_model.h"
#include "graph/build/trace.h"
#include "kernels/cpu.h"
#include "kernels/reduce/reduce.h"

namespace keel {
namespace {

graph::Graph graph_of(const ModelSpec& spec, nn::Module& module) {
    return graph::trace(module, spec.image_size, spec.image_size, spec.options.channels);
}

graph::Graph checked(const ModelSpec& spec, graph::Graph graph) {
    check(graph);
    const graph::Buffer images{spec.image_size, spec.image_size, spec.options.channels},
        logits{1, 1, spec.options.classes};
    if (graph.map(graph.src) != images || graph.map(graph.dst) != logits)
        throw UsageError("[predictor] the graph is not one of images of " + std::to_string(images.h) + "x" +
                         std::to_string(images.w) + "x" + std::to_string(images.c) + " and " +
                         std::to_string(logits.c) + " classes");
    return graph;
}

/// That images of a file's size do not fit its model, or the graph not its spec, is the file's fault.
template <class Make>
auto blamed_on(const std::filesystem::path& checkpoint, const Make& make) {
    try {
        return make();
    } catch (const UsageError& error) {
        throw InputError("[checkpoint] " + checkpoint.string() + ": " + error.what());
    }
}

Predictor predictor_of(const std::filesystem::path& checkpoint, std::int64_t batch, Precision precision) {
    active_isa();  // what is wrong with KEEL_ISA is no fault of the file
    LoadedGraph loaded = load_graph(checkpoint);
    return blamed_on(checkpoint,
                     [&] { return Predictor(std::move(loaded.spec), std::move(loaded.graph), batch, precision); });
}

/// Returns which rows of a dense {n, ...} hold NaN or infinity.
std::vector<std::int64_t> not_finite(const Tensor& values) {
    std::vector<std::int64_t> rows;
    if (kernels::all_finite(values.elements(), values.data<float>())) return rows;
    const std::int64_t each = values.elements() / values.dim(0);
    for (std::int64_t row = 0; row < values.dim(0); ++row)
        if (!kernels::all_finite(each, values.data<float>() + row * each)) rows.push_back(row);
    return rows;
}

/// Runs the images [first, second). Where there is no memory for all of them at once, in halves.
std::vector<SpoiledImage> run_images(const Runtime& runtime, std::pair<std::int64_t, std::int64_t> images,
                                     const Tensor& src, const Tensor& dst) {
    const auto [first, last] = images;
    const std::int64_t each = src.elements() / src.dim(0), count = last - first;
    std::vector<SpoiledImage> spoiled;
    try {
        runtime.run(count, src.data<float>() + first * each, dst.data<float>() + first * dst.dim(1), {}, &spoiled);
        for (SpoiledImage& one : spoiled) one.image += first;
        return spoiled;
    } catch (const std::bad_alloc&) {
        if (count == 1) throw;
    }
    spoiled = run_images(runtime, {first, first + count / 2}, src, dst);
    std::ranges::copy(run_images(runtime, {first + count / 2, last}, src, dst), std::back_inserter(spoiled));
    return spoiled;
}

void add(std::vector<NoAnswer>& none, std::int64_t image, const std::string& why) {
    if (std::ranges::find(none, image, &NoAnswer::image) == none.end()) none.push_back({image, why});
}

}  // namespace

void require_answers(const std::vector<NoAnswer>& none, std::int64_t images, const std::string& who) {
    if (none.empty()) return;
    throw InputError("[" + who + "] image " + std::to_string(none.front().image + 1) + " of " + std::to_string(images) +
                     " has no answer: " + none.front().why +
                     (none.size() > 1 ? "; and " + std::to_string(none.size() - 1) + " more have none" : ""));
}

Predictor::Predictor(ModelSpec spec, graph::Graph graph, std::int64_t batch, Precision precision)
    : spec_(std::move(spec)), runtime_(checked(spec_, std::move(graph)), batch, precision) {}

Predictor::Predictor(ModelSpec spec, nn::Module& module, std::int64_t batch, Precision precision)
    : Predictor(spec, graph_of(spec, module), batch, precision) {}

Predictor::Predictor(const std::filesystem::path& checkpoint, std::int64_t batch, Precision precision)
    : Predictor(predictor_of(checkpoint, batch, precision)) {}

Tensor Predictor::logits(const Tensor& images) const {
    std::vector<NoAnswer> none;
    Tensor dst = logits(images, none);
    require_answers(none, dst.dim(0), "predictor");
    return dst;
}

Tensor Predictor::logits(const Tensor& images, std::vector<NoAnswer>& none) const {
    check(images);
    Tensor dst = Tensor::empty({images.dim(0), runtime_.graph().dst.c});
    logits(images, dst, none);
    return dst;
}

void Predictor::check(const Tensor& images) const {
    const auto size = spec_.image_size, channels = spec_.options.channels;
    const std::int64_t n = images && images.rank() == 4 ? images.dim(0) : -1;
    if (n < 0 || images.dims() != Dims{n, size, size, channels})
        throw UsageError("[predictor] wanted images of dims [n, " + std::to_string(size) + ", " + std::to_string(size) +
                         ", " + std::to_string(channels) + "], got " + (images ? images.dims().text() : "none"));
    if (images.dtype() != DType::f32)
        throw UsageError("[predictor] wanted f32 images, got " + std::string(name(images.dtype())));
}

void Predictor::logits(const Tensor& images, const Tensor& dst, std::vector<NoAnswer>& none) const {
    check(images);
    const Dims wanted{images.dim(0), runtime_.graph().dst.c};
    if (!dst || dst.dims() != wanted || dst.dtype() != DType::f32 || !dst.dense() || dst.layout())
        throw UsageError("[predictor] wanted dense f32 results of dims " + wanted.text() + ", got " +
                         (dst ? std::string(name(dst.dtype())) + " " + dst.dims().text() : "none"));
    const std::int64_t n = wanted[0];
    const Tensor src = images.contiguous();
    none.clear();
    if (n == 0) return;
    for (const std::int64_t image : not_finite(src)) add(none, image, "its pixels hold NaN or infinity");
    const std::vector<SpoiledImage> spoiled = run_images(runtime_, {0, n}, src, dst);
    for (const SpoiledImage& one : spoiled)
        add(none, one.image, one.node + " reads NaN or infinity, which no quantized value stands for");
    for (const std::int64_t image : not_finite(dst))
        add(none, image, "the model makes NaN or infinity of it: numbers on the way leave the range of floats");
    std::ranges::sort(none, {}, &NoAnswer::image);
    for (const NoAnswer& one : none)
        std::fill_n(dst.data<float>() + one.image * dst.dim(1), dst.dim(1), std::numeric_limits<float>::quiet_NaN());
}

void Predictor::predict(const Tensor& images, const Tensor& dst, std::vector<NoAnswer>& none) const {
    logits(images, dst, none);
    make_probabilities(spec_, dst);
}

}  // namespace keel
