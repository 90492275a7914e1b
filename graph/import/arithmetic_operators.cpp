// Operators that work element by element. On constants they are done at once, in double.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "graph/import/maps.h"
#include "graph/import/operators.h"
#include "graph/ops/add.h"
#include "graph/ops/affine.h"
#include "graph/ops/binary.h"
#include "graph/ops/prelu.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

using kernels::Activation;
using kernels::ActivationKind;
using kernels::BinaryKind;

/// Adds an activation, which becomes part of what makes its source where nothing else reads that.
void activate(NodeScope& node, const Activation& activation, const Known& from) {
    const View view = whole_of(node, std::get<View>(from));
    const Value map = map_of(node, view);
    node.output(moved(view, node.builder().activation(node.name(), map, activation)));
}

using Function = double (*)(double);

/// A function of one number: of maps by its activation, of constants at once.
template <ActivationKind kKind>
void unary(NodeScope& node, Function function) {
    if (node.is_constant(0)) {
        node.require(!node.constant(0).free(), "numbers that are known");
        return node.output(mapped(node.constant(0), function));
    }
    activate(node, {kKind, 0, 0}, node.input(0));
}

void relu(NodeScope& node) {
    unary<ActivationKind::relu>(node, [](double x) { return x < 0 ? 0 : x; });
}
void sigmoid(NodeScope& node) {
    unary<ActivationKind::sigmoid>(node, [](double x) { return 1 / (1 + std::exp(-x)); });
}
void tanh(NodeScope& node) {
    unary<ActivationKind::tanh>(node, [](double x) { return std::tanh(x); });
}
void erf(NodeScope& node) {
    unary<ActivationKind::erf>(node, [](double x) { return std::erf(x); });
}
void exp(NodeScope& node) {
    unary<ActivationKind::exp>(node, [](double x) { return std::exp(x); });
}
void log(NodeScope& node) {
    unary<ActivationKind::log>(node, [](double x) { return std::log(x); });
}
void sqrt(NodeScope& node) {
    unary<ActivationKind::sqrt>(node, [](double x) { return std::sqrt(x); });
}
void abs(NodeScope& node) {
    unary<ActivationKind::abs>(node, [](double x) { return std::abs(x); });
}
void neg(NodeScope& node) {
    unary<ActivationKind::neg>(node, [](double x) { return -x; });
}
void reciprocal(NodeScope& node) {
    unary<ActivationKind::reciprocal>(node, [](double x) { return 1 / x; });
}
void softplus(NodeScope& node) {
    unary<ActivationKind::softplus>(node,
                                    [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); });
}
void mish(NodeScope& node) {
    unary<ActivationKind::mish>(node, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); });
}

void of_map(NodeScope& node, const Activation& activation) {
    node.require(!node.is_constant(0), "a map");
    activate(node, activation, node.input(0));
}
void leaky_relu(NodeScope& node) { of_map(node, {ActivationKind::leaky_relu, node.number("alpha", 0.01F), 0}); }
void elu(NodeScope& node) { of_map(node, {ActivationKind::elu, node.number("alpha", 1), 0}); }
void hard_sigmoid(NodeScope& node) {
    of_map(node, {ActivationKind::hard_sigmoid, node.number("alpha", 0.2F), node.number("beta", 0.5F)});
}
void hard_swish(NodeScope& node) { of_map(node, {ActivationKind::hard_swish, 0, 0}); }
void silu(NodeScope& node) { of_map(node, {ActivationKind::silu, 0, 0}); }
void gelu(NodeScope& node) {
    const std::string how = node.text("approximate", "none");
    node.require(how == "none" || how == "tanh", "an approximation none or tanh");
    of_map(node, {how == "none" ? ActivationKind::gelu : ActivationKind::gelu_tanh, 0, 0});
}

void clip(NodeScope& node) {
    constexpr float kMost = std::numeric_limits<float>::infinity();
    const auto bound = [&](const char* key, std::size_t i, float otherwise) {
        if (node.opset() < 11) return node.number(key, otherwise);
        if (!node.has(i)) return otherwise;
        node.require(node.constant(i).array.elements() == 1, "one number as a bound");
        const onnx::Array& array = node.constant(i).array;
        return array.floats.empty() ? static_cast<float>(array.integers[0]) : array.floats[0];
    };
    const float low = bound("min", 1, -kMost), high = bound("max", 2, kMost);
    node.require(!std::isnan(low) && !std::isnan(high), "bounds that are numbers");
    if (node.is_constant(0))
        return node.output(
            mapped(node.constant(0), [=](double x) { return std::min<double>(high, std::max<double>(low, x)); }));
    of_map(node, {ActivationKind::clip, low, high});
}

