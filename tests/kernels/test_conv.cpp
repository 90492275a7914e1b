// The convolution of oneDNN against the plain loops in double precision.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kernels/error.h"
#include "kernels/onednn/library.h"
#include "kernels/parallel.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;

namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

Floats random_floats(std::int64_t count, std::uint32_t seed) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
    Floats values(static_cast<std::size_t>(count));
    for (float& value : values) value = uniform(engine);
    return values;
}

Doubles widened(const Floats& values) { return {values.begin(), values.end()}; }

Doubles magnitudes(const Floats& values) {
    Doubles result = widened(values);
    for (double& value : result) value = std::abs(value);
    return result;
}

std::string text(const Conv2dGeometry& g) {
    std::string result;
    for (const std::int64_t v :
         {g.n, g.ic, g.ih, g.iw, g.oc, std::int64_t{g.kh}, std::int64_t{g.kw}, std::int64_t{g.stride_h},
          std::int64_t{g.stride_w}, std::int64_t{g.pad_h}, std::int64_t{g.pad_w}, std::int64_t{g.dilation_h},
          std::int64_t{g.dilation_w}, std::int64_t{g.groups}})
        result += std::to_string(v) + " ";
    return result;
}

/// Elements of `got` further from the truth than any order of summing k products in float can bring them. With unit
/// roundoff u = 2^-24 that is k u / (1 - k u) times the sum of the products' magnitudes (Higham, 2002, section 3.1); k
/// + 2 in its place covers the denominator, which is below 1.002 here, and the bias.
std::size_t outliers(const Floats& got, const Doubles& truth, const Doubles& magnitude, std::int64_t k) {
    constexpr double kUnitRoundoff = 0x1p-24;
    std::size_t count = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
        if (!(std::abs(got[i] - truth[i]) <= static_cast<double>(k + 2) * kUnitRoundoff * magnitude[i])) ++count;
    return count;
}

/// One geometry's random data, with the true results of the three directions and the magnitudes that bound their
/// errors.
struct Case {
    explicit Case(const Conv2dGeometry& geometry)
        : g(geometry),
          src(random_floats(g.n * g.ih * g.iw * g.ic, 1)),
          weights(random_floats(g.weights_elements(), 2)),
          bias(random_floats(g.oc, 3)),
          diff_dst(random_floats(g.n * g.oh() * g.ow() * g.oc, 4)) {
        run(widened(src), widened(weights), widened(bias), widened(diff_dst), truth);
        run(magnitudes(src), magnitudes(weights), magnitudes(bias), magnitudes(diff_dst), magnitude);
    }

    struct Results {
        Doubles dst, dst_no_bias, diff_src, diff_weights, diff_bias;
    };

    void run(const Doubles& x, const Doubles& w, const Doubles& b, const Doubles& dy, Results& r) const {
        r.dst.resize(diff_dst.size());
        r.dst_no_bias.resize(diff_dst.size());
        r.diff_src.resize(src.size());
        r.diff_weights.resize(weights.size());
        r.diff_bias.resize(bias.size());
        conv2d_forward_reference(g, x.data(), w.data(), b.data(), r.dst.data());
        conv2d_forward_reference<double>(g, x.data(), w.data(), nullptr, r.dst_no_bias.data());
        conv2d_backward_data_reference(g, dy.data(), w.data(), r.diff_src.data());
        conv2d_backward_weights_reference(g, x.data(), dy.data(), r.diff_weights.data(), r.diff_bias.data());
    }

    Floats packed(const WeightsLayout& layout) const {
        if (layout == nullptr) return weights;
        Floats result(static_cast<std::size_t>(layout_elements(layout)), 9.0F);
        pack_weights(layout, weights.data(), result.data());
        return result;
    }

    std::size_t forward_outliers(bool training, const WeightsLayout& layout, bool with_bias) const {
        Floats dst(diff_dst.size(), 9.0F);
        conv2d_forward(g, training, src.data(), packed(layout).data(), layout, with_bias ? bias.data() : nullptr,
                       dst.data());
        const std::int64_t k = g.ic / g.groups * g.kh * g.kw;
        return with_bias ? outliers(dst, truth.dst, magnitude.dst, k)
                         : outliers(dst, truth.dst_no_bias, magnitude.dst_no_bias, k);
    }

