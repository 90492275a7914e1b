// A convolution of codes with all that it reads, its result and the truth.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv/variants.h"
#include "kernels/random.h"
#include "tests/support/isa.h"
#include "tests/support/qconv_oracle.h"

namespace keel::test::qconv {

using namespace keel::kernels;

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kCanary = 77;
constexpr float kNone = -std::numeric_limits<float>::infinity();

enum class Read { plain, clamped, affine };

/// A convolution with everything it reads; `ld_*` are how much wider than the channels the maps are.
struct Case {
    Conv2dGeometry g;
    Read read = Read::plain;
    bool residual = false, floats = false, padded_with_codes = false, extremes = false;
    std::int64_t src_gap = 0, dst_gap = 0;
    float least = 0;
    bool onto_residual = false;  ///< dst is the residual
};

/// Draws what is done to results and how maps lie; draw(low, high) includes both ends.
template <class DrawNumber>
void draw_surroundings(Case& c, const DrawNumber& draw) {
    c.residual = draw(0, 1) != 0;
    c.floats = draw(0, 3) == 0;
    c.padded_with_codes = draw(0, 1) != 0;
    c.extremes = draw(0, 3) == 0;
    c.src_gap = draw(0, 1) * draw(1, 9);
    c.dst_gap = draw(0, 1) * draw(1, 9);
    c.least = c.floats ? kNone : static_cast<float>(draw(0, 1) * draw(0, 255));
}

inline std::string text(const Case& c) {
    const auto number = [](auto value) { return std::to_string(value) + " "; };
    const Conv2dGeometry& g = c.g;
    return "n, map, channels " + number(g.n) + number(g.ih) + number(g.iw) + number(g.ic) + number(g.oc) + "kernel " +
           number(g.kh) + number(g.kw) + "stride " + number(g.stride_h) + number(g.stride_w) + "pad " +
           number(g.pad_h) + number(g.pad_w) + "dilation " + number(g.dilation_h) + number(g.dilation_w) + "groups " +
           number(g.groups) + "read " + number(static_cast<int>(c.read)) + "residual, floats, pad, extremes " +
           number(c.residual) + number(c.floats) + number(c.padded_with_codes) + number(c.extremes) + "onto residual " +
           number(c.onto_residual) + "gaps " + number(c.src_gap) + number(c.dst_gap) + "least " + number(c.least);
}

struct Problem {
    Problem(const Case& of, std::uint64_t seed) : c(of), random(seed, Draw::synthesize) {
        const Conv2dGeometry& g = c.g;
        src = codes(g.n * g.ih * g.iw * src_ld());
        pixels = g.n * g.oh() * g.ow();
        residual = codes(pixels * dst_ld());
        pad = codes(g.ic);
        low = codes(g.ic);
        high = codes(g.ic);
        for (std::size_t i = 0; i < low.size(); ++i)
            if (low[i] > high[i]) std::swap(low[i], high[i]);
        for (std::int64_t i = 0; i < g.weights_elements(); ++i)
            weights.push_back(static_cast<std::int8_t>(c.extremes ? (random.bits() % 2 != 0 ? 127 : -128)
                                                                  : static_cast<int>(random.bits() % 256) - 128));
        const auto products = static_cast<float>(g.weights_elements() / g.oc);
        for (std::int64_t i = 0; i < g.oc; ++i) {  // results that fill the codes and spill over at both ends
            scale.push_back(random.uniform(0.2F, 2) / (std::sqrt(products) * 100));
            shift.push_back(random.uniform(-100, 300));
            residual_scale.push_back(random.uniform(-1, 1));
        }
        for (std::int64_t i = 0; i < g.ic; ++i) {
            src_scale.push_back(random.uniform(-2, 2));
            src_shift.push_back(random.uniform(-200, 400));
        }
    }

