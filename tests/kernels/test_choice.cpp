#include "kernels/routing/choice.h"

#include <vector>

#include "kernels/cpu.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/tuning.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

TEST_CASE("a geometry is measured once, and the layout follows the measurement", "[tuning]") {
    const TuningScope scope;
    std::vector<ConvChoice> reported;
    start_tuning({}, [&](const ConvChoice& choice) { reported.push_back(choice); });
    const Conv2dGeometry g = some_geometry();
    const bool own = is_own(preferred_layout(g, true));
    REQUIRE(reported.size() == 1);
    CHECK(reported[0].geometry == g);
    CHECK(reported[0].own == own);
    CHECK(own == (reported[0].own_ms <= reported[0].onednn_ms));
    CHECK(reported[0].own_ms > 0);
    CHECK(reported[0].onednn_ms > 0);
    CHECK(is_own(preferred_layout(g, true)) == own);
    CHECK(reported.size() == 1);
}

TEST_CASE("known choices are followed, whatever the rule says", "[tuning]") {
    const TuningScope scope;
    const Conv2dGeometry g = some_geometry();
    for (const bool own : {true, false}) {
        start_tuning({{g, own, 1, 2}}, {});
        CHECK(is_own(preferred_layout(g, true)) == own);
    }
    stop_tuning();
    CHECK(is_own(preferred_layout(g, true)) == (active_isa() != Isa::scalar));
}
