#include "graph/quantize/correct.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/ops/conv.h"
#include "graph/ops/quant_conv.h"
#include "kernels/parallel.h"

namespace keel {
namespace {

/// Returns the mean of each of c channels, `value(pixel, channel)`.
template <class Value>
std::vector<double> means(std::int64_t pixels, std::int64_t c, Value value) {
    std::vector<double> sums(static_cast<std::size_t>(c));
    parallel_for(c, 16, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t p = 0; p < pixels; ++p)
            for (std::int64_t i = begin; i < end; ++i) sums[static_cast<std::size_t>(i)] += value(p, i);
    });
    for (double& sum : sums) sum /= static_cast<double>(pixels);
    return sums;
}

std::int64_t pixels_of(const graph::Graph& graph, const graph::Value& value, std::int64_t n) {
    return n * graph.map(value).h * graph.map(value).w;
}

/// Returns a quantized value as a convolution reads it.
double read(const graph::QuantPrologue& prologue, std::uint8_t q, std::size_t c) {
    if (!prologue.scale.empty())
        return std::nearbyint(
            std::clamp(std::fma(static_cast<float>(q), prologue.scale[c], prologue.shift[c]), 0.0F, 255.0F));
    return prologue.low.empty() ? q : std::min(std::max(q, prologue.low[c]), prologue.high[c]);
}

/// Returns what each convolution of floats reads, on average.
std::vector<std::vector<double>> float_means(const Runtime& floats, const Tensor& images) {
    const graph::Graph& graph = floats.graph();
    std::vector<std::vector<double>> all(graph.nodes.size());
    std::vector<float> made;
    Watch watch;
    watch.before = [&](std::size_t step, const void* first, std::int64_t ld) {
        const graph::Node& node = graph.nodes[step];
        if (node.as<graph::Conv>() == nullptr) return;
        const std::int64_t pixels = pixels_of(graph, node.src, images.dim(0)), c = node.src.c;
        const auto* src = static_cast<const float*>(first);
        if (const graph::Prologue* prologue = node.op.prologue()) {
            run_prologue(*prologue, src, pixels, c, ld, made);
            src = made.data();
            ld = c;
        }
        all[step] = means(pixels, c, [&](std::int64_t p, std::int64_t i) { return double{src[p * ld + i]}; });
    };
    const Tensor logits = Tensor::empty({images.dim(0), graph.dst.c});
    floats.run(images.dim(0), images.data<float>(), logits.data<float>(), watch);
    return all;
}

/// Sums of squares over the values of a node's result.
struct Noise {
    double signal = 0, noise = 0;

    void add(double truth, double value) {
        signal += truth * truth;
        noise += (value - truth) * (value - truth);
    }
    double decibels() const { return 10 * std::log10(std::max(signal, 1e-30) / std::max(noise, 1e-40)); }
};

/// Returns what floats make, node by node: dense [pixels, c].
std::vector<std::vector<float>> results_of(const Runtime& floats, const float* images, std::int64_t n) {
    const graph::Graph& graph = floats.graph();
    std::vector<std::vector<float>> results(graph.nodes.size());
    Watch watch;
    watch.after = [&](std::size_t step, const void* first, std::int64_t ld) {
        const graph::Value& dst = graph.nodes[step].dst;
        for (std::int64_t p = 0; p < pixels_of(graph, dst, n); ++p) {
            const float* pixel = static_cast<const float*>(first) + p * ld;
            results[step].insert(results[step].end(), pixel, pixel + dst.c);
        }
    };
    const Tensor logits = Tensor::empty({n, graph.dst.c});
    floats.run(n, images, logits.data<float>(), watch);
    return results;
}

/// Adds to a convolution's shift what its sums are off: `true_means` and `read_means` are those of the channels that
/// the convolution of floats and this one read.
void shift_by_means(const graph::Conv& floats, const std::vector<double>& true_means,
                    const std::vector<double>& read_means, const std::vector<QuantParams>& dst,
                    graph::QuantConv& conv) {
    const auto* w = floats.weights.data<float>();
    const auto* k = conv.weights.data<std::int8_t>();
    const std::int64_t oc = conv.weights.dim(0), ic = conv.weights.dim(1),
                       taps = conv.weights.dim(2) * conv.weights.dim(3);
    for (std::int64_t o = 0; o < oc; ++o) {
        const std::int64_t first_channel = o / (oc / conv.options.groups) * ic;
        double wanted = 0, got = 0;
        for (std::int64_t i = 0; i < ic * taps; ++i) {
            const auto c = static_cast<std::size_t>(first_channel + i / taps);
            wanted += double{w[o * ic * taps + i]} * true_means[c];
            got += k[o * ic * taps + i] * read_means[c];
        }
        const auto at = static_cast<std::size_t>(o);
        const double unit = dst.empty() ? 1 : dst[at].scale;
        conv.shift[at] = static_cast<float>(conv.shift[at] + wanted / unit - conv.scale[at] * got);
    }
}

