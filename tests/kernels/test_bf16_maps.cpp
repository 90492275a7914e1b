// Kernels on maps of bf16: each is the kernel of f32 on the same numbers, rounded once, to the bit; and so on every
// ISA.
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/bf16.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/pool/pool.h"
#include "tests/kernels/halves.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

constexpr std::int64_t kPixels = 6;

/// Numbers of 8 bits with signs, zeros, ties of their sums, a NaN, infinities and subnormal ones among them.
Floats odd_halves(std::int64_t n, std::uint64_t seed) {
    Floats values = nearest(uniform(n, seed));
    const float odd[] = {0.0F, -0.0F, kNaN, kInfinity, -kInfinity, 1.0F, 0x1p-8F, -0x1p-7F, 0x1p-133F, -0x1.8p-128F};
    for (std::size_t i = 2, k = 0; i < values.size(); i += 7, ++k) values[i] = odd[k % std::size(odd)];
    return values;
}

std::vector<Bf16> as_bf16(const Floats& values) { return {values.begin(), values.end()}; }
Floats as_floats(const std::vector<Bf16>& values) { return {values.begin(), values.end()}; }

/// Runs on `first` and `second` of either type and a result that holds `before`, on every ISA. What bf16 gives must be
/// what f32 gives there, rounded; where `on_all`, the same on every ISA.
template <class Run>
void check_halves(const Floats& first, const Floats& second, const Floats& before, bool on_all, Run run) {
    Floats known;
    for_each_isa([&] {
        Floats wanted = before;
        run(first.data(), second.data(), wanted.data());
        std::vector<Bf16> dst = as_bf16(before);
        run(as_bf16(first).data(), as_bf16(second).data(), dst.data());
        CHECK(same(as_floats(dst), nearest(wanted)));
        if (known.empty()) known = as_floats(dst);
        if (on_all) CHECK(same(as_floats(dst), known));
    });
}

}  // namespace

TEST_CASE("a number is rounded to bf16 to the nearest, ties to even, and NaN stays", "[bf16]") {
    CHECK(Bf16(1.0F).bits == 0x3f80);
    CHECK(Bf16(1.0F + 0x1p-8F).bits == 0x3f80);      // a tie: to the even one below
    CHECK(Bf16(1.0F + 3 * 0x1p-8F).bits == 0x3f82);  // a tie: to the even one above
    CHECK(Bf16(std::nextafter(1.0F + 0x1p-8F, 2.0F)).bits == 0x3f81);
    CHECK(Bf16(3.4e38F).bits == 0x7f80);  // beyond the largest
    CHECK(Bf16(-kInfinity).bits == 0xff80);
    CHECK(std::isnan(float{Bf16(kNaN)}));
    CHECK(std::isnan(float{Bf16(std::bit_cast<float>(0x7f800001U))}));  // whose bits above would be infinity
    CHECK(float{Bf16(-1.5F)} == -1.5F);
}

TEST_CASE("maps are converted to bf16 and back, all channels and pixels apart", "[bf16]") {
    for (const std::int64_t c : kLengths) {
        const std::int64_t src_ld = c + 3, dst_ld = c + 1;
        Floats src = uniform(kPixels * src_ld, 1, -100, 100);
        for (std::size_t i = 1; i < src.size(); i += 5) src[i] = i % 2 == 0 ? kNaN : 1.0F + 0x1p-8F;
        for (std::size_t i = 3; i < src.size(); i += 11) src[i] = i % 2 == 0 ? 0x1.8p-133F : -0x1.234p-128F;
        for_each_isa([&] {
            std::vector<Bf16> halves(static_cast<std::size_t>(kPixels * dst_ld), Bf16(9.0F));
            convert(UnaryGeometry{kPixels, c, src_ld, dst_ld}, src.data(), halves.data());
            Floats back(src.size(), 7.0F);
            convert(UnaryGeometry{kPixels, c, dst_ld, src_ld}, halves.data(), back.data());
            for (std::int64_t p = 0; p < kPixels; ++p)
                for (std::int64_t i = 0; i < src_ld; ++i) {
                    const auto at = static_cast<std::size_t>(p * src_ld + i);
                    const bool kept = same(back[at], i < c ? float{Bf16(src[at])} : 7.0F);
                    if (!kept) FAIL_CHECK("pixel " << p << ", channel " << i << " of " << c);
                }
        });
    }
}