    std::size_t backward_data_outliers(const WeightsLayout& layout) const {
        Floats diff_src(src.size(), 9.0F);
        conv2d_backward_data(g, diff_dst.data(), packed(layout).data(), layout, diff_src.data());
        return outliers(diff_src, truth.diff_src, magnitude.diff_src, g.oc / g.groups * g.kh * g.kw);
    }

    std::size_t backward_weights_outliers(const WeightsLayout& layout, bool with_bias) const {
        Floats diff_weights(packed(layout).size(), 9.0F), diff_bias(bias.size());
        conv2d_backward_weights(g, src.data(), diff_dst.data(), diff_weights.data(), layout,
                                with_bias ? diff_bias.data() : nullptr);
        Floats plain = diff_weights;
        if (layout != nullptr) {
            plain.resize(weights.size());
            unpack_weights(layout, diff_weights.data(), plain.data());
            Floats repacked(diff_weights.size());
            pack_weights(layout, plain.data(), repacked.data());
            REQUIRE(repacked == diff_weights);  // so the padding is 0
        }
        const std::int64_t k = g.n * g.oh() * g.ow();
        return outliers(plain, truth.diff_weights, magnitude.diff_weights, k) +
               (with_bias ? outliers(diff_bias, truth.diff_bias, magnitude.diff_bias, k) : 0);
    }

    Conv2dGeometry g;
    Floats src, weights, bias, diff_dst;
    Results truth, magnitude;
};

// n, ic, ih, iw, oc, kh, kw, strides, pads, dilations, groups
const Conv2dGeometry kGeometries[] = {
    {2, 16, 9, 9, 32, 1, 1},                        // 1x1
    {5, 24, 7, 7, 40, 1, 1},                        //
    {2, 13, 7, 5, 19, 1, 1},                        // channels off the vector width
    {1, 64, 14, 14, 16, 1, 1, 2, 2},                // 1x1, strided
    {2, 20, 9, 9, 33, 1, 1, 2, 2},                  //
    {2, 8, 6, 6, 8, 1, 1, 1, 1, 1, 1},              // 1x1, padded
    {2, 16, 10, 10, 16, 3, 3, 1, 1, 1, 1},          // 3x3
    {1, 32, 14, 14, 24, 3, 3, 2, 2, 1, 1},          //
    {5, 7, 11, 6, 5, 3, 3, 1, 1, 1, 1},             //
    {2, 17, 8, 8, 31, 3, 3, 2, 2, 1, 1},            //
    {2, 1, 28, 28, 64, 7, 7, 2, 2, 3, 3},           // stems: grey, RGB, a dozen channels
    {2, 3, 30, 30, 64, 7, 7, 2, 2, 3, 3},           //
    {1, 12, 21, 21, 20, 7, 7, 2, 2, 3, 3},          //
    {2, 3, 28, 28, 64, 3, 3, 1, 1, 1, 1},           //
    {2, 16, 12, 12, 16, 3, 3, 1, 1, 2, 2, 2, 2},    // dilated
    {1, 10, 15, 13, 12, 3, 3, 2, 1, 3, 2, 3, 2},    //
    {2, 32, 8, 8, 32, 3, 3, 1, 1, 1, 1, 1, 1, 4},   // grouped
    {2, 12, 8, 8, 18, 3, 3, 2, 2, 1, 1, 1, 1, 3},   //
    {2, 10, 5, 5, 20, 1, 1, 1, 1, 0, 0, 1, 1, 2},   //
    {2, 32, 9, 9, 32, 3, 3, 1, 1, 1, 1, 1, 1, 32},  // depthwise
    {2, 19, 9, 9, 19, 3, 3, 2, 2, 1, 1, 1, 1, 19},  //
    {1, 6, 8, 8, 12, 3, 3, 1, 1, 1, 1, 1, 1, 6},    // depthwise with a multiplier
    {2, 16, 9, 12, 16, 1, 7, 1, 1, 0, 3},           // asymmetric kernels, strides
    {2, 16, 12, 9, 24, 5, 2, 2, 1, 2, 1},           //
    {1, 9, 6, 17, 9, 3, 5, 1, 3, 0, 2},             //
    {2, 8, 5, 5, 8, 3, 3, 1, 1, 4, 3},              // more padding than kernel / 2
    {5, 16, 1, 1, 32, 1, 1},                        // 1x1 maps
    {2, 11, 1, 1, 13, 3, 3, 1, 1, 1, 1},            //
    {2, 16, 7, 7, 10, 7, 7},                        // a single output pixel
};

}  // namespace