void prelu(NodeScope& node) {
    Operands operands = operands_of(node, 0, 1);
    node.require(!operands.swapped && !operands.second, "a slope that is a constant");
    const Value map = map_of(node, operands.first);
    node.require(operands.constant.size() <= static_cast<std::size_t>(map.c), "a slope, or one of each channel");
    const Buffer extents = node.builder().map(map);
    node.output(moved(operands.first, node.builder().append(node.name(), map, extents.h, extents.w, map.c,
                                                            PRelu{std::move(operands.constant)})));
}

double compute(BinaryKind kind, double a, double b) {
    switch (kind) {
        case BinaryKind::add:
            return a + b;
        case BinaryKind::sub:
            return a - b;
        case BinaryKind::mul:
            return a * b;
        case BinaryKind::div:
            return a / b;
        case BinaryKind::max:
            return std::max(a, b);
        case BinaryKind::min:
            return std::min(a, b);
        case BinaryKind::pow:
            return std::pow(a, b);
    }
    return 0;
}

/// Integers stay integers, of which the number of images may be part.
std::int64_t compute_whole(NodeScope& node, BinaryKind kind, std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    bool fits = true;
    if (kind == BinaryKind::add)
        fits = !__builtin_add_overflow(a, b, &result);
    else if (kind == BinaryKind::sub)
        fits = !__builtin_sub_overflow(a, b, &result);
    else if (kind == BinaryKind::mul)
        fits = !__builtin_mul_overflow(a, b, &result);
    else if (kind == BinaryKind::div) {
        node.require(b != 0 && !(a == std::numeric_limits<std::int64_t>::min() && b == -1), "a divisor that is not 0");
        result = a / b;
    } else {
        const double of = compute(kind, static_cast<double>(a), static_cast<double>(b));
        node.require(std::abs(of) < 9e18, "numbers of 64 bits");
        result = static_cast<std::int64_t>(of);
    }
    node.require(fits, "numbers of 64 bits");
    return result;
}

/// What the sum or product of two constants has to do with which image it is; empty: nothing.
std::vector<std::int64_t> each_image(NodeScope& node, BinaryKind kind, const Constant& a, const Constant& b) {
    if (a.images.empty() && b.images.empty()) return {};
    const bool sum = kind == BinaryKind::add || kind == BinaryKind::sub;
    node.require(sum || (kind == BinaryKind::mul && (a.images.empty() || b.images.empty())),
                 "sums of the images' numbers, or multiples of them");
    std::vector<std::int64_t> images;
    for (std::size_t i = 0; i < a.array.integers.size(); ++i)
        images.push_back(sum                ? compute_whole(node, kind, a.image(i), b.image(i))
                         : b.images.empty() ? compute_whole(node, kind, a.image(i), b.array.integers[i])
                                            : compute_whole(node, kind, a.array.integers[i], b.image(i)));
    return images;
}

void constants(NodeScope& node, BinaryKind kind, const Constant& a, const Constant& b) {
    const std::vector<std::int64_t> dims = broadcast_dims(a.dims(), b.dims());
    const Constant x = expanded(a, dims), y = expanded(b, dims);
    node.require(x.is_float() == y.is_float(), "constants of one type");
    Constant result = x;
    if (x.is_float()) {
        for (std::size_t i = 0; i < result.array.floats.size(); ++i)
            result.array.floats[i] =
                static_cast<float>(compute(kind, double{x.array.floats[i]}, double{y.array.floats[i]}));
        return node.output(std::move(result));
    }
    result.batches.assign(result.array.integers.size(), 0);
    result.images = each_image(node, kind, x, y);
    for (std::size_t i = 0; i < result.array.integers.size(); ++i) {
        const std::int64_t whole_a = x.array.integers[i], whole_b = y.array.integers[i];
        if (x.batch(i) != 0 || y.batch(i) != 0) {  // (a + bn) with n images
            const bool sum = kind == BinaryKind::add || kind == BinaryKind::sub;
            const bool scaled =
                kind == BinaryKind::mul || (kind == BinaryKind::div && y.batch(i) == 0 && whole_b != 0 &&
                                            whole_a % whole_b == 0 && x.batch(i) % whole_b == 0);
            node.require(sum || (scaled && (x.batch(i) == 0 || y.batch(i) == 0)),
                         "sums of the number of images, or multiples of it");
            result.batches[i] = sum || y.batch(i) == 0
                                    ? compute_whole(node, kind, x.batch(i), sum ? y.batch(i) : whole_b)
                                    : compute_whole(node, kind, whole_a, y.batch(i));
        }
        result.array.integers[i] = compute_whole(node, kind, whole_a, whole_b);
    }
    node.output(std::move(result));
}

