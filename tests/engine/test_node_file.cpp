#include "engine/speed/node_file.h"

#include <cmath>
#include <string>

#include "engine/json.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::speed;
using keel::test::contains;

TEST_CASE("A node that was measured is read back as it was", "[speed]") {
    MeasuredNode measured{.node = node_named("ice_lake"), .gflops = 2000, .memory_bytes = 512'000'000'000};
    measured.node.like = "ice_lake";
    const double efficiency = efficiency_of(measured);
    CHECK(efficiency == 2000 / (40 * 2.3 * 64));
    const Json json{{"speed", node_json(measured)}, {"warnings", Json::array()}};
    const MeasuredNode again = read_node(json_text(json), "node.json", efficiency);
    CHECK(again.node.cores == 40);
    CHECK(std::abs(again.node.ghz - 2.3) < 1e-12);
    CHECK(again.node.node_gbs == measured.node.node_gbs);
    CHECK(again.node.core_gbs == measured.node.core_gbs);
    CHECK(std::string(again.node.isa.name) == std::string(measured.node.isa.name));
    CHECK(again.memory_bytes == 512'000'000'000);
    CHECK(again.gflops == 2000);
}

TEST_CASE("A node wants cores, GFLOP/s and memory bandwidth, and nothing else", "[speed]") {
    const MeasuredNode node =
        read_node(R"({"cores": 10, "gflops": 640, "memory_gbs": 50, "isa": "avx2"})", "node.json", 1);
    CHECK(node.node.cores == 10);
    CHECK(node.node.ghz == 640 / (10 * 32.0));  // AVX2 does half as much a cycle
    CHECK(node.memory_bytes == 0);
    for (const char* key : {"cores", "gflops", "memory_gbs"}) {
        Json json{{"cores", 10}, {"gflops", 640}, {"memory_gbs", 50}};
        json.erase(key);
        CHECK_THROWS_AS(read_node(json_text(json), "f", 1), InputError);
        for (const char* value : {"0", "-1", "null", "\"8\"", "1e300", "[]", "true"}) {
            json[key] = parse_json(value);
            CHECK_THROWS_AS(read_node(json_text(json), "f", 1), InputError);
        }
    }
    CHECK_THROWS_AS(read_node(R"({"cores": 2.5, "gflops": 1, "memory_gbs": 1})", "f", 1), InputError);
    for (const char* extra : {R"("isa": "abacus")", R"("isa": 3)", R"("like": "pentium")", R"("region_us": -1)"})
        CHECK_THROWS_AS(read_node(std::string(R"({"cores": 2, "gflops": 1, "memory_gbs": 1, )") + extra + "}", "f", 1),
                        InputError);
    for (const char* text : {"", "[]", "3", "{", R"({"speed": 3})", "\xff\xfe"})
        CHECK_THROWS_AS(read_node(text, "f", 1), InputError);
}
