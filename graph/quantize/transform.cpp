#include "graph/quantize/transform.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/parallel.h"

namespace keel {
namespace {

using graph::Value;

constexpr double kLevels = 127;  // of weights, on each side of 0
/// A clamp is left for an affine where it would make this much more noise.
constexpr double kWorse = 2;

/// What a convolution reads: x = factor[c] * (code - offset[c]), of codes after `before`.
struct Source {
    std::vector<double> factor, offset;
    graph::CodesBefore before;
    Arithmetic arithmetic = Arithmetic::int8;
};

/// Weights that are rounded, with the step of each output channel.
struct RoundedWeights {
    Tensor codes;
    std::vector<double> step;
};

/// Weights times the factors of the channels that they meet, to s8, symmetric, the largest of each output channel at 127.
RoundedWeights round_weights(const graph::Conv& conv, const std::vector<double>& factor) {
    const std::int64_t oc = conv.weights.dim(0), ic = conv.weights.dim(1), taps = conv.weights.dim(2) * conv.weights.dim(3);
    const std::int64_t of_group = oc / conv.options.groups;
    RoundedWeights rounded{Tensor::empty(conv.weights.dims(), DType::s8), std::vector<double>(static_cast<std::size_t>(oc))};
    parallel_for(oc, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t o = begin; o < end; ++o) {
            const float* from = conv.weights.data<float>() + o * ic * taps;
            std::int8_t* to = rounded.codes.data<std::int8_t>() + o * ic * taps;
            const auto scaled = [&](std::int64_t i) {
                return double{from[i]} * factor[static_cast<std::size_t>(o / of_group * ic + i / taps)];
            };
            double most = 0;
            for (std::int64_t i = 0; i < ic * taps; ++i) most = std::max(most, std::abs(scaled(i)));
            const double step = most > 1e-30 ? most / kLevels : 1;
            rounded.step[static_cast<std::size_t>(o)] = step;
            for (std::int64_t i = 0; i < ic * taps; ++i)
                to[i] = static_cast<std::int8_t>(std::clamp(std::nearbyint(scaled(i) / step), -kLevels, kLevels));
        }
    });
    return rounded;
}

/// Sum over output channels of the noise that rounding weights and codes makes: a weight's error of step / sqrt(12) meets codes of
/// mean square `square` (in units of x), a code's of factor / sqrt(12) meets weights.
double noise_of(const graph::Conv& conv, const Source& src, const std::vector<double>& square) {
    const std::int64_t oc = conv.weights.dim(0), ic = conv.weights.dim(1), taps = conv.weights.dim(2) * conv.weights.dim(3);
    double noise = 0;
    for (std::int64_t o = 0; o < oc; ++o) {
        const float* w = conv.weights.data<float>() + o * ic * taps;
        const std::int64_t first = o / (oc / conv.options.groups) * ic;
        double most = 0, codes = 0, products = 0;
        for (std::int64_t i = 0; i < ic * taps; ++i) {
            const auto c = static_cast<std::size_t>(first + i / taps);
            const double scaled = double{w[i]} * src.factor[c];
            most = std::max(most, std::abs(scaled));
            products += scaled * scaled;
            if (src.factor[c] != 0) codes += square[c] / (src.factor[c] * src.factor[c]);
        }
        noise += (most / kLevels) * (most / kLevels) * codes + products;
    }
    return noise / 12;
}

class Transform {
public:
    Transform(const graph::Graph& floats, const Calibration& calibration, RangeMethod method, const Kept& kept)
        : floats_(floats), calibration_(calibration), method_(method), kept_(kept) {
        graph::Graph& g = result_.graph;
        g.buffers = floats.buffers;
        g.src = floats.src;
        g.dst = floats.dst;
        for (std::size_t i = 0; i < g.buffers.size(); ++i) {
            const int buffer = static_cast<int>(i);
            g.buffers[i].codes = buffer != g.src.buffer && buffer != g.dst.buffer && !kept.buffers.contains(buffer);
            codings_.emplace_back(static_cast<std::size_t>(g.buffers[i].c));
        }
    }

