// How convolutions are cut for oneDNN, and that no team changes their bits.
#include "kernels/onednn/pieces.h"

#include <array>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/random.h"
#include "kernels/routing/conv2d.h"
#include "kernels/routing/gemm.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::kernels;
using onednn::Piece;

namespace {

/// Images with channels that are no whole panels, so that oneDNN computes them.
Conv2dGeometry stem(std::int64_t n, std::int64_t side, std::int64_t oc, int kernel, int stride, int pad) {
    return {n, 3, side, side, oc, kernel, kernel, stride, stride, pad, pad};
}

/// What the geometry of a piece reads: its first row, without padding, and the row behind its last.
void check_rows(const Conv2dGeometry& g, const Piece& piece) {
    const Conv2dGeometry& own = piece.geometry;
    const std::int64_t window = std::int64_t{g.dilation_h} * (g.kh - 1) + 1;
    CHECK(piece.dst_row * g.stride_h - g.pad_h == piece.src_row - own.pad_h);
    CHECK(piece.src_row >= 0);
    CHECK(piece.src_row + own.ih <= g.ih);
    CHECK(own.pad_h >= 0);
    CHECK(own.pad_h + own.far_h >= 0);
    // Rows that are padded lie outside of the map.
    if (own.pad_h > 0) CHECK(piece.src_row == 0);
    if (own.pad_h + own.far_h > 0) CHECK(piece.src_row + own.ih == g.ih);
    CHECK(own.ih + own.pad_h + own.pad_h + own.far_h == (own.oh() - 1) * g.stride_h + window);
    CHECK(own.ow() == g.ow());
}

std::vector<float> noise(std::int64_t count, std::uint64_t seed) {
    std::vector<float> values(static_cast<std::size_t>(count));
    Random random(seed, Draw::bench);
    for (float& value : values) value = random.uniform(-1, 1);
    return values;
}

}  // namespace

TEST_CASE("Pieces cover each row of each image once, and read what it needs", "[pieces]") {
    std::vector<Conv2dGeometry> geometries{stem(3, 224, 64, 7, 2, 3), stem(2, 97, 96, 3, 1, 1),
                                           stem(1, 300, 48, 11, 4, 2), stem(40, 9, 5, 3, 1, 1),
                                           stem(2, 130, 64, 5, 3, 0)};
    geometries.push_back(stem(2, 120, 64, 3, 1, 2));
    geometries.back().dilation_h = geometries.back().dilation_w = 2;
    geometries.push_back(stem(1, 128, 64, 4, 1, 1));
    geometries.back().far_h = geometries.back().far_w = 1;
    geometries.push_back(stem(1, 128, 64, 3, 2, 1));
    geometries.back().far_h = -1;
    bool rows_were_cut = false;
    for (const Conv2dGeometry& g : geometries) {
        CAPTURE(g.n, g.ih, g.oc, g.kh, g.stride_h, g.pad_h, g.far_h);
        std::vector<int> covered(static_cast<std::size_t>(g.n * g.oh()));
        for (const Piece& piece : onednn::cut(g)) {
            if (piece.geometry.oh() < g.oh()) check_rows(g, piece);
            rows_were_cut = rows_were_cut || piece.geometry.oh() < g.oh();
            for (std::int64_t image = 0; image < piece.geometry.n; ++image)
                for (std::int64_t row = 0; row < piece.geometry.oh(); ++row)
                    ++covered[static_cast<std::size_t>((piece.image + image) * g.oh() + piece.dst_row + row)];
        }
        CHECK(covered == std::vector<int>(covered.size(), 1));
        std::int64_t images = 0;
        const auto shares = onednn::cut_images(g, 3);
        for (const Piece& share : shares) {
            CHECK(share.image == images);
            images += share.geometry.n;
        }
        CHECK(images == g.n);
        CHECK(shares.size() <= 3);
    }
    CHECK(rows_were_cut);
}

