// The matrix product against the definition, in long double.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/error.h"
#include "kernels/routing/gemm.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::kernels;

namespace {

template <class T>
std::vector<T> random_matrix(std::int64_t rows, std::int64_t distance, std::uint32_t seed) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<T> uniform(T{-1}, T{1});
    std::vector<T> values(static_cast<std::size_t>(rows * distance));
    for (T& value : values) value = uniform(engine);
    return values;
}

template <class T>
T at(const std::vector<T>& matrix, std::int64_t distance, bool transpose, std::int64_t row, std::int64_t column) {
    return matrix[static_cast<std::size_t>(transpose ? column * distance + row : row * distance + column)];
}

/// Elements of c further from the truth than k + 1 roundings can bring them (gamma_(k+1) of the sum of magnitudes, with
/// one more for its denominator), and elements beyond the rows' ends that were touched.
template <class T>
std::size_t outliers(const GemmGeometry& g, bool accumulate) {
    const auto a = random_matrix<T>(g.transpose_a ? g.k : g.m, g.lda, 1),
               b = random_matrix<T>(g.transpose_b ? g.n : g.k, g.ldb, 2);
    const auto before = random_matrix<T>(g.m, g.ldc, 3);
    auto c = before;
    if (!accumulate)  // what c held must not matter, not even as 0 * NaN
        for (std::int64_t i = 0; i < g.m; ++i)
            std::fill_n(c.begin() + i * g.ldc, g.n, std::numeric_limits<T>::quiet_NaN());
    gemm(g, a.data(), b.data(), accumulate, c.data());

    const long double unit_roundoff = std::numeric_limits<T>::epsilon() / 2;
    std::size_t count = 0;
    for (std::int64_t i = 0; i < g.m; ++i)
        for (std::int64_t j = 0; j < g.ldc; ++j) {
            const T old = at(before, g.ldc, false, i, j), got = at(c, g.ldc, false, i, j);
            if (j >= g.n) {
                count += got != old;
                continue;
            }
            long double sum = accumulate ? old : 0, magnitude = std::abs(sum);
            for (std::int64_t l = 0; l < g.k; ++l) {
                const long double product =
                    static_cast<long double>(at(a, g.lda, g.transpose_a, i, l)) * at(b, g.ldb, g.transpose_b, l, j);
                sum += product;
                magnitude += std::abs(product);
            }
            count += !(std::abs(got - sum) <= static_cast<long double>(g.k + 2) * unit_roundoff * magnitude);
        }
    return count;
}

template <class T>
void check_shapes() {
    const std::int64_t shapes[][3] = {{1, 1, 1},     {1, 7, 5},  {7, 1, 5},   {5, 7, 1},     {8, 8, 8},
                                      {16, 15, 17},  {33, 1, 9}, {64, 64, 3}, {65, 70, 130}, {16, 14, 512},
                                      {2, 100, 300}, {0, 3, 2},  {3, 0, 2},   {3, 4, 0},     {0, 0, 0}};
    for (const auto& [m, n, k] : shapes)
        for (const bool transpose_a : {false, true})
            for (const bool transpose_b : {false, true})
                for (const std::int64_t gap : {0, 3})
                    for (const bool accumulate : {false, true}) {
                        const GemmGeometry g{
                            transpose_a, transpose_b, m, n, k, (transpose_a ? m : k) + gap, (transpose_b ? k : n) + gap,
                            n + gap};
                        INFO(m << " " << n << " " << k << " " << transpose_a << transpose_b << " " << gap << " "
                               << accumulate);
                        CHECK(outliers<T>(g, accumulate) == 0);
                    }
}

}  // namespace

TEST_CASE("gemm agrees with the definition", "[gemm]") {
    SECTION("float") { check_shapes<float>(); }
    SECTION("double") { check_shapes<double>(); }
}

TEST_CASE("gemm refuses rows longer than their distance, and negative dims", "[gemm]") {
    float data[16] = {};
    CHECK_THROWS_AS(gemm({false, false, 2, 2, 3, 2, 2, 2}, data, data, false, data), UsageError);
    CHECK_THROWS_AS(gemm({false, false, 2, 2, 3, 3, 1, 2}, data, data, false, data), UsageError);
    CHECK_THROWS_AS(gemm({false, false, 2, 2, 3, 3, 2, 1}, data, data, false, data), UsageError);
    CHECK_THROWS_AS(gemm({true, true, 2, 2, 3, 2, 2, 2}, data, data, false, data), UsageError);
    CHECK_THROWS_AS(gemm({false, false, -1, 2, 3, 3, 2, 2}, data, data, false, data), UsageError);
    CHECK_NOTHROW(gemm({true, true, 2, 2, 3, 2, 3, 2}, data, data, false, data));
}