/// Charges a node with what its result is off the truth, dense [pixels, c], and with Loss::own makes the truth of it,
/// as near as its kind allows.
void charge(const QuantizedNode& node, const float* truth, std::int64_t pixels, std::int64_t c, void* first,
            std::int64_t ld, Loss loss, Noise& noise) {
    for (std::int64_t p = 0; p < pixels; ++p)
        for (std::int64_t i = 0; i < c; ++i, ++truth) {
            if (node.dst.empty()) {
                float& value = static_cast<float*>(first)[p * ld + i];
                noise.add(*truth, value);
                if (loss == Loss::own) value = *truth;
            } else {
                std::uint8_t& value = static_cast<std::uint8_t*>(first)[p * ld + i];
                const QuantParams& params = node.dst[static_cast<std::size_t>(i)];
                const double scale = params.scale, zero = params.zero;
                noise.add(*truth, scale * (value - zero));
                if (loss == Loss::own)
                    value = static_cast<std::uint8_t>(std::nearbyint(std::clamp(*truth / scale + zero, 0.0, 255.0)));
            }
        }
}

}  // namespace

void correct_bias(const graph::Graph& weights, const Runtime& floats, QuantizedGraph& quantized, Runtime& runtime,
                  const Tensor& images) {
    const std::vector<std::vector<double>> true_means = float_means(floats, images);
    graph::Graph& graph = quantized.graph;
    Watch watch;
    watch.before = [&](std::size_t step, const void* first, std::int64_t ld) {
        graph::Node& node = graph.nodes[step];
        const QuantizedNode& of = quantized.nodes[step];
        auto* conv = node.as<graph::QuantConv>();
        if (conv == nullptr) return;
        const auto* src = static_cast<const std::uint8_t*>(first);
        const std::vector<double> read_means =
            means(pixels_of(graph, node.src, images.dim(0)), node.src.c, [&](std::int64_t p, std::int64_t i) {
                const auto c = static_cast<std::size_t>(i);
                return read(conv->prologue, src[p * ld + i], c) - of.offset[c];
            });
        const auto completes = static_cast<std::size_t>(of.completes);
        shift_by_means(*weights.nodes[completes].as<graph::Conv>(), true_means[completes], read_means, of.dst, *conv);
        runtime.set_shift(step, conv->shift);
    };
    const Tensor logits = Tensor::empty({images.dim(0), graph.dst.c});
    runtime.run(images.dim(0), images.data<float>(), logits.data<float>(), watch);
}

std::vector<double> signal_to_noise(const Runtime& floats, const QuantizedGraph& quantized, const Runtime& runtime,
                                    const Tensor& images, Loss loss) {
    const graph::Graph& graph = quantized.graph;
    std::vector<Noise> noise(graph.nodes.size());
    const std::int64_t together = std::min<std::int64_t>(4, images.dim(0)), size = images.elements() / images.dim(0);
    for (std::int64_t begin = 0; begin + together <= images.dim(0); begin += together) {
        const float* src = images.data<float>() + begin * size;
        const std::vector<std::vector<float>> results = results_of(floats, src, together);
        Watch watch;
        watch.after = [&](std::size_t step, void* first, std::int64_t ld) {
            const QuantizedNode& of = quantized.nodes[step];
            if (of.completes < 0) return;
            const graph::Value& dst = graph.nodes[step].dst;
            const float* truth = results[static_cast<std::size_t>(of.completes)].data();
            charge(of, truth, pixels_of(graph, dst, together), dst.c, first, ld, loss, noise[step]);
        };
        const Tensor logits = Tensor::empty({together, graph.dst.c});
        runtime.run(together, src, logits.data<float>(), watch);
    }
    std::vector<double> decibels;
    for (std::size_t i = 0; i < noise.size(); ++i)
        decibels.push_back(quantized.nodes[i].completes < 0 ? std::numeric_limits<double>::quiet_NaN()
                                                            : noise[i].decibels());
    return decibels;
}

}  // namespace keel
