// max_pool, avg_pool, adaptive_avg_pool, global_avg_pool.
#include <algorithm>
#include <cmath>

#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

/// kernel, stride, pad
const PoolOptions kWindows[] = {{2, 2, 0}, {3, 2, 1}, {3, 1, 1}, {2, 1, 0}, {2, 3, 0}, {3, 3, 0}, {2, 2, 1}, {1, 2, 0}};

/// Windows that read one pixel, and pixels that one window reads: kernel squared at most.
Rounding rounding(const PoolOptions& o) { return {o.kernel * o.kernel, static_cast<double>(o.kernel * o.kernel)}; }

std::string text(const char* who, const PoolOptions& o) {
    return std::string(who) + " " + std::to_string(o.kernel) + "/" + std::to_string(o.stride) + " pad " +
           std::to_string(o.pad);
}

}  // namespace

TEST_CASE("max_pool: gradients and precision", "[ops][gradcheck]") {
    for (const PoolOptions& o : kWindows)
        for (const std::int64_t c : {1, 5, 9}) {
            const Tensor src = distinct({2, 5, 6, c}, 1);
            check_operator(
                text("max_pool", o), [&](const Inputs& x) { return max_pool(x[0], o); }, {src}, rounding(o));
            check_operator(
                text("max_pool of a slice", o), [&](const Inputs& x) { return max_pool(wide_buffer(x[0], c + 2), o); },
                {src}, rounding(o));
        }
}

TEST_CASE("max_pool's border is minus infinity, and a tie goes to the first", "[ops]") {
    const Tensor negative = Tensor::full({1, 3, 3, 1}, -2).set_requires_grad();
    const Tensor dst = max_pool(negative, {3, 2, 1});
    CHECK(std::ranges::all_of(dst.values<float>(), [](float value) { return value == -2; }));
    backward(dst, Tensor::from({1.0F, 2.0F, 3.0F, 4.0F}, {1, 2, 2, 1}));
    const std::vector<float> wanted{1, 2, 0, 3, 4, 0, 0, 0, 0};
    CHECK(std::ranges::equal(negative.grad().values<float>(), wanted));
}

TEST_CASE("avg_pool: gradients and precision", "[ops][gradcheck]") {
    for (const PoolOptions& o : kWindows)
        for (const std::int64_t c : {1, 5, 9}) {
            const Tensor src = uniform({2, 5, 6, c}, 1);
            check_operator(
                text("avg_pool", o), [&](const Inputs& x) { return avg_pool(x[0], o); }, {src}, rounding(o));
            check_operator(
                text("avg_pool of a slice", o), [&](const Inputs& x) { return avg_pool(wide_buffer(x[0], c + 2), o); },
                {src}, rounding(o));
        }
}

TEST_CASE("avg_pool counts the border as zeros", "[ops]") {
    const Tensor dst = avg_pool(Tensor::full({1, 2, 2, 1}, 9), {3, 1, 1});
    CHECK(
        std::ranges::all_of(dst.values<float>(), [](float value) { return value == 4; }));  // 4 of 9 pixels lie inside
}

TEST_CASE("adaptive_avg_pool: gradients and precision", "[ops][gradcheck]") {
    for (const Dims& maps : {Dims{5, 7, 2, 3}, {7, 7, 7, 7}, {4, 6, 1, 1}, {3, 2, 7, 5}, {8, 3, 3, 2}}) {
        const std::int64_t ih = maps[0], iw = maps[1], oh = maps[2], ow = maps[3];
        for (const std::int64_t c : {1, 5, 9}) {
            const std::int64_t longest =
                ih * iw + oh * ow;  // more pixels than any area has, more areas than read any pixel
            const Rounding rounding{longest, static_cast<double>(longest)};
            const Tensor src = uniform({2, ih, iw, c}, 1);
            check_operator(
                "adaptive_avg_pool", [&](const Inputs& x) { return adaptive_avg_pool(x[0], oh, ow); }, {src}, rounding);
            check_operator(
                "adaptive_avg_pool of a slice",
                [&](const Inputs& x) { return adaptive_avg_pool(wide_buffer(x[0], c + 3), oh, ow); }, {src}, rounding);
        }
    }
}

TEST_CASE("adaptive_avg_pool's areas are PyTorch's", "[ops]") {
    // Five columns to three: [0, 2), [1, 4), [3, 5).
    const Tensor dst = adaptive_avg_pool(Tensor::from({0.0, 3.0, 6.0, 12.0, 18.0}, {1, 1, 5, 1}), 1, 3);
    CHECK(std::ranges::equal(dst.values<double>(), std::vector<double>{1.5, 7, 15}));
}

TEST_CASE("global_avg_pool: gradients and precision", "[ops][gradcheck]") {
    for (const std::int64_t c : {1, 5, 9}) {
        check_operator("global_avg_pool", [](const Inputs& x) { return global_avg_pool(x[0]); },
                       {uniform({2, 4, 3, c}, 1)}, {12, 12});
        const Tensor dst = global_avg_pool(Tensor::full({2, 4, 3, c}, 0.5));
        CHECK(dst.dims() == Dims{2, c});
        CHECK(std::ranges::all_of(dst.values<float>(), [](float value) { return value == 0.5F; }));
    }
}

TEST_CASE("pooling refuses what does not fit", "[ops]") {
    const Tensor src = Tensor::zeros({1, 4, 4, 2});
    for (const auto& pool : {max_pool, avg_pool}) {
        CHECK_THROWS_AS(pool(src, {0, 1, 0}), UsageError);
        CHECK_THROWS_AS(pool(src, {17, 1, 8}), UsageError);
        CHECK_THROWS_AS(pool(src, {2, 0, 0}), UsageError);
        CHECK_THROWS_AS(pool(src, {2, 1, -1}), UsageError);
        CHECK_THROWS_AS(pool(src, {2, 1, 2}), UsageError);
        CHECK_THROWS_AS(pool(src, {5, 1, 0}), UsageError);
        CHECK_THROWS_AS(pool(Tensor::zeros({4, 4}), {2, 2, 0}), UsageError);
        CHECK_THROWS_AS(pool(src.to(DType::u8), {2, 2, 0}), UsageError);
        CHECK_THROWS_AS(pool(Tensor(), {2, 2, 0}), UsageError);
    }
    CHECK_THROWS_WITH(max_pool(src, {5, 1, 0}), "[max_pool] a window of 5 does not fit a map of dims [1, 4, 4, 2]");
    CHECK_THROWS_AS(adaptive_avg_pool(src, 0, 1), UsageError);
    CHECK_THROWS_AS(adaptive_avg_pool(Tensor::zeros({1, 0, 4, 2}), 1, 1), UsageError);
    CHECK_THROWS_AS(adaptive_avg_pool(Tensor::zeros({4, 2}), 1, 1), UsageError);
    CHECK_THROWS_AS(global_avg_pool(Tensor::zeros({4, 2})), UsageError);
}
