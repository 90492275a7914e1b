#include "graph/import/codes.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "graph/build/buffers.h"
#include "graph/check.h"
#include "graph/import/coded_maps.h"
#include "graph/ops/activation.h"
#include "graph/ops/add.h"
#include "graph/ops/affine.h"
#include "graph/ops/binary.h"
#include "graph/ops/conv.h"
#include "graph/ops/fake_quantize.h"
#include "graph/ops/pool.h"
#include "graph/ops/quant_add.h"
#include "graph/ops/quant_conv.h"
#include "graph/ops/quant_convert.h"
#include "graph/ops/quant_pool.h"
#include "graph/quantize/factors.h"
#include "graph/quantize/reading.h"

namespace keel::graph {
namespace {

constexpr std::int64_t kMostProducts = 65793;  // of 255 * 128 in 32 bits
constexpr std::uint8_t kMostCode = 255;

using Params = std::vector<QuantParams>;
std::uint8_t zero_of(const QuantParams& params) { return params.zero; }
float scale_of(const QuantParams& params) { return params.scale; }

/// What rounding to 8 bits makes of each of c channels; none: it is to other numbers.
std::optional<Params> params_of(const FakeQuantize& op, std::int64_t c) {
    if (op.high - op.low != kMostCode) return {};
    Params params;
    for (std::int64_t i = 0; i < c; ++i) {
        const std::size_t at = op.scale.size() == 1 ? 0 : static_cast<std::size_t>(i);
        if (!std::isfinite(1 / op.scale[at])) return {};
        params.push_back({op.scale[at], static_cast<std::uint8_t>(op.zero[at] - op.low)});
    }
    return params;
}

/// The weights of a layer as multiples of its steps; none where they are not.
std::optional<RoundedWeights> multiples(const Conv& conv, const std::vector<float>& steps) {
    const WeightExtents e(conv);
    if (steps.size() != 1 && std::ssize(steps) != e.oc) return {};
    RoundedWeights rounded{Tensor::empty(conv.weights.dims(), DType::s8), {}};
    const float* from = conv.weights.data<float>();
    std::int8_t* to = rounded.values.data<std::int8_t>();
    for (std::int64_t o = 0; o < e.oc; ++o) {
        const float step = steps[steps.size() == 1 ? 0 : static_cast<std::size_t>(o)];
        rounded.step.push_back(step);
        for (std::int64_t i = 0; i < e.of_output(); ++i, ++from, ++to) {
            const float k = std::nearbyint(*from / step);
            if (!(k >= -128 && k <= 127) || k * step != *from) return {};
            *to = static_cast<std::int8_t>(k);
        }
    }
    return rounded;
}

/// The quantized value that stands for a number; none: it lies between two, or beyond them all.
std::optional<std::uint8_t> code_of(float number, const QuantParams& params) {
    const double code = std::nearbyint(params.zero + double{number} / params.scale);
    if (!(code >= 0 && code <= kMostCode) || static_cast<float>(code - params.zero) * params.scale != number) return {};
    return static_cast<std::uint8_t>(code);
}

/// The same of bounds; those that leave all quantized values as they are are the last of them.
std::optional<std::uint8_t> low_code(float bound, const QuantParams& params) {
    return params.zero + double{bound} / params.scale <= 0 ? std::uint8_t{0} : code_of(bound, params);
}
std::optional<std::uint8_t> high_code(float bound, const QuantParams& params) {
    return params.zero + double{bound} / params.scale >= kMostCode ? kMostCode : code_of(bound, params);
}

/// A number of each channel, of which there is one or one for all.
float of_channel(const std::vector<float>& numbers, std::size_t channel) {
    return numbers[numbers.size() == 1 ? 0 : channel];
}

class Coder {
public:
    Coder(const Graph& rounded, const WeightSteps& steps)
        : rounded_(rounded), steps_(steps), maps_(rounded, result_.graph), done_(rounded.nodes.size()) {}

    CodedGraph run() && {
        for (step_ = 0; step_ < rounded_.nodes.size(); ++step_) {
            const Node& node = rounded_.nodes[step_];
            result_.convolutions += node.as<Conv>() != nullptr;
            result_.roundings += node.as<FakeQuantize>() != nullptr;
            maps_.go_to(step_);
            if (!done_[step_] && !round(node) && !convolve(node) && !pool(node) && !add(node) && !reinterpret(node) &&
                !clamp(node))
                keep(node);
        }
        maps_.floats_of(rounded_.dst, "output");
        drop_unused_buffers(result_.graph);
        check(result_.graph);
        return std::move(result_);
    }

private:
    /// Where a node's result is rounded, and to what.
    struct Landing {
        std::size_t at;
        Value dst;
        Params params;
    };

