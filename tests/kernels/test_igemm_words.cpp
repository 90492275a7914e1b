// The register tiles of convolutions of bf16, each variant alone: products of words against sums in double, those of
// matrix tiles to the bit against what `tdpbf16ps` is defined to do.
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/igemm/variant_state.h"
#include "kernels/igemm/variants.h"
#include "tests/kernels/halves.h"
#include "tests/support/sum_of_pairs.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

/// Words of two bf16; as floats, which is what tiles take them as, they may be anything.
struct Words {
    explicit Words(Halves two_each) : halves(std::move(two_each)), data(halves.size() / 2) {
        std::memcpy(data.data(), halves.data(), 4 * data.size());
    }
    Words(std::int64_t count, std::uint64_t seed) : Words(rounded(uniform(2 * count, seed))) {}
    const std::uint16_t* pair(std::int64_t word) const { return halves.data() + 2 * word; }

    Halves halves;
    Floats data;
};

/// Adds the products of `count` words of rows of a with words of b that are b_step words apart: exactly, and as matrix
/// tiles do, 16 words at a time.
struct Sum {
    double exact = 0, size = 0;
    float tiles = 0;
    std::int64_t products = 0;

    void add(const Words& a, std::int64_t at_a, std::int64_t a_step, const Words& b, std::int64_t at_b,
             std::int64_t b_step, std::int64_t count) {
        constexpr std::int64_t kStep = 16;
        for (std::int64_t first = 0; first < count; first += kStep) {
            const std::int64_t step = std::min(kStep, count - first);
            float row[2 * kStep] = {}, column[2 * kStep] = {};
            for (std::int64_t k = 0; k < step; ++k) {
                const std::uint16_t *x = a.pair(at_a + (first + k) * a_step), *y = b.pair(at_b + (first + k) * b_step);
                for (int half = 0; half < 2; ++half) {
                    row[2 * k + half] = float_of_half(x[half]);
                    column[2 * k + half] = float_of_half(y[half]);
                    const double product = double{from_bf16(x[half])} * double{from_bf16(y[half])};
                    exact += product;
                    size += std::abs(product);
                }
            }
            tiles = sum_of_pairs(tiles, row, column, step, 2);
        }
        products += 2 * count;
    }
};

template <class Body>
void for_each_words_variant(Body body) {
    for (const IgemmBf16Variant* variant : igemm_bf16_variants)
        if (available_isas().back().includes(variant->isa)) {
            INFO("ISA " << variant->isa.name << ", tiles of " << variant->words.rows << " rows");
            IgemmState state(variant->words);
            body(*variant, state.memory());
        }
}

/// Whether results are to be those of matrix tiles to the bit.
bool is_on_tiles(const IgemmBf16Variant& variant) { return &variant == &igemm_bf16_amx; }

/// A tile of which each tap's rows are spread and each panel's weights have a gap behind.
struct TileCase {
    int rows;
    std::int64_t taps, depth, panels;
    bool bias, accumulate, residual, relu, rounded;
};

class TileProblem {
public:
    TileProblem(const TileCase& which, int width)
        : c(which),
          columns(c.panels * width),
          width_(width),
          row_(c.depth + 3),
          panel_(c.taps * c.depth * width + 32),
          src_(c.taps * c.rows * row_ + 16, 1),
          weights_(c.panels * panel_, 2),
          bias_(uniform(columns, 3)),
          before_(uniform(c.rows * columns, 4)),
          residual_(nearest(uniform(c.rows * columns, 5))),
          residual_halves_(test::rounded(residual_)) {}

    void check(const IgemmBf16Variant& variant, void* state) {
        Floats sums = before_;
        Halves halves(sums.size(), 0);
        run(variant, state, sums, halves);
        const Floats results = c.rounded ? widened_halves(halves) : sums;
        if (c.rounded && !c.accumulate) CHECK(sums == before_);
        Doubles truth, limits;
        std::size_t others = 0;
        for (std::int64_t r = 0; r < c.rows; ++r)
            for (std::int64_t j = 0; j < columns; ++j) {
                const auto at = static_cast<std::size_t>(r * columns + j);
                const Sum sum = sum_of(r, j);
                double size = sum.size;
                truth.push_back(finished(sum.exact, at, &size));
                limits.push_back(size * static_cast<double>(sum.products + 8) * kRoundoff);
                const float on_tiles = static_cast<float>(finished(sum.tiles, at, nullptr));
                if (!same(results[at], c.rounded ? from_bf16(to_bf16(on_tiles)) : on_tiles)) ++others;
            }
        CHECK(outliers(results, truth, c.rounded ? with_rounding(limits, truth) : limits) == 0);
        if (is_on_tiles(variant)) CHECK(others == 0);
    }

private:
    Sum sum_of(std::int64_t r, std::int64_t j) const {
        Sum sum;
        for (std::int64_t tap = 0; tap < c.taps; ++tap)
            sum.add(src_, (tap * c.rows + r) * row_, 1, weights_,
                    j / width_ * panel_ + tap * c.depth * width_ + j % width_, width_, c.depth);
        return sum;
    }

