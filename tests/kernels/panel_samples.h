// What the tests of Keel's own convolution kernels share: maps with pixels apart, weights in panels, bounds of sums.
#pragma once

#include <cmath>
#include <initializer_list>
#include <span>
#include <vector>

#include "kernels/igemm/igemm.h"
#include "kernels/routing/conv2d.h"
#include "tests/kernels/samples.h"
#include "tests/support/catch.h"
#include "tests/support/isa.h"

namespace keel::test {

using namespace keel::kernels;

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

inline constexpr float kCanary = 77.0F;

/// A dense map with its pixels moved `ld` apart, canaries between them.
inline Floats spread(const Floats& dense, std::int64_t channels, std::int64_t ld) {
    const auto pixels = static_cast<std::int64_t>(dense.size()) / channels;
    Floats wide(static_cast<std::size_t>(pixels * ld), kCanary);
    for (std::int64_t p = 0; p < pixels; ++p)
        for (std::int64_t c = 0; c < channels; ++c)
            wide[static_cast<std::size_t>(p * ld + c)] = dense[static_cast<std::size_t>(p * channels + c)];
    return wide;
}

/// The inverse; the canaries must still be there.
inline Floats gathered(const Floats& wide, std::int64_t channels, std::int64_t ld) {
    Floats dense;
    bool intact = true;
    for (std::size_t i = 0; i < wide.size(); ++i)
        if (static_cast<std::int64_t>(i) % ld < channels)
            dense.push_back(wide[i]);
        else
            intact = intact && wide[i] == kCanary;
    CHECK(intact);
    return dense;
}

inline Doubles magnitudes(const Floats& values) {
    Doubles result = widened(values);
    for (double& value : result) value = std::abs(value);
    return result;
}

/// How far a sum of k products of float can be from the truth in any order: k u / (1 - k u) times the sum of their
/// magnitudes (Higham, 2002, section 3.1), with u the unit roundoff; the 8 more cover the denominator, bias, residual
/// and the affine of the source.
inline Doubles bounds(Doubles magnitude, std::int64_t k) {
    for (double& value : magnitude) value *= static_cast<double>(k + 8) * kRoundoff;
    return magnitude;
}

inline Floats as_panels(const Conv2dGeometry& g, const Floats& plain) {
    Floats panels(plain.size());
    const std::int64_t columns = igemm_columns(), taps = std::int64_t{g.kh} * g.kw;
    for (std::int64_t o = 0; o < g.oc; ++o)
        for (std::int64_t i = 0; i < g.ic; ++i)
            for (std::int64_t t = 0; t < taps; ++t)
                panels[static_cast<std::size_t>(((o / columns * taps + t) * g.ic + i) * columns + o % columns)] =
                    plain[static_cast<std::size_t>((o * g.ic + i) * taps + t)];
    return panels;
}

inline Doubles as_panels(const Conv2dGeometry& g, const Doubles& plain) {
    const Floats order = as_panels(g, [&] {
        Floats index(plain.size());
        for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<float>(i);  // exact below 2^24
        return index;
    }());
    Doubles panels;
    for (const float index : order) panels.push_back(plain[static_cast<std::size_t>(index)]);
    return panels;
}

/// Channels in panels; the rest of the geometry as it is.
inline Conv2dGeometry of_panels(Conv2dGeometry g) {
    g.ic *= igemm_columns();
    g.oc *= igemm_columns();
    return g;
}

using Teams = std::initializer_list<int>;

/// Calls body() with teams of several sizes.
template <class Body>
void on_teams(Teams teams, Body body) {
    for (const int threads : teams) {
        INFO("threads " << threads);
        const ThreadScope team(threads);
        body();
    }
}

/// What a convolution reads and gives, drawn.
struct ConvSample {
    explicit ConvSample(const Conv2dGeometry& geometry)
        : g(geometry),
          src(uniform(g.n * g.ih * g.iw * g.ic, 1)),
          weights(uniform(g.weights_elements(), 2)),
          diff_dst(uniform(g.n * g.oh() * g.ow() * g.oc, 3)) {}

    Conv2dGeometry g;
    Floats src, weights, diff_dst;
};

// n, ic and oc in panels, and between them ih, iw; then kh, kw, strides, pads, dilations.
inline const Conv2dGeometry kGeometries[] = {
    {1, 1, 1, 1, 1, 1, 1},                    // one pixel
    {2, 1, 7, 7, 2, 1, 1},                    // an odd number of pixels in rows and images, which tiles go across
    {1, 40, 5, 3, 3, 1, 1},                   // deeper than a block
    {3, 2, 8, 9, 1, 1, 1, 2, 2},              // strided 1x1: three of four pixels get no gradient
    {2, 1, 6, 6, 1, 1, 1, 1, 1, 1, 1},        // padded 1x1
    {2, 2, 9, 7, 1, 3, 3, 1, 1, 1, 1},        // zeros before, between and after odd rows
    {1, 1, 14, 13, 2, 3, 3, 2, 2, 1, 1},      //
    {2, 1, 9, 9, 1, 3, 3, 1, 1, 2, 2, 2, 2},  // dilated
    {2, 1, 8, 9, 1, 3, 3, 2, 2, 0, 0, 1, 1, 1, 1, 1},   // padded at the far sides alone
    {2, 1, 8, 9, 2, 5, 3, 2, 1, 2, 1, 1, 1, 1, -1, 2},  // fewer rows there, more columns
    {2, 1, 6, 7, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0},   //
    {1, 1, 11, 8, 1, 5, 2, 3, 1, 2, 1},                 // asymmetric
    {1, 1, 5, 5, 1, 3, 3, 1, 1, 4, 3},                  // more padding than kernel
    {2, 1, 9, 20, 1, 7, 7, 2, 2, 3, 3},                 //
    {1, 5, 4, 4, 2, 3, 3, 1, 1, 1, 1, 1, 1, 1},         //
    {9, 1, 3, 70, 1, 3, 1, 1, 1, 1, 0},                 // blocks of pixels that span images
    {2, 1, 7, 66, 1, 3, 1, 1, 1, 2, 0, 2, 1},           // or several to an image, of rows that are read two apart
};

/// Some of them, and smaller, for machines that take a hundred times as long.
inline const Conv2dGeometry kFewGeometries[] = {
    {3, 1, 4, 5, 2, 1, 1},                    // tiles that go across images, and a last one that is not whole
    {1, 17, 3, 2, 1, 1, 1},                   // two blocks of the depth
    {2, 1, 6, 4, 1, 3, 3, 1, 1, 1, 1},        // rows of an even number of pixels
    {2, 1, 5, 6, 1, 3, 2, 2, 2, 1, 1, 1, 2},  // strided and dilated
};

/// Checks a Sample of each geometry, made of it, on every ISA and by teams of several sizes.
template <class Sample>
void check_all_directions(std::span<const Conv2dGeometry> geometries, Teams teams) {
    for_each_isa([&] {
        for (const Conv2dGeometry& units : geometries) {
            const Conv2dGeometry g = of_panels(units);
            INFO("n " << g.n << ", src " << g.ih << "x" << g.iw << "x" << g.ic << ", oc " << g.oc << ", kernel " << g.kh
                      << "x" << g.kw);
            REQUIRE(igemm_serves(g));
            const Sample test(g);
            test.check_forward(teams);
            test.check_backward_data(teams);
            test.check_backward_weights(teams);
        }
    });
}
template <class Sample>
void check_all_directions() {
    check_all_directions<Sample>(kGeometries, {1, 2, 7});
}

}  // namespace keel::test