    /// Where the current node's result is rounded, if that is all that becomes of it.
    std::optional<Landing> landing() const {
        const Value& value = rounded_.nodes[step_].dst;
        const auto touches = [](const Node& node, const Value& v) {
            return overlapping(node.dst, v) || reads_from(node, v);
        };
        const auto begin = rounded_.nodes.begin() + static_cast<std::ptrdiff_t>(step_) + 1;
        const auto rounds =
            std::find_if(begin, rounded_.nodes.end(), [&](const Node& node) { return touches(node, value); });
        const auto* op = rounds == rounded_.nodes.end() ? nullptr : rounds->as<FakeQuantize>();
        if (op == nullptr || rounds->src != value) return {};
        const auto params = params_of(*op, value.c);
        const auto touches_dst = [&](const Node& node) { return touches(node, rounds->dst); };
        const auto reads_value = [&](const Node& node) { return reads_from(node, value); };
        if (!params) return {};
        if (rounds->dst != value && (std::any_of(begin, rounds, touches_dst) || overlapping(rounded_.dst, value) ||
                                     std::any_of(rounds + 1, rounded_.nodes.end(), reads_value)))
            return {};
        return Landing{static_cast<std::size_t>(rounds - rounded_.nodes.begin()), rounds->dst, *params};
    }

    void append_codes(const std::string& name, const Value& src, const Value& dst, const Params& params, Op op) {
        const Node node{name, src, maps_.room_for(dst), std::move(op)};
        bool clash = false;
        for_each_read(node, [&](const Value& read, std::string_view role) {
            const bool may = read == node.dst && (role == "residual" || (role.empty() && node.op.in_place()));
            clash = clash || (overlapping(read, node.dst) && !may);
        });
        const Value room = clash ? maps_.new_room(dst) : node.dst;
        maps_.append(name, src, room, node.op);
        maps_.lies_in(dst, {room, params});
    }

    /// Appends the current node's operator of quantized values, which makes quantized values or floats.
    void land(const Node& node, const Value& src, Op op, const std::optional<Landing>& to) {
        if (to) {
            append_codes(node.name, src, to->dst, to->params, std::move(op));
            done_[to->at] = true;
        } else {
            maps_.append(node.name, src, node.dst, std::move(op));
            maps_.written(node.dst);
        }
    }

    bool round(const Node& node) {
        const auto* op = node.as<FakeQuantize>();
        const auto params = op == nullptr ? std::nullopt : params_of(*op, node.src.c);
        if (!params) return false;
        if (const auto codes = maps_.codes_of(node.src); codes && codes->params == *params) {
            maps_.lies_in(node.dst, *codes);  // they are that already
            return true;
        }
        if (const auto codes = maps_.codes_of(node.src); codes && requantize(node, *codes, *params)) return true;
        maps_.floats_of(node.src, node.name);
        Quantize quantize;
        for (const QuantParams& p : *params) {
            quantize.scale.push_back(1 / p.scale);
            quantize.shift.push_back(p.zero);
        }
        append_codes(node.name, node.src, node.dst, *params, std::move(quantize));
        return true;
    }

    /// Rounds quantized values to others, as a maximum over one pixel.
    bool requantize(const Node& node, const MapCodes& from, const Params& to) {
        QuantPrologue prologue;
        for (std::size_t c = 0; c < to.size(); ++c) {
            const double scale = double{from.params[c].scale} / to[c].scale;
            prologue.scale.push_back(static_cast<float>(scale));
            prologue.shift.push_back(static_cast<float>(to[c].zero - scale * from.params[c].zero));
        }
        if (!all_finite(prologue.scale) || !all_finite(prologue.shift)) return false;
        append_codes(node.name, from.at, node.dst, to,
                     QuantPool{PoolKind::max, {1, 1, 0}, std::move(prologue), {}, {}, {}});
        return true;
    }