    std::int64_t src_ld() const { return c.g.ic + c.src_gap; }
    std::int64_t dst_ld() const { return c.g.oc + c.dst_gap; }
    Bytes codes(std::int64_t count) {
        Bytes values(static_cast<std::size_t>(count));
        for (std::uint8_t& value : values)
            value = static_cast<std::uint8_t>(c.extremes ? (random.bits() % 2 != 0 ? 255 : 0) : random.bits() % 256);
        return values;
    }
    QconvWeights plain() const {
        return {weights.data(), scale.data(), shift.data(), c.residual ? residual_scale.data() : nullptr};
    }
    QconvOperands operands() const {
        QconvOperands o;
        o.src = {src.data(), src_ld()};
        if (c.read == Read::clamped) o.prologue = {low.data(), high.data(), nullptr, nullptr};
        if (c.read == Read::affine) o.prologue = {nullptr, nullptr, src_scale.data(), src_shift.data()};
        if (c.padded_with_codes) o.pad = pad.data();
        if (c.residual) o.residual = {residual.data(), dst_ld()};
        o.least = c.least;
        return o;
    }
    Bytes before() const {
        return c.onto_residual ? residual : Bytes(static_cast<std::size_t>(pixels * dst_ld()), kCanary);
    }
    /// What a variant makes of it: codes or floats, between the pixels what was there before.
    std::vector<float> result(const QconvVariant& variant, QconvMethod method = QconvMethod::fastest) const {
        const Qconv conv(c.g, variant, method);
        std::vector<std::uint8_t> memory(conv.packed_bytes() + 64);
        void* aligned = memory.data();
        std::size_t room = memory.size();
        auto* packed = static_cast<std::byte*>(std::align(64, conv.packed_bytes(), aligned, room));
        conv.pack(plain(), packed);
        QconvOperands o = operands();
        o.packed = packed;
        const auto elements = static_cast<std::size_t>(pixels * dst_ld());
        Bytes dst = before();
        std::vector<float> floats(elements, kCanary);
        if (c.onto_residual) o.residual.data = dst.data();
        if (c.floats)
            o.floats = {floats.data(), dst_ld()};
        else
            o.dst = {dst.data(), dst_ld()};
        conv.run(c.g.n, o);
        return c.floats ? floats : std::vector<float>(dst.begin(), dst.end());
    }
    std::vector<float> truth() const {
        const Bytes old = before();
        std::vector<float> wide(old.begin(), old.end());
        const std::vector<float> dense = qconv_oracle(c.g, plain(), operands());
        for (std::size_t i = 0; i < dense.size(); ++i) {
            const auto oc = static_cast<std::size_t>(c.g.oc);
            wide[i / oc * static_cast<std::size_t>(dst_ld()) + i % oc] =
                c.floats ? dense[i] : oracle_quantized(dense[i]);
        }
        return wide;
    }

    Case c;
    Random random;
    std::int64_t pixels = 0;
    Bytes src, residual, pad, low, high;
    std::vector<std::int8_t> weights;
    std::vector<float> scale, shift, residual_scale, src_scale, src_shift;
};

/// Calls body(variant) for all that this machine can run.
template <class Body>
void for_each_qconv(Body body) {
    for (const QconvVariant* variant : qconv_variants) {
        if (!available_isas().back().includes(variant->isa)) continue;
        INFO("variant of " << variant->isa.name << ", blocks of " << variant->block);
        body(*variant);
    }
}

/// A variant gives the truth on teams of one and three.
inline void check_qconv(const Case& c, const QconvVariant& variant, const Problem& problem,
                        const std::vector<float>& truth, QconvMethod method = QconvMethod::fastest) {
    INFO(text(c));
    for (const int threads : {1, 3}) {
        INFO(threads << " threads");
        const ThreadScope team(threads);
        const bool equal = problem.result(variant, method) == truth;
        CHECK(equal);
    }
}

inline Conv2dGeometry square(std::int64_t n, std::int64_t size, std::int64_t ic, std::int64_t oc, int kernel,
                             int stride = 1, int groups = 1) {
    Conv2dGeometry g{n, ic, size, size, oc, kernel, kernel, stride, stride, kernel / 2, kernel / 2};
    g.groups = groups;
    return g;
}

}  // namespace keel::test::qconv
