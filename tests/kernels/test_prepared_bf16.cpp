// Prepared convolutions of bf16 maps, on every ISA: what is packed once gives the bits of what is packed in each pass,
// and with every fusion what f32 gives, rounded.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/error.h"
#include "kernels/igemm/winograd.h"
#include "kernels/routing/prepared.h"
#include "tests/kernels/halves.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

/// A kernel of inference with its weights packed, on lines of memory.
struct Packed {
    Packed(const Conv2dGeometry& g, const ConvFusion& fusion, const Floats& weights)
        : conv(prepare_conv(g, fusion)), storage(static_cast<std::size_t>(conv->weights_elements()) + 16) {
        while (reinterpret_cast<std::uintptr_t>(storage.data() + shift) % 64 != 0) ++shift;
        conv->pack(weights.data(), storage.data() + shift);
    }
    const float* weights() const { return storage.data() + shift; }

    std::unique_ptr<const PreparedConv> conv;
    Floats storage;
    std::size_t shift = 0;
};

/// Maps of bf16 with their pixels apart, weights, and what belongs to channels.
struct PreparedCase {
    explicit PreparedCase(const Conv2dGeometry& geometry)
        : g(geometry),
          src(true, nearest(uniform(g.n * g.ih * g.iw * g.ic, 1)), g.ic, g.ic + 6),
          residual(true, nearest(uniform(pixels() * g.oc, 2)), g.oc, g.oc + 2),
          weights(uniform(g.weights_elements(), 3)),
          scale(uniform(g.ic, 4, -2, 2)),
          shift(uniform(g.ic, 5)),
          bias(uniform(g.oc, 6)) {}

    std::int64_t pixels() const { return g.n * g.oh() * g.ow(); }

    /// Runs on g.n images with the residual's map as dst where `in_place`.
    Floats run(const Packed& packed, EitherMap& to, bool in_place) const {
        EitherMap from = to.halves ? src : EitherMap(false, src.values(), g.ic, g.ic + 6);
        EitherMap added = to.halves ? residual : EitherMap(false, residual.values(), g.oc, g.oc + 2);
        EitherMap& dst = in_place ? added : to;
        packed.conv->run(
            g.n, {from.read(), scale.data(), shift.data(), packed.weights(), bias.data(), added.read(), dst.write()});
        return dst.values();
    }
    EitherMap map(bool halves) const {
        return {halves, Floats(static_cast<std::size_t>(pixels() * g.oc), kCanary), g.oc, g.oc + 2};
    }

    Conv2dGeometry g;
    EitherMap src, residual;
    Floats weights, scale, shift, bias;
};

/// What a pass that packs its weights itself makes of the same.
Floats packed_in_the_pass(const PreparedCase& c, const ConvFusion& fusion, bool winograd) {
    EitherMap src = c.src, residual = c.residual, dst = c.map(true);
    IgemmFusion with;
    if (fusion.src_affine) with.src_affine = {c.scale.data(), c.shift.data(), true};
    if (fusion.bias) with.bias = c.bias.data();
    if (fusion.residual) with.residual = residual.read();
    with.relu = fusion.relu;
    with.activation = fusion.activation;
    (winograd ? winograd_forward : igemm_forward)(c.g, src.read(), as_panels(c.g, c.weights).data(), with, dst.write());
    return dst.values();
}

// Channels of whole panels on every ISA; some maps of less than the pixels from which Winograd's algorithm serves.
const Conv2dGeometry kPreparedGeometries[] = {
    {1, 32, 7, 7, 64, 1, 1},                   // of a batch of one
    {3, 1160, 5, 5, 32, 1, 1},                 // deeper than a block of the depth
    {2, 64, 9, 8, 32, 1, 1, 2, 2},             //
    {3, 32, 9, 8, 64, 3, 3, 1, 1, 1, 1},       // Winograd's
    {1, 160, 7, 7, 32, 3, 3, 1, 1, 1, 1},      // few pixels, several blocks of the depth
    {2, 36, 9, 9, 32, 3, 3, 2, 2, 1, 1},       // from half a panel
    {1, 64, 6, 6, 32, 3, 3, 1, 1, 2, 2, 2, 2}  // dilated
};