    bool convolve(const Node& node) {
        const auto* conv = node.as<Conv>();
        const auto steps = conv == nullptr ? steps_.end() : steps_.find(node.name);
        if (steps == steps_.end() || conv->prologue || !conv->window.even() ||
            WeightExtents(*conv).of_output() > kMostProducts)
            return false;
        const auto src = maps_.codes_of(node.src);
        if (!src || !src->alike(scale_of)) return false;
        auto rounded = multiples(*conv, steps->second);
        if (!rounded) return false;
        for (double& step : rounded->step) step *= double{src->params.front().scale};
        const auto to = landing();
        const auto residual = conv->residual ? maps_.codes_of(*conv->residual) : std::nullopt;
        if (conv->residual && (!residual || !to)) return false;
        ConvParams params{residual ? residual->params : Params{},
                          to ? to->params : Params(static_cast<std::size_t>(node.dst.c))};
        QuantConv op;
        if (!set_least(*conv, to.has_value(), params.dst, op)) return false;
        op.weights = rounded->values;
        op.options = conv->window.options();
        if (conv->window.padded())
            for (const QuantParams& p : src->params) op.pad.push_back(p.zero);
        if (std::ranges::all_of(op.pad, [](std::uint8_t code) { return code == 0; })) op.pad.clear();
        if (residual) op.residual = residual->at;
        set_factors(*conv, *rounded, read_plain(src->params).offset, params, op);
        if (!all_finite(op.scale) || !all_finite(op.shift) || !all_finite(op.residual_scale)) return false;
        ++result_.in_codes;
        const Value from = clamped_before(node.src, *src, op.prologue);
        land(node, from, std::move(op), to);
        return true;
    }

    /// The least result of a convolution with a ReLU or a clip; false where it is none of quantized values.
    static bool set_least(const Conv& conv, bool lands, const Params& dst, QuantConv& op) {
        op.relu = conv.relu || conv.activation;
        if (conv.activation && (!lands || !ends_with_codes(*conv.activation, dst))) return false;
        op.zero = dst.front().zero;
        return !op.relu || MapCodes{{}, dst}.alike(zero_of);
    }

    /// If the node added last clamps what this convolution alone reads, takes it out: it becomes the prologue. Returns
    /// what is to be read.
    Value clamped_before(const Value& value, const MapCodes& src, QuantPrologue& prologue) {
        std::vector<Node>& nodes = result_.graph.nodes;
        auto* clamp = nodes.empty() || nodes.back().dst != src.at ? nullptr : nodes.back().as<QuantPool>();
        if (clamp == nullptr || !is_clamp(*clamp) || maps_.read_later(value) || !maps_.alone(src, value)) return src.at;
        prologue = std::move(clamp->prologue);
        const Value from = nodes.back().src;
        nodes.pop_back();
        return from;
    }

    static bool is_clamp(const QuantPool& pool) {
        return pool.kind == PoolKind::max && pool.window.kernel == 1 && pool.window.stride == 1 &&
               !pool.prologue.low.empty();
    }

    bool pool(const Node& node) {
        const auto* pool = node.as<Pool>();
        const auto src = pool == nullptr || pool->prologue ? std::nullopt : maps_.codes_of(node.src);
        if (!src) return false;
        QuantPool op{pool->kind, pool->window, {}, {}, {}, {}};
        if (pool->kind == PoolKind::max) {
            append_codes(node.name, src->at, node.dst, src->params, std::move(op));
            return true;
        }
        const auto to = landing();
        if (pool->kind == PoolKind::average && pool->window.pad > 0)
            for (const QuantParams& p : src->params) op.pad.push_back(p.zero);
        for (std::size_t c = 0; c < src->params.size(); ++c) {
            const QuantParams from = src->params[c], dst = to ? to->params[c] : QuantParams{};
            const double scale = double{from.scale} / dst.scale;
            op.scale.push_back(static_cast<float>(scale));
            op.shift.push_back(static_cast<float>(dst.zero - scale * from.zero));
        }
        if (!all_finite(op.scale) || !all_finite(op.shift)) return false;
        land(node, src->at, std::move(op), to);
        return true;
    }

    bool add(const Node& node) {
        const auto* sum = node.as<Add>();
        const auto to = sum == nullptr ? std::nullopt : landing();
        const auto a = to ? maps_.codes_of(node.src) : std::nullopt;
        const auto b = a ? maps_.codes_of(*sum->residual) : std::nullopt;
        if (!b || (sum->relu && !MapCodes{{}, to->params}.alike(zero_of))) return false;
        QuantAdd op;
        op.residual = b->at;
        op.relu = sum->relu;
        op.zero = to->params.front().zero;
        for (std::size_t c = 0; c < a->params.size(); ++c) {
            const QuantParams &x = a->params[c], &y = b->params[c], &dst = to->params[c];
            const double scale = double{x.scale} / dst.scale, other = double{y.scale} / dst.scale;
            op.scale.push_back(static_cast<float>(scale));
            op.residual_scale.push_back(static_cast<float>(other));
            op.shift.push_back(static_cast<float>(dst.zero - scale * x.zero - other * y.zero));
        }
        if (!all_finite(op.scale) || !all_finite(op.residual_scale) || !all_finite(op.shift)) return false;
        land(node, a->at, std::move(op), to);
        return true;
    }

