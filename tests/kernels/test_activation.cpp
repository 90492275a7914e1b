// Activations against their formulas in double: the bounds of kernels/activation/activation.h over floats of all sizes,
// the same bits from every variant, NaN, infinities and lengths.
#include <bit>
#include <cstring>
#include <string>

#include "kernels/activation/variants.h"
#include "tests/kernels/activation_truth.h"
#include "tests/support/catch.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

using Floats = std::vector<float>;

std::vector<Activation> all_activations() {
    std::vector<Activation> all;
    for (int kind = 0; kind < std::ssize(kActivationNames); ++kind) {
        Activation activation{static_cast<ActivationKind>(kind)};
        switch (activation.kind) {
            case ActivationKind::leaky_relu:
                activation.alpha = 0.01F;
                break;
            case ActivationKind::elu:
                activation.alpha = 0.7F;
                break;
            case ActivationKind::clip:
                activation = {activation.kind, -1.5F, 6};
                break;
            case ActivationKind::hard_sigmoid:
                activation = {activation.kind, 0.2F, 0.5F};
                break;
            default:
                break;
        }
        all.push_back(activation);
    }
    return all;
}

const char* name_of(const Activation& activation) {
    return kActivationNames[static_cast<std::size_t>(activation.kind)];
}

/// Floats of every sign and exponent, subnormal ones included, and many where most functions bend.
Floats samples() {
    Floats all;
    for (std::uint64_t bits = 0; bits < (1ULL << 32); bits += 130'003) {
        const float x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
        if (std::isfinite(x)) all.push_back(x);
    }
    for (const float reach : {1.0F, 20.0F, 110.0F})
        for (const float x : uniform(30'000, 7, -reach, reach)) all.push_back(x);
    return all;
}

Floats activated(const Activation& activation, const Floats& src) {
    Floats dst(src.size());
    const auto n = std::ssize(src);
    activation_forward(activation, {1, n, n, n}, src.data(), dst.data());
    return dst;
}

/// Returns how far beyond its bound the worst result is, in bounds: at most 1.
double worst_of(const Activation& activation, const Floats& src, const Floats& dst, float& where) {
    double worst = 0;
    for (std::size_t i = 0; i < src.size(); ++i) {
        const ActivationTruth truth(activation, src[i]);
        const auto rounded = static_cast<float>(truth.value);
        double share = std::abs(double{dst[i]} - truth.value) / truth.bound;
        if (std::isnan(truth.value) || std::isinf(rounded) || dst[i] == rounded)
            share = same(dst[i], rounded) ? 0 : 9e9;
        if (!(share <= worst)) {
            worst = std::isnan(share) ? 9e9 : share;
            where = src[i];
        }
    }
    return worst;
}

}  // namespace

TEST_CASE("activations keep to their bounds over all floats", "[activation]") {
    const Floats src = samples();
    for (const Activation& activation : all_activations()) {
        float where = 0;
        const double worst = worst_of(activation, src, activated(activation, src), where);
        INFO(name_of(activation) << " at " << where << ": error " << worst << " bounds");
        CHECK(worst <= 1);
    }
}

TEST_CASE("every variant of activations gives the same bits", "[activation]") {
    Floats src = samples();
    for (const float special : {kInfinity, -kInfinity, kNaN}) src.push_back(special);
    const auto n = std::ssize(src);
    const UnaryGeometry g{1, n, n, n};
    for (const Activation& activation : all_activations()) {
        Floats truth(src.size());
        activation_scalar.forward(activation, g, src.data(), truth.data());
        for (const ActivationVariant* variant : activation_variants) {
            if (!available_isas().back().includes(variant->isa)) continue;
            INFO(name_of(activation) << " on " << variant->isa.name);
            Floats dst(src.size());
            variant->forward(activation, g, src.data(), dst.data());
            std::size_t different = 0;
            for (std::size_t i = 0; i < src.size(); ++i)
                if (std::bit_cast<std::uint32_t>(dst[i]) != std::bit_cast<std::uint32_t>(truth[i]) &&
                    !(std::isnan(dst[i]) && std::isnan(truth[i])))
                    ++different;
            CHECK(different == 0);
        }
    }
}

TEST_CASE("activations keep NaN, and have their limits at the infinities", "[activation]") {
    struct Limits {
        ActivationKind kind;
        float low, high;
    };
    using enum ActivationKind;
    for_each_isa([] {
        for (const Activation& activation : all_activations()) {
            INFO(name_of(activation));
            CHECK(std::isnan(activated(activation, {kNaN})[0]));
        }
        for (const auto& [kind, low, high] :
             {Limits{relu, 0, kInfinity}, Limits{sigmoid, 0, 1}, Limits{silu, 0, kInfinity}, Limits{tanh, -1, 1},
              Limits{erf, -1, 1}, Limits{gelu, 0, kInfinity}, Limits{gelu_tanh, 0, kInfinity},
              Limits{exp, 0, kInfinity}, Limits{log, kNaN, kInfinity}, Limits{sqrt, kNaN, kInfinity},
              Limits{abs, kInfinity, kInfinity}, Limits{neg, kInfinity, -kInfinity}, Limits{reciprocal, 0, 0},
              Limits{softplus, 0, kInfinity}, Limits{mish, 0, kInfinity}, Limits{hard_swish, 0, kInfinity}}) {
            INFO(name_of({kind}));
            CHECK(same(activated({kind}, {-kInfinity, kInfinity}), {low, high}));
        }
        CHECK(same(activated({clip, -2, 6}, {-kInfinity, kInfinity}), {-2, 6}));
        CHECK(same(activated({elu, 0.5F, 0}, {-kInfinity, kInfinity}), {-0.5F, kInfinity}));
        CHECK(same(activated({hard_sigmoid, 0.2F, 0.5F}, {-kInfinity, kInfinity}), {0, 1}));
        CHECK(same(activated({leaky_relu, 0.5F, 0}, {-kInfinity, kInfinity}), {-kInfinity, kInfinity}));
        CHECK(same(activated({log}, {0.0F, -0.0F, -1}), {-kInfinity, -kInfinity, kNaN}));
        CHECK(same(activated({reciprocal}, {0.0F, -0.0F}), {kInfinity, -kInfinity}));
        for (const ActivationKind odd : {tanh, erf}) CHECK(std::signbit(activated({odd}, {-0.0F})[0]));
    });
}

TEST_CASE("activations walk any length and pixel distance, in place as well", "[activation]") {
    const Activation silu{ActivationKind::silu};
    for_each_isa([&] {
        for (const std::int64_t c : kLengths)
            for (const int threads : {1, 3}) {
                const ThreadScope team(threads);
                INFO(c << " channels, " << threads << " threads");
                constexpr std::int64_t kRows = 700;
                const std::int64_t src_ld = c + 3, dst_ld = c + 5;
                const Floats src = uniform(kRows * src_ld, 3, -5, 5);
                Floats dst(static_cast<std::size_t>(kRows * dst_ld), 77.0F), in_place = src;
                activation_forward(silu, {kRows, c, src_ld, dst_ld}, src.data(), dst.data());
                activation_forward(silu, {kRows, c, src_ld, src_ld}, in_place.data(), in_place.data());
                const Floats wanted = activated(silu, src);
                std::size_t wrong = 0;
                for (std::int64_t r = 0; r < kRows; ++r)
                    for (std::int64_t i = 0; i < dst_ld; ++i) {
                        const auto at = static_cast<std::size_t>(r * src_ld + i);
                        if (dst[static_cast<std::size_t>(r * dst_ld + i)] != (i < c ? wanted[at] : 77.0F)) ++wrong;
                        if (i < src_ld && in_place[at] != (i < c ? wanted[at] : src[at])) ++wrong;
                    }
                CHECK(wrong == 0);
            }
    });
}