TEST_CASE("convolution agrees with the reference in all directions", "[conv]") {
    for (const Conv2dGeometry& geometry : kGeometries) {
        INFO(text(geometry));
        const Case test(geometry);
        for (const bool training : {true, false})
            for (const bool preferred : {true, false})
                for (const bool bias : {true, false}) {
                    INFO("training " << training << ", preferred layout " << preferred << ", bias " << bias);
                    const WeightsLayout layout = preferred ? preferred_layout(geometry, training) : nullptr;
                    CHECK(test.forward_outliers(training, layout, bias) == 0);
                    CHECK(test.backward_weights_outliers(layout, bias) == 0);
                    if (!bias) CHECK(test.backward_data_outliers(layout) == 0);
                }
    }
}

TEST_CASE("the reference convolution gives hand-computed values", "[conv]") {
    // One row of three pixels, kernel 1x2 with padding 1 and dilation 2: dst[x] = w0 src[x - 1] + w1 src[x + 1] + bias.
    const Conv2dGeometry g{1, 1, 1, 3, 1, 1, 2, 1, 1, 0, 1, 1, 2};
    const Doubles src{2, 3, 5}, weights{7, 11}, bias{1}, diff_dst{1, 10, 100};
    Doubles dst(3), diff_src(3), diff_weights(2), diff_bias(1);
    conv2d_forward_reference(g, src.data(), weights.data(), bias.data(), dst.data());
    conv2d_backward_data_reference(g, diff_dst.data(), weights.data(), diff_src.data());
    conv2d_backward_weights_reference(g, src.data(), diff_dst.data(), diff_weights.data(), diff_bias.data());
    CHECK(dst == Doubles{34, 70, 22});
    CHECK(diff_src == Doubles{70, 711, 110});
    CHECK(diff_weights == Doubles{320, 53});
    CHECK(diff_bias == Doubles{111});
}

TEST_CASE("float and double references agree", "[conv]") {
    const Case test({2, 6, 7, 5, 4, 3, 3, 2, 1, 1, 1, 1, 1, 2});
    Floats dst(test.diff_dst.size()), diff_src(test.src.size()), diff_weights(test.weights.size()), diff_bias(4);
    conv2d_forward_reference(test.g, test.src.data(), test.weights.data(), test.bias.data(), dst.data());
    conv2d_backward_data_reference(test.g, test.diff_dst.data(), test.weights.data(), diff_src.data());
    conv2d_backward_weights_reference(test.g, test.src.data(), test.diff_dst.data(), diff_weights.data(),
                                      diff_bias.data());
    const std::int64_t rows = test.g.n * test.g.oh() * test.g.ow();
    CHECK(outliers(dst, test.truth.dst, test.magnitude.dst, 27) == 0);
    CHECK(outliers(diff_src, test.truth.diff_src, test.magnitude.diff_src, 18) == 0);
    CHECK(outliers(diff_weights, test.truth.diff_weights, test.magnitude.diff_weights, rows) == 0);
    CHECK(outliers(diff_bias, test.truth.diff_bias, test.magnitude.diff_bias, rows) == 0);
}

TEST_CASE("weights survive packing, and the padding is zero", "[conv]") {
    for (const Conv2dGeometry& geometry : kGeometries) {
        INFO(text(geometry));
        const WeightsLayout layout = preferred_layout(geometry, true);
        REQUIRE(layout != nullptr);
        const std::int64_t plain_count = geometry.weights_elements(), packed_count = layout_elements(layout);
        REQUIRE(packed_count >= plain_count);

        // Ones land on every place that is not padding: as many as there are weights, the rest is 0.
        const Floats ones(static_cast<std::size_t>(plain_count), 1.0F);
        Floats packed(static_cast<std::size_t>(packed_count), 9.0F);
        pack_weights(layout, ones.data(), packed.data());
        CHECK(std::count(packed.begin(), packed.end(), 1.0F) == plain_count);
        CHECK(std::count(packed.begin(), packed.end(), 0.0F) == packed_count - plain_count);

        Floats plain(ones.size()), back(ones.size());
        for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<float>(i + 1);
        pack_weights(layout, plain.data(), packed.data());
        unpack_weights(layout, packed.data(), back.data());
        CHECK(back == plain);
    }
}