    /// The result at a sum, in the arithmetic of its type; adds up the magnitudes.
    template <class T>
    T finished(T value, std::size_t at, double* size) const {
        const auto add = [&](float more) {
            value += T{more};
            if (size != nullptr) *size += std::abs(double{more});
        };
        if (c.bias) add(bias_[at % static_cast<std::size_t>(columns)]);
        if (c.accumulate) add(before_[at]);
        if (c.residual) add(residual_[at]);
        return c.relu && value < 0 ? T{0} : value;
    }

    void run(const IgemmBf16Variant& variant, void* state, Floats& sums, Halves& halves) const {
        std::vector<IgemmSource> sources;
        for (std::int64_t tap = 0; tap < c.taps; ++tap)
            sources.push_back({src_.data.data() + tap * c.rows * row_, row_});
        std::vector<float*> dst;
        std::vector<const float*> residual;
        std::vector<std::uint16_t*> rounded;
        for (std::int64_t r = 0; r < c.rows; ++r) {
            dst.push_back(sums.data() + r * columns);
            rounded.push_back(halves.data() + r * columns);
            residual.push_back(c.rounded ? reinterpret_cast<const float*>(residual_halves_.data() + r * columns)
                                         : residual_.data() + r * columns);
        }
        IgemmTile t{};
        t.rows = c.rows;
        t.src = sources.data();
        t.taps = c.taps;
        t.depth = c.depth;
        t.weights = weights_.data.data();
        t.weights_panel = panel_;
        t.panels = c.panels;
        t.dst = dst.data();
        t.bias = c.bias ? bias_.data() : nullptr;
        t.residual = c.residual ? residual.data() : nullptr;
        t.accumulate = c.accumulate;
        t.relu = c.relu;
        t.rounded = c.rounded ? rounded.data() : nullptr;
        t.state = state;
        variant.words.tile(t);
    }

    TileCase c;
    std::int64_t columns, width_, row_, panel_;
    Words src_, weights_;
    Floats bias_, before_, residual_;
    Halves residual_halves_;
};

void check_tile(const TileCase& c) {
    CAPTURE(c.rows, c.taps, c.depth, c.panels, c.bias, c.accumulate, c.residual, c.relu, c.rounded);
    for_each_words_variant([&](const IgemmBf16Variant& variant, void* state) {
        if (c.rows > variant.words.rows) return;
        TileProblem(c, variant.words.columns).check(variant, state);
    });
}

/// Where an outer product's b and result are to be turned, they are turned here, element by element.
void check_outer(const IgemmBf16Variant& variant, void* state, int rows, std::int64_t length, bool accumulate) {
    CAPTURE(rows, length, accumulate);
    const IgemmVariant& v = variant.words;
    const std::int64_t columns = v.columns, a_step = rows + 2, b_row = length + 5;
    // As in a panel, there are words behind the last row.
    const Words a(length * a_step + columns, 1), b(length * columns, 2);
    Floats turned(static_cast<std::size_t>(columns * b_row)), weights = uniform(rows * columns, 3);
    const Floats before = weights;
    const bool turns = v.turn != nullptr;
    const auto at = [&](std::int64_t i, std::int64_t j) {
        return static_cast<std::size_t>(turns ? j * rows + i : i * columns + j);
    };
    if (turns) v.turn({length, columns, b.data.data(), columns, turned.data(), b_row});
    IgemmOuter t{};
    t.rows = rows;
    t.a = a.data.data();
    t.b = turns ? turned.data() : b.data.data();
    t.b_row = b_row;
    t.length = length;
    t.a_step = a_step;
    t.fetch = t.a;
    t.fetch_lines = 1;
    t.fetch_every = 4;
    t.weights = weights.data();
    t.accumulate = accumulate;
    t.state = state;
    v.outer(t);
    std::size_t far = 0, others = 0;
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j) {
            Sum sum;
            const float first = accumulate ? before[at(i, j)] : 0.0F, result = weights[at(i, j)];
            sum.exact = double{first};
            sum.size = std::abs(double{first});
            sum.tiles = first;
            sum.add(b, j, columns, a, i, a_step, length);
            const double limit = sum.size * static_cast<double>(sum.products + 8) * kRoundoff;
            if (!(std::abs(double{result} - sum.exact) <= limit)) ++far;
            if (!same(result, sum.tiles)) ++others;
        }
    CHECK(far == 0);
    if (is_on_tiles(variant)) CHECK(others == 0);
}

}  // namespace

