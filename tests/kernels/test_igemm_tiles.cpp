// How Keel's own convolution kernels divide their work, and the tiles that come of it.
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/igemm/igemm.h"
#include "kernels/igemm/split.h"
#include "kernels/routing/conv2d.h"
#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

using Floats = std::vector<float>;

/// The forward pass of dense maps against the plain loops in double.
void check_forward(const Conv2dGeometry& g) {
    const Floats src = uniform(g.n * g.ih * g.iw * g.ic, 1), plain = uniform(g.weights_elements(), 2);
    const std::vector<double> wide_src = widened(src), wide_weights = widened(plain);
    const auto count = static_cast<std::size_t>(g.n * g.oh() * g.ow() * g.oc);
    std::vector<double> truth(count);
    conv2d_forward_reference(g, wide_src.data(), wide_weights.data(), static_cast<const double*>(nullptr),
                             truth.data());

    const WeightsLayout layout = panel_layout(g);
    Floats weights(plain.size()), dst(count, 9.0F);
    pack_weights(layout, plain.data(), weights.data());
    conv2d_forward(g, false, src.data(), weights.data(), layout, nullptr, dst.data());
    // k products of magnitude 1 at most, each rounded, added up in any order: k u times the sum of their magnitudes,
    // which is k or less (Higham, 2002, section 3.1).
    const auto products = static_cast<double>(g.ic * g.kh * g.kw);
    CHECK(outliers(dst, truth, std::vector<double>(count, (products + 8) * kRoundoff * products)) == 0);
}

}  // namespace

TEST_CASE("tiles have every height", "[igemm]") {
    for_each_isa([] {
        const std::int64_t c = igemm_columns();
        for (const int threads : {1, 2}) {
            const ThreadScope team(threads);
            for (std::int64_t pixels = 1; pixels <= 26; ++pixels) {
                CAPTURE(pixels, threads);
                check_forward({1, 2 * c, 1, pixels, 2 * c, 1, 1});
            }
        }
    });
}

TEST_CASE("weights stream by the tiles of a small map", "[igemm]") {
    for_each_isa([] {
        const std::int64_t c = igemm_columns();
        for (const int threads : {1, 2, 3}) {
            const ThreadScope team(threads);
            CAPTURE(threads);
            check_forward({1, 40 * c, 7, 7, 5 * c, 1, 1});             // many groups, several blocks of the depth
            check_forward({1, 5 * c, 7, 7, 5 * c, 3, 3, 1, 1, 1, 1});  // of whole taps
        }
    });
}

TEST_CASE("pixels a power of two apart", "[igemm]") {
    for_each_isa([] {
        check_forward({1, 1024, 5, 5, igemm_columns(), 1, 1});
        check_forward({2, 1024, 5, 5, igemm_columns(), 1, 1, 2, 2});
    });
}

TEST_CASE("shares are even and no larger than allowed", "[igemm]") {
    CHECK(even_share(49, 12) == 10);
    CHECK(even_share(196, 12) == 12);
    CHECK(even_share(25, 12) == 9);
    for (std::int64_t count = 1; count < 100; ++count) {
        const std::int64_t share = even_share(count, 12);
        CHECK(share <= 12);
        CHECK(chunk_count(count, share) == chunk_count(count, 12));
        CHECK((share - 1) * chunk_count(count, 12) < count);
    }
    CHECK(even_share(0, 12) == 0);
}

TEST_CASE("work is split so that the largest part is smallest", "[igemm]") {
    const auto largest = [](std::int64_t rows, std::int64_t columns, std::int64_t threads) {
        const Split split = split_units(rows, columns, threads);
        CHECK(split.parts() <= threads);
        return chunk_count(rows, split.rows) * chunk_count(columns, split.columns);
    };
    CHECK(largest(8364, 8, 2) == 4182 * 8);
    CHECK(largest(9, 8, 2) == 9 * 4);  // 7x7, one image: columns, since 9 rows halve badly
    CHECK(largest(1, 1, 56) == 1);
    CHECK(largest(9, 32, 56) <= 6);    // 288 units on 56 cores: no better than ceil(288 / 56)
    CHECK(largest(131, 8, 56) <= 24);  // 14x14, 4 images
    std::int64_t covered = 0;
    for (std::int64_t i = 0; i < 7; ++i) {
        CHECK(part(100, 7, i).begin == covered);
        covered = part(100, 7, i).end;
    }
    CHECK(covered == 100);
}