TEST_CASE("equal layouts are one, unequal ones are not", "[conv]") {
    const Conv2dGeometry g{2, 16, 10, 10, 16, 3, 3, 1, 1, 1, 1};
    Conv2dGeometry wider = g;
    wider.oc = 32;
    CHECK(same_layout(preferred_layout(g, true), preferred_layout(g, true)));
    CHECK_FALSE(same_layout(preferred_layout(g, true), preferred_layout(wider, true)));
    CHECK_FALSE(same_layout(preferred_layout(g, true), nullptr));
    CHECK(same_layout(nullptr, nullptr));

    const Case test(g);
    const WeightsLayout other = preferred_layout(wider, true);
    const Floats weights(static_cast<std::size_t>(layout_elements(other)));
    Floats dst(test.diff_dst.size());
    CHECK_THROWS_AS(conv2d_forward(g, true, test.src.data(), weights.data(), other, nullptr, dst.data()), UsageError);
    CHECK_THROWS_AS(layout_elements(nullptr), UsageError);
}

TEST_CASE("oneDNN stands in for the panels of another ISA", "[conv]") {
    const Conv2dGeometry g{2, 32, 6, 6, 64, 3, 3, 1, 1, 1, 1};
    const Case test(g);
    for (const Isa& made_for : available_isas()) {
        const WeightsLayout layout = [&] {
            const IsaScope scope(made_for);
            return panel_layout(g);
        }();
        const Floats packed = test.packed(layout);
        test::for_each_isa([&] {
            if (own_kernels_read(layout)) return;
            INFO("panels of " << made_for.name);
            // Whose layout the weights had changes nothing: the same primitive sees the same numbers.
            Floats dst(test.diff_dst.size()), wanted_dst(dst.size());
            conv2d_forward(g, true, test.src.data(), packed.data(), layout, nullptr, dst.data());
            conv2d_forward(g, true, test.src.data(), test.weights.data(), nullptr, nullptr, wanted_dst.data());
            CHECK(dst == wanted_dst);
            Floats diff_src(test.src.size()), wanted_diff_src(diff_src.size());
            conv2d_backward_data(g, test.diff_dst.data(), packed.data(), layout, diff_src.data());
            conv2d_backward_data(g, test.diff_dst.data(), test.weights.data(), nullptr, wanted_diff_src.data());
            CHECK(diff_src == wanted_diff_src);
            Floats diff_weights(packed.size()), plain(packed.size());
            conv2d_backward_weights(g, test.src.data(), test.diff_dst.data(), diff_weights.data(), layout, nullptr);
            conv2d_backward_weights(g, test.src.data(), test.diff_dst.data(), plain.data(), nullptr, nullptr);
            Floats wanted_diff_weights(packed.size());
            pack_weights(layout, plain.data(), wanted_diff_weights.data());
            CHECK(diff_weights == wanted_diff_weights);
        });
    }
}

TEST_CASE("maps of two types are refused, and of types that no kernel takes", "[conv]") {
    const Conv2dGeometry g{1, 32, 4, 4, 32, 1, 1};
    const Case test(g);
    Floats dst(test.diff_dst.size()), diff_src(test.src.size()), diff_weights(test.weights.size());
    std::vector<std::uint16_t> bf16(test.src.size());
    const ConstMap read(bf16.data(), 0, DType::bf16), src = test.src.data(), diff = test.diff_dst.data();
    const Map written(bf16.data(), 0, DType::bf16);
    for (const WeightsLayout& layout : {WeightsLayout(), preferred_layout(g, true)}) {
        const Floats packed = test.packed(layout);
        const float* w = packed.data();
        CHECK_THROWS_AS(conv2d_forward(g, true, read, w, layout, nullptr, dst.data()), UsageError);
        CHECK_THROWS_AS(conv2d_forward(g, true, src, w, layout, nullptr, written), UsageError);
        CHECK_THROWS_AS(conv2d_backward_data(g, read, w, layout, diff_src.data()), UsageError);
        CHECK_THROWS_AS(conv2d_backward_data(g, diff, w, layout, written), UsageError);
        CHECK_THROWS_AS(conv2d_backward_weights(g, read, diff, diff_weights.data(), layout, nullptr), UsageError);
        CHECK_THROWS_AS(conv2d_backward_weights(g, src, read, diff_weights.data(), layout, nullptr), UsageError);
    }
    for (const DType type : {DType::u8, DType::f64})
        CHECK_THROWS_WITH(
            conv2d_forward(g, true, ConstMap{bf16.data(), 0, type}, test.weights.data(), nullptr, nullptr, dst.data()),
            "[conv2d] wanted f32 elements in src, got " + std::string(name(type)));
}

