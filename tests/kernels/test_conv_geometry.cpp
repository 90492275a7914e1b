// Convolutions that cannot be: refused before anything is computed.
#include <cstdint>
#include <limits>
#include <string>

#include "kernels/error.h"
#include "kernels/onednn/library.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::kernels;

TEST_CASE("a geometry that makes no sense is refused with its numbers", "[conv]") {
    const Conv2dGeometry good{2, 16, 10, 10, 16, 3, 3, 1, 1, 1, 1};
    CHECK_NOTHROW(check_geometry(good));
    const auto refused = [&](auto change) {
        Conv2dGeometry g = good;
        change(g);
        CHECK_THROWS_AS(preferred_layout(g, true), UsageError);
        CHECK_THROWS_AS(conv2d_forward(g, true, nullptr, nullptr, nullptr, nullptr, nullptr), UsageError);
        CHECK_THROWS_AS(conv2d_implementations(g), UsageError);
    };
    constexpr int kHuge = std::numeric_limits<int>::max();
    refused([](Conv2dGeometry& g) { g.n = 0; });
    refused([](Conv2dGeometry& g) { g.ic = -1; });
    refused([](Conv2dGeometry& g) { g.kw = 0; });
    refused([](Conv2dGeometry& g) { g.stride_h = 0; });
    refused([](Conv2dGeometry& g) { g.dilation_w = 0; });
    refused([](Conv2dGeometry& g) { g.pad_h = -1; });
    refused([](Conv2dGeometry& g) { g.far_w = -2; });  // with the padding of 1 that is -1 on the right
    refused([](Conv2dGeometry& g) { g.groups = 3; });
    refused([](Conv2dGeometry& g) { g.groups = 0; });
    refused([](Conv2dGeometry& g) { g.kh = 13; });         // the padded map has 12 rows
    refused([](Conv2dGeometry& g) { g.dilation_w = 6; });  // the kernel spans 13 columns
    refused([](Conv2dGeometry& g) { g.n = std::int64_t{1} << 40; });
    refused([](Conv2dGeometry& g) { g.pad_h = kHuge; });
    refused([](Conv2dGeometry& g) { g.far_h = kHuge; });
    refused([](Conv2dGeometry& g) { g.kh = g.dilation_h = kHuge; });
    refused([](Conv2dGeometry& g) { g.ih = g.iw = g.n = kHuge; });
    try {
        check_geometry({2, 16, 10, 10, 24, 3, 3, 1, 1, 0, 0, 1, 1, 5});
        FAIL("16 channels in 5 groups");
    } catch (const UsageError& e) {
        CHECK(std::string(e.what()) ==
              "[conv2d] wanted channels divisible by the groups, got src 2x10x10x16, oc 24, kernel 3x3, stride 1x1, "
              "pad 0x0, "
              "dilation 1x1, groups 5");
    }
}