    /// A number that is multiplied with or added changes what quantized values stand for, not them.
    bool reinterpret(const Node& node) {
        const auto* op = node.as<Binary>();
        auto codes = op == nullptr || op->operand ? std::nullopt : maps_.codes_of(node.src);
        using kernels::BinaryKind;
        if (!codes || (op->constant.size() != 1 && std::ssize(op->constant) != node.src.c) ||
            (op->kind != BinaryKind::add && op->kind != BinaryKind::mul))
            return false;
        for (std::size_t c = 0; c < codes->params.size(); ++c) {
            QuantParams& p = codes->params[c];
            const float number = of_channel(op->constant, c);
            if (op->kind == BinaryKind::mul) {
                p.scale *= number;
                if (!(p.scale > 0) || !std::isfinite(1 / p.scale) || !std::isfinite(p.scale)) return false;
            } else {
                const double steps = std::nearbyint(double{number} / p.scale), zero = p.zero - steps;
                if (!(zero >= 0 && zero <= kMostCode) || static_cast<float>(steps) * p.scale != number) return false;
                p.zero = static_cast<std::uint8_t>(zero);
            }
        }
        maps_.lies_in(node.dst, *codes);
        return true;
    }

    /// Bounds that are quantized values themselves.
    bool clamp(const Node& node) {
        const auto codes = maps_.codes_of(node.src);
        QuantPrologue bounds;
        if (!codes || !bounds_of(node, codes->params, bounds)) return false;
        std::vector<Node>& nodes = result_.graph.nodes;
        auto* conv = nodes.empty() || nodes.back().dst != codes->at ? nullptr : nodes.back().as<QuantConv>();
        const bool least = std::ranges::all_of(bounds.high, [](std::uint8_t high) { return high == kMostCode; }) &&
                           std::ranges::all_of(bounds.low, [&](std::uint8_t low) { return low == bounds.low[0]; });
        if (conv != nullptr && !conv->relu && least && (node.dst == node.src || !maps_.read_later(node.src)) &&
            maps_.alone(*codes, node.src)) {
            conv->relu = true;
            conv->zero = bounds.low[0];
            maps_.lies_in(node.dst, *codes);
        } else {
            QuantPool op{PoolKind::max, {1, 1, 0}, std::move(bounds), {}, {}, {}};
            append_codes(node.name, codes->at, node.dst, codes->params, std::move(op));
        }
        return true;
    }

    static bool bounds_of(const Node& node, const Params& params, QuantPrologue& bounds) {
        const auto* binary = node.as<Binary>();
        const auto* activate = node.as<Activate>();
        const auto* affine = node.as<Affine>();
        using kernels::BinaryKind;
        for (std::size_t c = 0; c < params.size(); ++c) {
            std::optional<std::uint8_t> low = std::uint8_t{0}, high = kMostCode;
            if (binary != nullptr && !binary->operand &&
                (binary->constant.size() == 1 || binary->constant.size() == params.size())) {
                if (binary->kind == BinaryKind::max)
                    low = low_code(of_channel(binary->constant, c), params[c]);
                else if (binary->kind == BinaryKind::min)
                    high = high_code(of_channel(binary->constant, c), params[c]);
                else
                    return false;
            } else if (activate != nullptr && activate->activation.kind == kernels::ActivationKind::clip) {
                low = low_code(activate->activation.alpha, params[c]);
                high = high_code(activate->activation.beta, params[c]);
            } else if (affine != nullptr && affine->relu && affine->scale[c] == 1 && affine->shift[c] == 0) {
                low = params[c].zero;
            } else {
                return false;
            }
            if (!low || !high || *low > *high) return false;
            bounds.low.push_back(*low);
            bounds.high.push_back(*high);
        }
        return true;
    }

    void keep(const Node& node) {
        for_each_read(node, [&](const Value& value, std::string_view) { maps_.floats_of(value, node.name); });
        maps_.append(node.name, node.src, node.dst, node.op);
        maps_.written(node.dst);
    }

    const Graph& rounded_;
    const WeightSteps& steps_;
    CodedGraph result_{};
    CodedMaps maps_;
    std::vector<bool> done_;  ///< nodes that became part of one before
    std::size_t step_ = 0;
};

}  // namespace

CodedGraph coded(const Graph& rounded, const WeightSteps& steps) { return Coder(rounded, steps).run(); }

}  // namespace keel::graph