    CodedGraph run() && {
        for (step_ = 0; step_ < floats_.nodes.size(); ++step_) {
            const graph::Node& node = floats_.nodes[step_];
            const auto* conv = std::get_if<graph::Conv>(&node.op);
            const auto* pool = std::get_if<graph::Pool>(&node.op);
            if (stays(node) || (conv == nullptr && pool == nullptr))
                keep(node);
            else if (conv != nullptr)
                convert(node, *conv);
            else
                convert(node, *pool);
        }
        check(result_.graph);
        return std::move(result_);
    }

private:
    bool stays(const graph::Node& node) const {
        const Value* residual = residual_of(node);
        const auto& buffers = kept_.buffers;
        return kept_.names.contains(node.name) || buffers.contains(node.src.buffer) || buffers.contains(node.dst.buffer) ||
               (residual != nullptr && buffers.contains(residual->buffer));
    }
    const NodeCalibration& calibration() const { return calibration_.nodes[step_]; }
    std::vector<Coding>& codings_of_buffer(const Value& value) { return codings_[static_cast<std::size_t>(value.buffer)]; }
    std::vector<Coding> codings_of(const Value& value) {
        const auto begin = codings_of_buffer(value).begin() + value.first;
        return {begin, begin + value.c};
    }

    /// A buffer of the extents of value's, of its own.
    Value aside(const Value& value, bool codes) {
        const graph::Buffer& like = floats_.map(value);
        result_.graph.buffers.push_back({like.h, like.w, value.c, codes});
        codings_.emplace_back(static_cast<std::size_t>(value.c));
        return {static_cast<int>(result_.graph.buffers.size()) - 1, 0, value.c};
    }

    CodedNode& append(std::string name, const Value& src, const Value& dst, decltype(graph::Node::op) op) {
        result_.graph.nodes.push_back({std::move(name), src, dst, std::move(op)});
        return result_.nodes.emplace_back();
    }

    /// The same for a node that completes the result of the current node of floats.
    CodedNode& complete(const graph::Node& node, const Value& src, const Value& dst, decltype(graph::Node::op) op) {
        CodedNode& coded = append(node.name, src, dst, std::move(op));
        coded.made = static_cast<int>(step_);
        if (result_.graph.map(dst).codes) coded.dst = codings_of(dst);
        return coded;
    }

    /// The codes of a value; those of the images are made when they are first wanted.
    Value codes_of(const Value& value) {
        if (value.buffer != floats_.src.buffer) return value;
        if (!images_) {
            images_ = aside(value, true);
            const Coding coding = coding_of(calibration_.images, RangeMethod::minmax);
            codings_of_buffer(*images_).assign(static_cast<std::size_t>(value.c), coding);
            const auto c = static_cast<std::size_t>(value.c);
            append("images", floats_.src, *images_,
                   graph::Quantise{std::vector<float>(c, 1 / coding.scale), std::vector<float>(c, coding.zero)});
        }
        return {images_->buffer, value.first, value.c};
    }

    /// A value as floats, aside.
    Value floats_of(const Value& value, const std::string& name) {
        if (!result_.graph.map(value).codes) return value;
        const Value dst = aside(value, false);
        graph::Dequantise op;
        for (const Coding& coding : codings_of(value)) {
            op.scale.push_back(coding.scale);
            op.shift.push_back(-coding.scale * static_cast<float>(coding.zero));
        }
        append(name + ".dequantise", value, dst, std::move(op));
        return dst;
    }