TEST_CASE("A window that may lie in the padding altogether is not cut off from its map", "[pieces]") {
    Conv2dGeometry g = stem(1, 200, 64, 3, 1, 3);
    CHECK(onednn::cut(g).size() == 1);
    g.pad_h = 2;
    CHECK(onednn::cut(g).size() > 1);
}

TEST_CASE("All passes of a convolution in pieces have the same bits on any team, and those of the definition",
          "[pieces]") {
    const Conv2dGeometry g = stem(2, 160, 40, 7, 2, 3);
    REQUIRE(onednn::cut(g).size() > 3);
    const std::vector<float> src = noise(g.n * g.ih * g.iw * g.ic, 1), weights = noise(g.weights_elements(), 2),
                             bias = noise(g.oc, 3), diff_dst = noise(g.n * g.oh() * g.ow() * g.oc, 4);
    struct Results {
        std::vector<float> dst, diff_src, diff_weights, diff_bias;
        bool operator==(const Results&) const = default;
    };
    const auto results_of = [&](int threads) {
        const ThreadScope scope(threads);
        Results r{std::vector<float>(diff_dst.size()), std::vector<float>(src.size()),
                  std::vector<float>(weights.size()), std::vector<float>(bias.size())};
        conv2d_forward(g, true, src.data(), weights.data(), nullptr, bias.data(), r.dst.data());
        conv2d_backward_data(g, diff_dst.data(), weights.data(), nullptr, r.diff_src.data());
        conv2d_backward_weights(g, src.data(), diff_dst.data(), r.diff_weights.data(), nullptr, r.diff_bias.data());
        return r;
    };
    const Results alone = results_of(1);
    for (const int threads : {2, 3, 8}) CHECK(results_of(threads) == alone);

    std::vector<double> wide_src(src.begin(), src.end()), wide_weights(weights.begin(), weights.end()),
        wide_bias(bias.begin(), bias.end()), wide_dst(alone.dst.size());
    conv2d_forward_reference(g, wide_src.data(), wide_weights.data(), wide_bias.data(), wide_dst.data());
    // Sums of 148 terms of at most 1, in any order: each of fewer roundings than terms, of at most 148 * 2^-24.
    double worst = 0;
    for (std::size_t i = 0; i < wide_dst.size(); ++i)
        worst = std::max(worst, std::abs(wide_dst[i] - double{alone.dst[i]}));
    CHECK(worst < 148.0 * 148.0 / (1 << 24));
}

TEST_CASE("A product of matrices has the same bits on any team", "[pieces]") {
    for (const auto& [transpose_a, transpose_b] :
         {std::array{false, false}, std::array{true, false}, std::array{false, true}, std::array{true, true}})
        for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{300, 150, 129},
                                      std::array<std::int64_t, 3>{5, 700, 900}, std::array<std::int64_t, 3>{1, 1, 7}}) {
            CAPTURE(transpose_a, transpose_b, m, n, k);
            const GemmGeometry g{transpose_a, transpose_b, m, n, k, transpose_a ? m : k, transpose_b ? k : n, n};
            const std::vector<float> a = noise(m * k, 5), b = noise(k * n, 6);
            const auto product = [&](int threads) {
                const ThreadScope scope(threads);
                std::vector<float> c = noise(m * n, 7);
                gemm(g, a.data(), b.data(), true, c.data());
                return c;
            };
            const std::vector<float> alone = product(1);
            CHECK(product(3) == alone);
            CHECK(product(8) == alone);
            std::vector<double> wide_a(a.begin(), a.end()), wide_b(b.begin(), b.end());
            const std::vector<float> before = noise(m * n, 7);
            std::vector<double> wide_c(before.begin(), before.end());
            gemm_reference(g, wide_a.data(), wide_b.data(), wide_c.data());
            double worst = 0;
            for (std::size_t i = 0; i < wide_c.size(); ++i)
                worst = std::max(worst, std::abs(wide_c[i] - double{alone[i]}));
            const auto terms = static_cast<double>(k + 1);
            CHECK(worst < terms * terms / (1 << 24));
        }
}