TEST_CASE("element-wise kernels on bf16 are those on f32, rounded once", "[bf16][eltwise]") {
    for (const std::int64_t c : kLengths) {
        CAPTURE(c);
        const std::int64_t ld = c + 2;
        const Floats a = odd_halves(kPixels * ld, 1), b = odd_halves(kPixels * ld, 2),
                     before = odd_halves(kPixels * ld, 3);
        const Floats scale_of = uniform(c, 4), shift_of = uniform(c, 5);
        const UnaryGeometry one{kPixels, c, ld, ld};
        const BinaryGeometry two{kPixels, c, ld, ld, ld};
        const auto check = [&](auto run) { check_halves(a, b, before, true, run); };
        check([&](auto* x, auto*, auto* y) { copy(one, x, y); });
        check([&](auto* x, auto*, auto* y) { accumulate(one, x, y); });
        check([&](auto* x, auto*, auto* y) { scale(one, 0.3F, x, y); });
        check([&](auto* x, auto*, auto* y) { relu_forward(one, x, y); });
        check([&](auto* x, auto* z, auto* y) { relu_backward(two, x, z, y); });
        check([&](auto* x, auto* z, auto* y) { add_forward(two, x, z, y); });
        check([&](auto* x, auto* z, auto* y) { add_relu_forward(two, x, z, y); });
        check([&](auto*, auto*, auto* y) { add_bias({kPixels, c, 0, ld}, scale_of.data(), y); });
        for (const bool clip : {false, true})
            check([&](auto* x, auto*, auto* y) { affine_forward(one, x, scale_of.data(), shift_of.data(), clip, y); });
        for (const bool both : {false, true})
            check([&](auto* x, auto* z, auto* y) {
                const Affine<float> first{scale_of.data(), shift_of.data()};
                affine_add_relu_forward(two, x, first, z, both ? first : Affine<float>{}, y);
            });
    }
}

TEST_CASE("a large map of bf16 is written past the caches as it is in them", "[bf16][eltwise][large]") {
    const std::int64_t c = 64, rows = 40000;  // 5 MB
    const Floats src = nearest(uniform(rows * c, 1)), scale_of = uniform(c, 2), shift_of = uniform(c, 3);
    check_halves(src, src, src, true, [&](auto* x, auto*, auto* y) {
        affine_forward(UnaryGeometry{rows, c, c, c}, x, scale_of.data(), shift_of.data(), true, y);
    });
}

TEST_CASE("pools of bf16 are those of f32, rounded once", "[bf16][pool]") {
    for (const std::int64_t c : {1, 5, 16, 33}) {
        const PoolGeometry g{2, 7, 6, c, 4, 3, 3, 3, 2, 1, c + 2, c + 4};
        const Floats src = odd_halves(2 * 7 * 6 * g.src_ld, 1), diff_dst = odd_halves(2 * 4 * 3 * g.dst_ld, 2);
        const Floats dst(diff_dst.size(), 1.0F), diff_src(src.size(), 1.0F);
        std::vector<std::uint8_t> argmax(static_cast<std::size_t>(2 * 4 * 3 * c));
        check_halves(src, src, dst, true, [&](auto* x, auto*, auto* y) { max_pool_forward(g, x, y, argmax.data()); });
        check_halves(diff_dst, dst, diff_src, true,
                     [&](auto* x, auto*, auto* y) { max_pool_backward(g, x, argmax.data(), y); });
        check_halves(src, src, dst, true, [&](auto* x, auto*, auto* y) { avg_pool_forward(g, x, y); });
        check_halves(diff_dst, dst, diff_src, true, [&](auto* x, auto*, auto* y) { avg_pool_backward(g, x, y); });
        check_halves(src, src, dst, true, [&](auto* x, auto*, auto* y) { adaptive_avg_pool_forward(g, x, y); });
        check_halves(diff_dst, dst, diff_src, true,
                     [&](auto* x, auto*, auto* y) { adaptive_avg_pool_backward(g, x, y); });
    }
}