const ConvFusion kFusions[] = {
    {.maps = DType::bf16},
    {.bias = true, .relu = true, .maps = DType::bf16},
    {.src_affine = true, .bias = true, .residual = true, .relu = true, .maps = DType::bf16},
    {.bias = true, .residual = true, .activation = {ActivationKind::silu}, .maps = DType::bf16},
    {.activation = {ActivationKind::clip, 0, 6}, .maps = DType::bf16},
};

}  // namespace

TEST_CASE("weights of bf16 packed once give the bits of those packed in each pass", "[prepared_conv][bf16]") {
    for_each_isa([] {
        for (const int threads : {1, 2})
            for (const Conv2dGeometry& g : kPreparedGeometries)
                for (const ConvFusion& fusion : kFusions) {
                    const ThreadScope team(threads);
                    CAPTURE(threads, g.ic, g.ih, g.oc, g.kh, fusion.src_affine, fusion.residual);
                    const PreparedCase c(g);
                    if (fusion.src_affine && !g.pointwise()) continue;
                    const Packed packed(g, fusion, c.weights);
                    EitherMap dst = c.map(true);
                    const bool winograd = packed.conv->algorithm() == "winograd:bf16";
                    CHECK(packed.conv->weights_elements() == (winograd ? 16 * g.ic * g.oc : g.weights_elements()) / 2);
                    const Floats apart = c.run(packed, dst, false);
                    CHECK(apart == packed_in_the_pass(c, fusion, winograd));
                    if (fusion.residual) CHECK(c.run(packed, dst, true) == apart);
                }
    });
}

// Both have the same products, each exact in f32, and sums of k of them in some order: either is within bounds() of
// the truth. Winograd's products are others. An activation is no steeper than 1.5, silu has 8 u of its own.
TEST_CASE("prepared convolutions of bf16 compute what those of f32 do, rounded", "[prepared_conv][bf16]") {
    for_each_isa([] {
        for (const Conv2dGeometry& g : kPreparedGeometries)
            for (ConvFusion fusion : kFusions) {
                if (fusion.src_affine) continue;
                const PreparedCase c(g);
                const Packed halves(g, fusion, c.weights);
                if (halves.conv->algorithm() == "winograd:bf16") continue;
                CAPTURE(g.ic, g.ih, g.oc, g.kh, fusion.residual);
                EitherMap rounded_dst = c.map(true), dst = c.map(false);
                const Floats got = c.run(halves, rounded_dst, false);
                fusion.maps = DType::f32;
                const Floats used = nearest(c.weights), wanted = c.run(Packed(g, fusion, used), dst, false);
                Doubles sizes(wanted.size());
                conv2d_forward_reference(g, magnitudes(c.src.values()).data(), magnitudes(used).data(),
                                         magnitudes(c.bias).data(), sizes.data());
                const Doubles truth = widened(wanted);
                Doubles limits = bounds(sizes, g.ic * g.kh * g.kw);
                for (std::size_t i = 0; i < limits.size(); ++i)
                    limits[i] = 2 * 1.5 * (limits[i] + 2 * kRoundoff) + 16 * kRoundoff * std::abs(truth[i]);
                CHECK(outliers(got, truth, with_rounding(limits, truth)) == 0);
            }
    });
}

TEST_CASE("a convolution of bf16 without kernels is none, and maps of another type are refused",
          "[prepared_conv][bf16]") {
    for_each_isa([] {
        CHECK(prepare_conv({1, 3, 8, 8, 32, 3, 3}, {.maps = DType::bf16}) == nullptr);   // of images
        CHECK(prepare_conv({1, 34, 8, 8, 32, 1, 1}, {.maps = DType::bf16}) == nullptr);  // an odd number of words
        CHECK(prepare_conv({1, 32, 8, 8, 10, 1, 1}, {.maps = DType::bf16}) == nullptr);  // to no panels
        CHECK(prepare_conv({1, 32, 8, 8, 32, 3, 3, 1, 1, 1, 1, 1, 1, 32}, {.maps = DType::bf16}) == nullptr);
        const PreparedCase c({1, 32, 4, 4, 32, 1, 1});
        const Packed packed(c.g, {.maps = DType::bf16}, c.weights);
        EitherMap floats = c.map(false), src = c.src;
        CHECK_THROWS_AS(
            packed.conv->run(1, {src.read(), nullptr, nullptr, packed.weights(), nullptr, {}, floats.write()}),
            UsageError);
    });
}