    /// Decides on the codes of the current node's result.
    void code_result(const Value& dst) {
        if (!result_.graph.map(dst).codes) return;
        std::vector<Coding>& codings = codings_of_buffer(dst);
        const NodeCalibration& statistics = calibration_.nodes[pooled_from(dst)];
        std::vector<Coding> all(statistics.dst.of.size());
        parallel_for(std::ssize(all), 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i)
                all[static_cast<std::size_t>(i)] = coding_of(statistics.dst.of[static_cast<std::size_t>(i)], method_);
        });
        for (std::int64_t c = 0; c < dst.c; ++c)
            codings[static_cast<std::size_t>(dst.first + c)] = all[all.size() == 1 ? 0 : static_cast<std::size_t>(c)];
    }

    /// A maximum keeps codes as they are: what it reads is coded as its result wants to be.
    std::size_t pooled_from(const Value& dst) const {
        for (std::size_t i = step_ + 1; i < floats_.nodes.size(); ++i) {
            const graph::Node& node = floats_.nodes[i];
            const auto* pool = std::get_if<graph::Pool>(&node.op);
            if (pool != nullptr && pool->kind == graph::PoolKind::max && !pool->before && node.src == dst) return i;
            if (node.dst.buffer == dst.buffer) break;
        }
        return step_;
    }

    void keep(const graph::Node& node) {
        graph::Node copy = node;
        copy.src = floats_of(node.src, node.name);
        if (Value* residual = residual_of(copy)) *residual = floats_of(*residual, node.name + ".residual");
        const bool codes = result_.graph.map(node.dst).codes;
        if (!codes) {
            complete(node, copy.src, node.dst, copy.op).arithmetic = Arithmetic::fp32;
            return;
        }
        copy.dst = aside(node.dst, false);
        append(node.name, copy.src, copy.dst, std::move(copy.op));
        code_result(node.dst);
        graph::Quantise op;
        for (const Coding& coding : codings_of(node.dst)) {
            op.scale.push_back(1 / coding.scale);
            op.shift.push_back(coding.zero);
        }
        CodedNode& coded = complete(node, copy.dst, node.dst, std::move(op));
        result_.graph.nodes.back().name += ".quantise";
        coded.arithmetic = Arithmetic::fp32;
    }

    /// Codes as they are.
    Source plain(const Value& value) {
        Source src;
        for (const Coding& coding : codings_of(value)) {
            src.factor.push_back(coding.scale);
            src.offset.push_back(coding.zero);
        }
        return src;
    }

    /// relu(g * s * (q - z) + b) = g * s * (max(q, t) - t) for g > 0, with min for g < 0, where t = z - b / (g * s). The clamp is
    /// at the code nearest to t; where all codes are clamped the offset is the clamp, so that 0 stays 0.
    Source clamped(const Value& value, const graph::Affine& affine) {
        Source src;
        const std::vector<Coding> codings = codings_of(value);
        for (std::size_t c = 0; c < codings.size(); ++c) {
            const double slope = double{affine.scale[c]} * codings[c].scale, b = affine.shift[c];
            double t = slope != 0 ? codings[c].zero - b / slope : 0;
            std::uint8_t low = 0, high = 255;
            const auto edge = static_cast<std::uint8_t>(std::nearbyint(std::clamp(t, 0.0, 255.0)));
            (slope > 0 ? low : high) = edge;
            if ((slope > 0 && t >= 255) || (slope < 0 && t <= 0)) t = edge;
            src.factor.push_back(slope);
            src.offset.push_back(t);
            src.before.low.push_back(slope != 0 ? low : 0);
            src.before.high.push_back(slope != 0 ? high : 0);
        }
        return src;
    }

    /// The slope of a channel is 0 where its batch norm has none; its value is then a constant that the bias takes.
    static double constant_of(const graph::Affine& affine, std::size_t c) { return std::max(0.0F, affine.shift[c]); }

    /// The affine as it is, to codes of one scale for all channels.
    Source requantised(const Value& value, const graph::Affine& affine) {
        const Coding to = coding_of(calibration().before, method_);
        return requantised_to(value, affine, std::vector<Coding>(static_cast<std::size_t>(value.c), to));
    }

    Source requantised_to(const Value& value, const graph::Affine& affine, const std::vector<Coding>& to) {
        Source src;
        src.arithmetic = Arithmetic::requantised;
        const std::vector<Coding> codings = codings_of(value);
        for (std::size_t c = 0; c < codings.size(); ++c) {
            src.factor.push_back(to[c].scale);
            src.offset.push_back(to[c].zero);
            const double scale = double{affine.scale[c]} * codings[c].scale / to[c].scale;
            src.before.scale.push_back(static_cast<float>(scale));
            src.before.shift.push_back(
                static_cast<float>(to[c].zero + double{affine.shift[c]} / to[c].scale - scale * codings[c].zero));
        }
        return src;
    }

    Source source_of(const Value& value, const graph::Conv& conv) {
        if (!conv.before) return plain(value);
        Source affine = requantised(value, *conv.before);
        const bool has_constant = std::ranges::any_of(conv.before->scale, [](float g) { return g == 0; });
        if (conv.options.pad > 0 || has_constant) return affine;  // the code of 0 must be whole
        Source clamp = clamped(value, *conv.before);
        const std::vector<double>& square = calibration().before_square;
        return noise_of(conv, clamp, square) <= kWorse * noise_of(conv, affine, square) ? clamp : affine;
    }

    void convert(const graph::Node& node, const graph::Conv& conv) {
        const Value from = codes_of(node.src);
        const Source src = source_of(from, conv);
        const RoundedWeights rounded = round_weights(conv, src.factor);
        const auto residual = conv.residual ? codings_of(codes_of(*conv.residual)) : std::vector<Coding>();
        code_result(node.dst);  // it may take the residual's buffer
        const bool codes = result_.graph.map(node.dst).codes;
        const std::vector<Coding> dst = codes ? codings_of(node.dst) : std::vector<Coding>(static_cast<std::size_t>(node.dst.c));
        graph::QuantConv op;
        op.weights = rounded.codes;
        op.options = conv.options;
        op.before = src.before;
        if (conv.options.pad > 0 && std::ranges::any_of(src.offset, [](double z) { return z != 0; }))
            for (const double zero : src.offset) op.pad.push_back(static_cast<std::uint8_t>(zero));
        op.relu = conv.relu;
        op.zero = dst.front().zero;
        const std::int64_t ic = conv.weights.dim(1), taps = conv.weights.dim(2) * conv.weights.dim(3);
        for (std::int64_t o = 0; o < node.dst.c; ++o) {
            const auto at = static_cast<std::size_t>(o);
            const std::int8_t* k = rounded.codes.data<std::int8_t>() + o * ic * taps;
            const std::int64_t first = o / (node.dst.c / conv.options.groups) * ic;
            double zeros = 0;
            for (std::int64_t i = 0; i < ic * taps; ++i) zeros += k[i] * src.offset[static_cast<std::size_t>(first + i / taps)];
            double shift = (conv.bias[at] - rounded.step[at] * zeros) / dst[at].scale + dst[at].zero;
            if (conv.residual) {
                const double scale = double{residual[at].scale} / dst[at].scale;
                op.residual_scale.push_back(static_cast<float>(scale));
                shift -= scale * residual[at].zero;
            }
            op.scale.push_back(static_cast<float>(rounded.step[at] / dst[at].scale));
            op.shift.push_back(static_cast<float>(shift));
        }
        if (conv.residual) op.residual = codes_of(*conv.residual);
        CodedNode& coded = complete(node, from, node.dst, std::move(op));
        coded.arithmetic = src.arithmetic;
        coded.offset = src.offset;
    }

    void convert(const graph::Node& node, const graph::Pool& pool) {
        const Value from = codes_of(node.src);
        graph::QuantPool op{pool.kind, pool.window, {}, {}, {}, {}};
        if (pool.kind == graph::PoolKind::max) {
            if (pool.before) {
                code_result(node.dst);
                op.before = requantised_to(from, *pool.before, codings_of(node.dst)).before;
            } else {
                const std::vector<Coding> same = codings_of(from);
                std::ranges::copy(same, codings_of_buffer(node.dst).begin() + node.dst.first);
            }
            complete(node, from, node.dst, std::move(op));
            return;
        }
        code_result(node.dst);
        const bool codes = result_.graph.map(node.dst).codes;
        const bool whole = pool.window.pad > 0 && pool.kind == graph::PoolKind::average;  // needs a code of 0
        const Source src = !pool.before ? plain(from) : whole ? requantised(from, *pool.before) : clamped(from, *pool.before);
        op.before = src.before;
        if (whole)
            for (const double zero : src.offset) op.pad.push_back(static_cast<std::uint8_t>(zero));
        const std::vector<Coding> dst = codes ? codings_of(node.dst) : std::vector<Coding>(static_cast<std::size_t>(node.dst.c));
        for (std::size_t c = 0; c < dst.size(); ++c) {
            const double scale = src.factor[c] / dst[c].scale;
            double shift = dst[c].zero - scale * src.offset[c];
            if (pool.before && pool.before->scale[c] == 0 && src.arithmetic == Arithmetic::int8)
                shift = dst[c].zero + constant_of(*pool.before, c) / dst[c].scale;
            op.scale.push_back(static_cast<float>(scale));
            op.shift.push_back(static_cast<float>(shift));
        }
        complete(node, from, node.dst, std::move(op));
    }

    const graph::Graph& floats_;
    const Calibration& calibration_;
    RangeMethod method_;
    const Kept& kept_;
    CodedGraph result_;
    std::vector<std::vector<Coding>> codings_;  ///< of each channel of each buffer, as written last
    std::optional<Value> images_;
    std::size_t step_ = 0;
};

}  // namespace

CodedGraph to_codes(const graph::Graph& floats, const Calibration& calibration, RangeMethod method, const Kept& kept) {
    return Transform(floats, calibration, method, kept).run();
}

}  // namespace keel