/// A map and constants that are an affine of each channel, if they are one.
bool lower_affine(NodeScope& node, BinaryKind kind, const Operands& operands, const Value& map) {
    const auto c = static_cast<std::size_t>(map.c);
    const std::vector<float>& by = operands.constant;
    if (by.size() != 1 && by.size() != c) return false;
    if (kind > BinaryKind::div || (kind == BinaryKind::div && operands.swapped)) return false;
    std::vector<double> scale(c, 1), shift(c, 0);
    for (std::size_t i = 0; i < c; ++i) {
        const double number = by[by.size() == 1 ? 0 : i];
        if (kind == BinaryKind::mul)
            scale[i] = number;
        else if (kind == BinaryKind::div)
            scale[i] = 1 / number;
        else
            shift[i] = kind == BinaryKind::sub && !operands.swapped ? -number : number;
        if (kind == BinaryKind::sub && operands.swapped) scale[i] = -1;
    }
    for (std::size_t i = 0; i < c; ++i)
        if (!std::isfinite(static_cast<float>(scale[i])) || !std::isfinite(static_cast<float>(shift[i]))) return false;
    node.output(moved(operands.first, node.builder().affine(node.name(), map, scale, shift, false)));
    return true;
}

/// Two inputs of a node, whose own may be more (Sum, Max, Min).
void lower_binary(NodeScope& node, BinaryKind kind, std::size_t a, std::size_t b) {
    if (node.is_constant(a) && node.is_constant(b)) return constants(node, kind, node.constant(a), node.constant(b));
    Operands operands = operands_of(node, a, b);
    const Value map = map_of(node, operands.first);
    const Buffer extents = node.builder().map(map);
    if (!operands.second && lower_affine(node, kind, operands, map)) return;
    const bool same = operands.second && *operands.second != map &&
                      node.builder().map(*operands.second).h == extents.h &&
                      node.builder().map(*operands.second).w == extents.w && operands.second->c == map.c;
    if (kind == BinaryKind::add && same)
        return node.output(moved(operands.first, node.builder().add(node.name(), map, *operands.second)));
    Binary binary;
    binary.kind = kind;
    binary.swapped = operands.swapped;
    binary.operand = operands.second;
    binary.constant = std::move(operands.constant);
    node.output(
        moved(operands.first, node.builder().append(node.name(), map, extents.h, extents.w, map.c, std::move(binary))));
}

template <BinaryKind kKind>
void binary(NodeScope& node) {
    node.require(node.inputs() == 2, "two inputs");
    lower_binary(node, kKind, 0, 1);
}

/// Sum, Max and Min take any number of inputs: one after the other.
template <BinaryKind kKind>
void fold_inputs(NodeScope& node) {
    node.require(node.inputs() >= 1, "an input");
    if (node.inputs() == 1) return node.output(node.input(0));
    onnx::Node step{node.node().name, node.node().op, "", {node.node().inputs[0], ""}, {node.node().outputs[0]}, {}};
    for (std::size_t i = 1; i < node.inputs(); ++i) {
        step.inputs[1] = node.node().inputs[i];
        NodeScope of_two(step, node.opset(), node.values(), node.builder());
        lower_binary(of_two, kKind, 0, 1);
        step.inputs[0] = step.outputs[0];
    }
}

void mean(NodeScope& node) {
    fold_inputs<BinaryKind::add>(node);
    if (node.inputs() < 2) return;
    const std::string sum = node.node().outputs[0], count = sum + " (count)";
    node.values().known.insert_or_assign(count, float_constant({}, {static_cast<float>(node.inputs())}));
    const onnx::Node step{node.name(), "Div", "", {sum, count}, {sum}, {}};
    NodeScope division(step, node.opset(), node.values(), node.builder());
    lower_binary(division, BinaryKind::div, 0, 1);
    node.values().known.erase(count);
}

bool compare(const std::string& op, double a, double b) {
    if (op == "Equal") return a == b;
    if (op == "Less") return a < b;
    if (op == "LessOrEqual") return a <= b;
    if (op == "Greater") return a > b;
    if (op == "GreaterOrEqual") return a >= b;
    return op == "And" ? a != 0 && b != 0 : a != 0 || b != 0;
}