TEST_CASE("batch norm's statistics and gradients of bf16 maps are those of f32", "[bf16][batch_norm]") {
    for (const std::int64_t c : {1, 16, 35}) {
        const std::int64_t rows = 45, ld = c + 2;
        const Floats src = nearest(uniform(rows * ld, 1)), diff = nearest(uniform(rows * ld, 2));
        const Floats sum = nearest(uniform(rows * ld, 3)), gamma = uniform(c, 4, 0.5F, 2), beta = uniform(c, 5);
        Floats mean(gamma.size()), variance(mean), inverse(mean), scale_of(mean), shift_of(mean);
        for_each_isa([&] {
            batch_norm_statistics(rows, c, ld, src.data(), mean.data(), variance.data());
            Floats mean_of_halves(mean.size()), variance_of_halves(mean.size());
            batch_norm_statistics(rows, c, ld, as_bf16(src).data(), mean_of_halves.data(), variance_of_halves.data());
            CHECK(same(mean_of_halves, mean));
            CHECK(same(variance_of_halves, variance));
        });
        batch_norm_coefficients(c, 1e-5F, mean.data(), variance.data(), gamma.data(), beta.data(), inverse.data(),
                                scale_of.data(), shift_of.data());
        const BatchNormCoefficients<float> k{mean.data(), inverse.data(), scale_of.data(), shift_of.data()};
        Floats diff_gamma(mean.size()), diff_beta(mean.size());
        for (const bool clip : {false, true}) {
            const BatchNormGeometry g{rows, c, ld, ld, ld, clip};
            using enum BatchNormGradient;
            for (const BatchNormGradient gradient : {whole, direct, added})
                check_halves(src, diff, sum, false, [&](auto* x, auto* dy, auto* dx) {
                    batch_norm_backward(g, gradient, k, x, dy, dx, diff_gamma.data(), diff_beta.data());
                });
            check_halves(src, diff, sum, false, [&](auto* x, auto* dy, auto* dx) {
                batch_norm_correct(g, mean.data(), scale_of.data(), shift_of.data(), x, dy, dx);
            });
            check_halves(src, diff, sum, false, [&](auto* x, auto* dy, auto* dx) {
                std::vector<std::remove_cvref_t<decltype(*x)>> residual(sum.size());
                batch_norm_join_backward(g, direct, k, x, dx, dy, residual.data(), dx, diff_gamma.data(),
                                         diff_beta.data());
            });
        }
    }
}

TEST_CASE("gradients of rows in f32 go to maps of bf16, or overwrite the rows", "[bf16][batch_norm]") {
    const std::int64_t rows = 50, c = 21;
    const Floats src = nearest(uniform(rows * c, 1)), dy = uniform(rows * c, 2), sum = nearest(uniform(rows * c, 3));
    const Floats mean = uniform(c, 4), inverse = uniform(c, 5, 1, 2), scale_of = uniform(c, 6),
                 shift_of = uniform(c, 7);
    const BatchNormCoefficients<float> k{mean.data(), inverse.data(), scale_of.data(), shift_of.data()};
    const BatchNormGeometry g{rows, c, c, c, c, true};
    for_each_isa([&] {
        for (const RowGradient gradient : {RowGradient::rows, RowGradient::map, RowGradient::added}) {
            const bool overwrite = gradient == RowGradient::rows;
            Floats of_floats = dy, of_halves = dy, to = sum;
            std::vector<Bf16> to_halves = as_bf16(sum);
            const std::vector<Bf16> src_halves = as_bf16(src);
            BatchNormBackward<float> floats(g, k, src.data(), gradient, overwrite ? nullptr : to.data());
            BatchNormBackward<Bf16> halves(g, k, src_halves.data(), gradient, overwrite ? nullptr : to_halves.data());
            const RowChunks chunks(rows, chunk_rows(rows, c));
            floats.begin(chunks);
            halves.begin(chunks);
            for (std::int64_t chunk = 0; chunk < chunks.count(); ++chunk) {
                floats.take(chunk, 0, c, of_floats.data() + chunks.begin(chunk) * c, c);
                halves.take(chunk, 0, c, of_halves.data() + chunks.begin(chunk) * c, c);
            }
            CHECK(same(of_halves, of_floats));
            CHECK(same(as_floats(to_halves), nearest(to)));
            Floats gamma(static_cast<std::size_t>(c)), beta(gamma), gamma_of_halves(gamma), beta_of_halves(gamma);
            floats.result(gamma.data(), beta.data());
            halves.result(gamma_of_halves.data(), beta_of_halves.data());
            CHECK(same(gamma_of_halves, gamma));
            CHECK(same(beta_of_halves, beta));
        }
    });
}
