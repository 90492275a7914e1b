// Convolutions of bf16 maps on oneDNN: channels that are not panels, groups, and what the tuner compares; against the
// plain loops in double over the same rounded numbers.
#include <vector>

#include "kernels/error.h"
#include "kernels/onednn/conv.h"
#include "kernels/routing/choice.h"
#include "kernels/routing/conv2d.h"
#include "tests/kernels/halves.h"
#include "tests/support/tuning.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

/// Adds up the first two columns of each chunk, and changes nothing.
struct FirstSums final : RowEpilogue {
    void begin(const RowChunks& chunks) override {
        chunks_ = &chunks;
        sums.assign(static_cast<std::size_t>(chunks.count()), 0.0);
    }
    void take(std::int64_t chunk, std::int64_t, std::int64_t, float* rows, std::int64_t ld) override {
        for (std::int64_t r = 0; r < chunks_->rows(chunk); ++r)
            sums[static_cast<std::size_t>(chunk)] += double{rows[r * ld]} + double{rows[r * ld + 1]};
    }
    double total() const {
        double all = 0;
        for (const double sum : sums) all += sum;
        return all;
    }

    std::vector<double> sums;

private:
    const RowChunks* chunks_ = nullptr;
};

Doubles rounded_limits(const Doubles& sizes, const Doubles& truth, std::int64_t products) {
    return with_rounding(bounds(sizes, products), truth);
}

void check_on_onednn(const Conv2dGeometry& g, const WeightsLayout& layout) {
    ConvSample sample(g);
    const Floats src = nearest(sample.src), diff = nearest(sample.diff_dst), used = nearest(sample.weights);
    const std::int64_t taps = std::int64_t{g.kh} * g.kw, depth = taps * g.ic / g.groups, back = taps * g.oc / g.groups;
    Floats packed(static_cast<std::size_t>(layout_elements(layout)));
    pack_weights(layout, sample.weights.data(), packed.data());
    const Halves src_halves = rounded(src), diff_halves = rounded(diff);
    const ConstMap read{src_halves.data(), 0, DType::bf16}, read_diff{diff_halves.data(), 0, DType::bf16};

    Doubles truth(diff.size()), sizes(diff.size());
    const double* no_bias = nullptr;
    conv2d_forward_reference(g, widened(src).data(), widened(used).data(), no_bias, truth.data());
    conv2d_forward_reference(g, magnitudes(src).data(), magnitudes(used).data(), no_bias, sizes.data());
    Halves dst(diff.size());
    FirstSums sums;
    conv2d_forward(g, true, read, packed.data(), layout, nullptr, {dst.data(), 0, DType::bf16}, {}, &sums);
    CHECK(outliers(widened_halves(dst), truth, rounded_limits(sizes, truth, depth)) == 0);
    double seen = 0;
    for (std::size_t i = 0; i < dst.size(); i += static_cast<std::size_t>(g.oc))
        seen += double{from_bf16(dst[i])} + double{from_bf16(dst[i + 1])};
    CHECK(std::abs(sums.total() - seen) <= 1e-9);  // the epilogue saw the results; sums in double

    truth.assign(src.size(), 0);
    sizes = truth;
    conv2d_backward_data_reference(g, widened(diff).data(), widened(used).data(), truth.data());
    conv2d_backward_data_reference(g, magnitudes(diff).data(), magnitudes(used).data(), sizes.data());
    Halves diff_src(src.size());
    conv2d_backward_data(g, read_diff, packed.data(), layout, {diff_src.data(), 0, DType::bf16});
    CHECK(outliers(widened_halves(diff_src), truth, rounded_limits(sizes, truth, back)) == 0);

    truth.assign(used.size(), 0);
    sizes = truth;
    Doubles bias_truth(static_cast<std::size_t>(g.oc)), bias_sizes = bias_truth;
    conv2d_backward_weights_reference(g, widened(src).data(), widened(diff).data(), truth.data(), bias_truth.data());
    conv2d_backward_weights_reference(g, magnitudes(src).data(), magnitudes(diff).data(), sizes.data(),
                                      bias_sizes.data());
    Floats gradient(packed.size()), plain(used.size()), bias(bias_truth.size());
    conv2d_backward_weights(g, read, read_diff, gradient.data(), layout, bias.data());
    unpack_weights(layout, gradient.data(), plain.data());
    const std::int64_t pixels = g.n * g.oh() * g.ow();
    CHECK(outliers(plain, truth, bounds(sizes, pixels)) == 0);
    CHECK(outliers(bias, bias_truth, bounds(bias_sizes, pixels)) == 0);
}

Conv2dGeometry grouped() {
    Conv2dGeometry g{2, 64, 9, 7, 64, 3, 3, 1, 1, 1, 1};
    g.groups = 4;
    return g;
}

}  // namespace

TEST_CASE("bf16 on oneDNN: channels that are not panels, strides, groups", "[onednn][bf16]") {
    for (const Conv2dGeometry& g :
         {Conv2dGeometry{2, 48, 8, 7, 48, 3, 3, 1, 1, 1, 1}, Conv2dGeometry{3, 144, 5, 5, 48, 1, 1},
          Conv2dGeometry{2, 48, 9, 9, 96, 3, 3, 2, 2, 1, 1}, grouped()}) {
        CAPTURE(g.ic, g.oc, g.kh, g.stride_h, g.groups);
        const WeightsLayout layout = onednn::preferred_layout(g, true);
        REQUIRE(takes_halves(g, layout) == onednn::takes_halves(g));
        if (takes_halves(g, layout)) {
            check_on_onednn(g, layout);
            continue;
        }
        const Halves map(static_cast<std::size_t>(g.n * g.ih * g.iw * g.ic));
        const Floats weights(static_cast<std::size_t>(layout_elements(layout)));
        Halves dst(static_cast<std::size_t>(g.n * g.oh() * g.ow() * g.oc));
        CHECK_THROWS_AS(conv2d_forward(g, true, ConstMap{map.data(), 0, DType::bf16}, weights.data(), layout, nullptr,
                                       Map{dst.data(), 0, DType::bf16}),
                        UsageError);
    }
}

TEST_CASE("the tuner measures maps of bf16 by themselves", "[tuning][bf16]") {
    const TuningScope scope;
    const Conv2dGeometry g = some_geometry();
    start_tuning({{g, true, 1, 2}, {g, false, 2, 1, DType::bf16}}, {});
    CHECK(is_own(preferred_layout(g, true)));
    CHECK_FALSE(is_own(preferred_layout(g, true, DType::bf16)));
    std::vector<ConvChoice> reported;
    start_tuning({{g, true, 1, 2}}, [&](const ConvChoice& choice) { reported.push_back(choice); });
    const bool own = is_own(preferred_layout(g, true, DType::bf16));
    CHECK(std::ssize(reported) == (onednn::takes_halves(g) ? 1 : 0));
    for (const ConvChoice& choice : reported) {
        CHECK(choice.type == DType::bf16);
        CHECK(choice.own == own);
    }
    stop_tuning();
    CHECK(is_own(preferred_layout(g, true, DType::bf16)));
}