/// Comparisons are of shapes: of constants alone. One with the number of images is of a number that is not known, and
/// compared with another one it is taken for different.
void comparison(NodeScope& node) {
    const std::vector<std::int64_t> dims = broadcast_dims(node.constant(0).dims(), node.constant(1).dims());
    const Constant a = expanded(node.constant(0), dims), b = expanded(node.constant(1), dims);
    const auto at = [](const Constant& from, std::size_t i) {
        return from.is_float() ? double{from.array.floats[i]} : static_cast<double>(from.array.integers[i]);
    };
    Constant result = integer_constant(dims, {});
    result.array.type = onnx::ElementType::boolean;
    for (std::size_t i = 0; i < static_cast<std::size_t>(a.array.elements()); ++i) {
        const bool known = a.batch(i) == b.batch(i);
        node.require(known || node.node().op == "Equal", "numbers that are known");
        result.array.integers.push_back(known && compare(node.node().op, at(a, i), at(b, i)));
    }
    node.output(std::move(result));
}

void logical_not(NodeScope& node) {
    Constant result = node.constant(0);
    node.require(!result.is_float(), "booleans");
    for (std::int64_t& value : result.array.integers) value = value == 0;
    node.output(std::move(result));
}

void where(NodeScope& node) {
    const Constant& condition = node.constant(0);
    const bool all = std::ranges::all_of(condition.array.integers, [](std::int64_t x) { return x != 0; }),
               none = std::ranges::all_of(condition.array.integers, [](std::int64_t x) { return x == 0; });
    if (!node.is_constant(1) || !node.is_constant(2)) {
        node.require(all || none, "a condition that chooses one map as a whole");
        return node.output(node.input(all ? 1 : 2));
    }
    const std::vector<std::int64_t> dims =
        broadcast_dims(condition.dims(), broadcast_dims(node.constant(1).dims(), node.constant(2).dims()));
    const Constant choice = expanded(condition, dims), yes = expanded(node.constant(1), dims),
                   no = expanded(node.constant(2), dims);
    node.require(yes.is_float() == no.is_float() && !choice.is_float(), "constants of one type");
    Constant result = yes;
    result.batches.resize(result.array.integers.size());
    for (std::size_t i = 0; i < choice.array.integers.size(); ++i) {
        if (choice.array.integers[i] != 0) continue;
        if (yes.is_float()) {
            result.array.floats[i] = no.array.floats[i];
        } else {
            result.array.integers[i] = no.array.integers[i];
            result.batches[i] = no.batch(i);
        }
    }
    node.output(std::move(result));
}

template <Function kFunction>
void rounding(NodeScope& node) {
    node.output(mapped(node.constant(0), kFunction));
}

constexpr LowerEntry kArithmeticOperators[]{
    {"Relu", relu},
    {"Sigmoid", sigmoid},
    {"Tanh", tanh},
    {"Erf", erf},
    {"Exp", exp},
    {"Log", log},
    {"Sqrt", sqrt},
    {"Abs", abs},
    {"Neg", neg},
    {"Reciprocal", reciprocal},
    {"Softplus", softplus},
    {"Mish", mish},
    {"LeakyRelu", leaky_relu},
    {"Elu", elu},
    {"HardSigmoid", hard_sigmoid},
    {"HardSwish", hard_swish},
    {"Silu", silu},  // made of x * sigmoid(x) (patterns.h)
    {"Swish", silu},
    {"Gelu", gelu},
    {"Clip", clip},
    {"PRelu", prelu},
    {"Add", binary<BinaryKind::add>},
    {"Sub", binary<BinaryKind::sub>},
    {"Mul", binary<BinaryKind::mul>},
    {"Div", binary<BinaryKind::div>},
    {"Pow", binary<BinaryKind::pow>},
    {"Sum", fold_inputs<BinaryKind::add>},
    {"Max", fold_inputs<BinaryKind::max>},
    {"Min", fold_inputs<BinaryKind::min>},
    {"Mean", mean},
    {"Equal", comparison},
    {"Less", comparison},
    {"LessOrEqual", comparison},
    {"Greater", comparison},
    {"GreaterOrEqual", comparison},
    {"And", comparison},
    {"Or", comparison},
    {"Not", logical_not},
    {"Where", where},
    {"Floor", rounding<[](double x) { return std::floor(x); }>},
    {"Ceil", rounding<[](double x) { return std::ceil(x); }>},
};

}  // namespace

std::span<const LowerEntry> arithmetic_operators() { return kArithmeticOperators; }

}  // namespace keel::graph
