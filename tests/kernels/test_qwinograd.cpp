// Winograd's algorithm for codes: every variant that has it, bit for bit what plain 64-bit loops give.
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "tests/kernels/qconv_problem.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;
using namespace keel::test::qconv;

namespace {

constexpr QconvMethod kBothEdges[] = {QconvMethod::winograd2, QconvMethod::winograd4};

/// Calls body(variant, method) for all that this machine can run.
template <class Body>
void for_each_qwinograd(Body body) {
    for_each_qconv([&](const QconvVariant& variant) {
        if (variant.winograd == nullptr) return;
        for (const QconvMethod method : kBothEdges) body(variant, method);
    });
}

void check_winograd(const Case& c, std::uint64_t seed = 1) {
    const Problem problem(c, seed);
    const std::vector<float> truth = problem.truth();
    for_each_qwinograd([&](const QconvVariant& variant, QconvMethod method) {
        INFO("method " << static_cast<int>(method));
        check_qconv(c, variant, problem, truth, method);
    });
}

Conv2dGeometry map_of(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t ic, std::int64_t oc, int pad = 1) {
    return {n, ic, h, w, oc, 3, 3, 1, 1, pad, pad};
}

}  // namespace

TEST_CASE("qwinograd: maps around whole tiles, paddings") {
    for (const std::int64_t h : {1, 2, 3, 4, 5, 7, 8, 9})
        for (const std::int64_t w : {1, 4, 6, 13}) check_winograd({map_of(2, h, w, 6, 18)});
    for (const int pad : {0, 1, 2, 5}) check_winograd({map_of(2, 5, 6, 5, 20, pad)});
    Conv2dGeometry uneven = map_of(2, 6, 7, 8, 12);
    uneven.pad_w = 0;
    uneven.far_h = 2;
    uneven.far_w = 3;
    check_winograd({uneven});
}

TEST_CASE("qwinograd: channels around vectors and panels") {
    for (const std::int64_t ic : {1, 2, 15, 16, 17, 31, 32, 33, 70}) check_winograd({map_of(1, 6, 6, ic, 24)});
    for (const std::int64_t oc : {1, 7, 8, 9, 16, 17, 31, 33, 64, 65}) check_winograd({map_of(1, 5, 9, 16, oc)});
}

TEST_CASE("qwinograd: everything around the sums") {
    const Conv2dGeometry g = map_of(2, 9, 10, 40, 52);
    for (const Read read : {Read::plain, Read::clamped, Read::affine})
        for (const bool residual : {false, true})
            for (const bool floats : {false, true})
                check_winograd({g, read, residual, floats, true, false, 24, 12, floats ? kNone : 31.0F});
    check_winograd({g, Read::plain, true, false, false, false, 24, 12, 0, true});
    check_winograd({map_of(1, 9, 10, 5, 32), Read::affine, false, false, false, false, 3});
}

TEST_CASE("qwinograd: many tiles, in blocks, and parts of several panels") {
    check_winograd({map_of(1, 61, 50, 33, 40)});
    check_winograd({map_of(3, 17, 19, 130, 20), Read::plain, true});
}

TEST_CASE("qwinograd: sums too long to be recovered are summed in pieces") {
    // Of random weights of full range a third of 256 channels' worth is above 2^25 / 255; of extremes, half of them.
    check_winograd({map_of(1, 5, 6, 300, 9), Read::plain, true, false, true, true});
    check_winograd({map_of(1, 5, 6, 700, 9)});
    for (const std::int64_t channels : {112, 116, 228, 2000})
        for (const int weight : {-128, 127}) {  // the largest sums that there are
            Problem problem({map_of(1, 3, 3, channels, 1), Read::plain, false, true, false, true, 0, 0, kNone}, 1);
            std::fill(problem.src.begin(), problem.src.end(), std::uint8_t{255});
            std::fill(problem.weights.begin(), problem.weights.end(), static_cast<std::int8_t>(weight));
            problem.scale = {1};
            problem.shift = {0};
            for_each_qwinograd([&](const QconvVariant& variant, QconvMethod method) {
                INFO(channels << " channels of " << weight << ", method " << static_cast<int>(method));
                CHECK(problem.result(variant, method)[4] == static_cast<float>(9 * channels * 255 * weight));
            });
        }
}

TEST_CASE("qwinograd: random geometries") {
    Random random(11, Draw::synthesize);
    const auto draw = [&](std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(high - low + 1));
    };
    for (int i = 0; i < 40; ++i) {
        Case c{map_of(draw(1, 3), draw(2, 20), draw(2, 20), draw(1, 80), draw(1, 80), static_cast<int>(draw(1, 2))),
               static_cast<Read>(draw(0, 2))};
        draw_surroundings(c, draw);
        check_winograd(c, static_cast<std::uint64_t>(i));
    }
}

TEST_CASE("qwinograd: who takes it, and who does not") {
    const Conv2dGeometry g = map_of(1, 56, 56, 64, 64);
    CHECK(Qconv(g, qconv_avx2).plan().winograd == 4);
    CHECK(Qconv(map_of(1, 7, 7, 512, 512), qconv_avx2).plan().winograd ==
          2);  // fewer weights than the larger tiles have
    CHECK(Qconv(map_of(1, 2, 2, 64, 64), qconv_avx2).plan().winograd == 0);
    CHECK(Qconv(g, qconv_scalar).plan().winograd == 0);
    Conv2dGeometry strided = g;
    strided.stride_w = 2;
    CHECK(Qconv(strided, qconv_avx2).plan().winograd == 0);
    for (const QconvMethod method : kBothEdges) {
        CHECK_THROWS_WITH(Qconv(strided, qconv_avx2, method), contains("wanted a 3x3 convolution of stride 1"));
        CHECK_THROWS_AS(Qconv(g, qconv_scalar, method), UsageError);
    }
}