TEST_CASE("a second call compiles nothing", "[conv]") {
    const Conv2dGeometry g{3, 20, 11, 11, 20, 3, 3, 1, 1, 1, 1};  // no whole panels, so oneDNN's
    const Case test(g);
    const WeightsLayout layout = preferred_layout(g, true);
    const auto step = [&] {
        CHECK(test.forward_outliers(true, layout, true) == 0);
        CHECK(test.backward_data_outliers(layout) == 0);
        CHECK(test.backward_weights_outliers(layout, true) == 0);
    };
    const std::int64_t before = conv2d_primitive_count();
    step();
    CHECK(conv2d_primitive_count() == before + 3);
    step();
    CHECK(conv2d_primitive_count() == before + 3);
    CHECK(test.forward_outliers(false, layout, true) == 0);
    CHECK(conv2d_primitive_count() == before + 4);
}

TEST_CASE("a change of the team size compiles anew and stays right", "[conv]") {
    const Case test({2, 20, 13, 13, 20, 3, 3, 1, 1, 1, 1});
    const WeightsLayout layout = preferred_layout(test.g, true);
    const int before = thread_count();
    for (const int threads : {1, 3, 2, 1, before}) {
        set_thread_count(threads);
        CHECK(test.forward_outliers(true, layout, false) == 0);
        CHECK(test.backward_data_outliers(layout) == 0);
        CHECK(test.backward_weights_outliers(layout, true) == 0);
    }
}

TEST_CASE("threads share a geometry", "[conv]") {
    const Conv2dGeometry g{2, 24, 12, 12, 40, 3, 3, 1, 1, 1, 1};
    const Case test(g);
    const WeightsLayout layout = preferred_layout(g, true);
    std::size_t bad[2] = {};
    const auto work = [&](std::size_t me) {
        for (int repeat = 0; repeat < 20; ++repeat) {
            bad[me] += test.forward_outliers(true, me == 0 ? layout : nullptr, true);
            bad[me] += test.backward_data_outliers(layout);
            Floats diff_weights(test.weights.size());
            conv2d_backward_weights(g, test.src.data(), test.diff_dst.data(), diff_weights.data(), nullptr, nullptr);
            bad[me] +=
                outliers(diff_weights, test.truth.diff_weights, test.magnitude.diff_weights, g.n * g.oh() * g.ow());
        }
    };
    std::thread first(work, 0), second(work, 1);
    first.join();
    second.join();
    CHECK(bad[0] == 0);
    CHECK(bad[1] == 0);
}

TEST_CASE("pixels may lie apart where there is one, and are refused by oneDNN's kernels where there are more",
          "[conv]") {
    const Conv2dGeometry one{1, 8, 1, 1, 8, 1, 1};
    const Floats src = random_floats(2 * 8, 1), weights = random_floats(8 * 8, 2);
    Floats dense(8), apart(8), diff(8), diff_apart(8), gradient(64), gradient_apart(64);
    conv2d_forward(one, true, src.data(), weights.data(), nullptr, nullptr, dense.data());
    conv2d_forward(one, true, {src.data(), 100}, weights.data(), nullptr, nullptr, {apart.data(), 200});
    CHECK(apart == dense);
    conv2d_backward_data(one, dense.data(), weights.data(), nullptr, diff.data());
    conv2d_backward_data(one, {dense.data(), 100}, weights.data(), nullptr, {diff_apart.data(), 200});
    CHECK(diff_apart == diff);
    conv2d_backward_weights(one, src.data(), dense.data(), gradient.data(), nullptr, nullptr);
    conv2d_backward_weights(one, {src.data(), 100}, {dense.data(), 200}, gradient_apart.data(), nullptr, nullptr);
    CHECK(gradient_apart == gradient);

    const Conv2dGeometry two{1, 8, 1, 2, 8, 1, 1};
    Floats dst(16);
    CHECK_THROWS_AS(conv2d_forward(two, true, {src.data(), 100}, weights.data(), nullptr, nullptr, dst.data()),
                    UsageError);
    CHECK_THROWS_AS(conv2d_forward(two, true, src.data(), weights.data(), nullptr, nullptr, {dst.data(), 200}),
                    UsageError);
}