TEST_CASE("tiles of words: all heights", "[igemm][bf16][words]") {
    for (int rows = 1; rows <= igemm_bf16_amx.words.rows; ++rows)
        for (const std::int64_t panels : {1, 3}) check_tile({rows, 1, 48, panels, false, false, false, false, false});
}

TEST_CASE("tiles of words: depths around a step, one and more taps", "[igemm][bf16][words]") {
    for (const std::int64_t depth : {2, 4, 14, 16, 18, 30, 32, 34, 46})
        for (const std::int64_t taps : {1, 3})
            for (const int rows : {6, 20, 32}) check_tile({rows, taps, depth, 2, false, false, false, false, false});
    check_tile({4, 0, 0, 2, true, false, false, false, false});  // pixels that nobody reads
}

TEST_CASE("tiles of words: what is fused, of f32 and rounded", "[igemm][bf16][words]") {
    for (int flags = 0; flags < 32; ++flags)
        for (const int rows : {5, 32})
            check_tile({rows, 2, 20, 2, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, (flags & 8) != 0,
                        (flags & 16) != 0});
}

TEST_CASE("outer products of words", "[igemm][bf16][words]") {
    for_each_words_variant([](const IgemmBf16Variant& variant, void* state) {
        for (int rows = 1; rows <= variant.words.rows; ++rows) check_outer(variant, state, rows, 33, rows % 2 == 0);
        for (const std::int64_t length : {1, 2, 15, 16, 17, 48, 126})
            for (const bool accumulate : {false, true})
                check_outer(variant, state, variant.words.rows, length, accumulate);
    });
}

TEST_CASE("what is not a normal number, in tiles of words", "[igemm][bf16][words]") {
    // Of bf16: 1, -1, NaN, infinities, the least normal number, one below it, and the largest.
    static constexpr std::uint16_t kValues[] = {0x3f80, 0xbf80, 0x7fc0, 0x7f80, 0xff80,
                                                0x0080, 0x0001, 0x7f7f, 0x1000, 0};
    constexpr std::int64_t kCount = std::size(kValues), kDepth = 4;
    for_each_words_variant([](const IgemmBf16Variant& variant, void* state) {
        const int columns = variant.words.columns;
        std::size_t others = 0, kept = 0;
        for (std::int64_t x = 0; x < kCount; ++x) {
            Halves row(2 * kDepth, 0), panel(static_cast<std::size_t>(2 * kDepth * columns), 0);
            row[0] = kValues[x];
            row[3] = 0x3f80;
            for (std::size_t j = 0; j < static_cast<std::size_t>(columns); ++j) {
                panel[2 * j] = kValues[static_cast<std::int64_t>(j) % kCount];
                panel[2 * (static_cast<std::size_t>(columns) + j) + 1] = kValues[j / kCount];
            }
            const Words src(row), weights(panel);
            Floats dst(static_cast<std::size_t>(columns));
            float* to[] = {dst.data()};
            const IgemmSource source{src.data.data(), kDepth};
            IgemmTile t{};
            t.rows = 1;
            t.src = &source;
            t.taps = t.panels = 1;
            t.depth = kDepth;
            t.weights = weights.data.data();
            t.dst = to;
            t.state = state;
            variant.words.tile(t);
            for (std::int64_t j = 0; j < columns; ++j) {
                Sum sum;
                sum.add(src, 0, 1, weights, j, columns, kDepth);
                const float result = dst[static_cast<std::size_t>(j)];
                if (!same(result, sum.tiles)) ++others;
                const bool below = kValues[x] == 1 || kValues[j % kCount] == 1;  // a zero or not
                if (below || std::isnan(sum.exact) == std::isnan(result)) ++kept;
            }
        }
        CHECK(kept == static_cast<std::size_t>(kCount * columns));  // a NaN comes out where one is due
        if (is_on_tiles(variant)) CHECK(others == 0);
    });
}

TEST_CASE("words are turned", "[igemm][bf16][words]") {
    for_each_words_variant([](const IgemmBf16Variant& variant, void*) {
        if (variant.words.turn == nullptr) return;
        for (const std::int64_t rows : {1, 15, 16, 17, 32, 45})
            for (const std::int64_t columns : {1, 16, 31, 32}) {
                const std::int64_t src_row = columns + 3, dst_row = rows + 2;
                const Floats src = uniform(rows * src_row, 1);
                Floats dst(static_cast<std::size_t>(columns * dst_row), kCanary), expected = dst;
                for (std::int64_t i = 0; i < rows; ++i)
                    for (std::int64_t j = 0; j < columns; ++j)
                        expected[static_cast<std::size_t>(j * dst_row + i)] =
                            src[static_cast<std::size_t>(i * src_row + j)];
                variant.words.turn({rows, columns, src.data(), src_row, dst.data(), dst_row});
                CHECK(dst == expected);
            }
    });
}
