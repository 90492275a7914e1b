// keel scale as a program: a machine's file, a trace that keel bench wrote, what each adds to the report.
#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using keel::Json;
using keel::parse_json;
using keel::test::contains;
using keel::test::run_keel;
using keel::test::TemporaryFolder;

namespace {

std::vector<std::string> scale_of(std::vector<std::string> more) {
    std::vector<std::string> words{"scale", "--model", "resnet20", "--batch",   "2", "--image-size",
                                   "32",    "--steps", "1",        "--threads", "1", "--simulated",
                                   "50",    "--nodes", "1,256",    "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

}  // namespace

TEST_CASE("keel scale knows the machine and what was traced", "[scale]") {
    const TemporaryFolder folder;
    const std::string machine = folder / "machine.toml", trace = folder / "trace.json";
    keel::test::write_text(machine,
                           "name = \"the cluster\"\nranks_per_node = 4\n[network]\ngbits = 25\n[checkpoints]\n"
                           "seconds = 10\nevery_seconds = 600\n[failures]\nnode_mtbf_hours = 1000\n"
                           "restart_seconds = 300\n");
    const auto traced = run_keel({"bench", "--mode", "train", "--model", "resnet20", "--batch", "2", "--image-size",
                                  "32", "--steps", "4", "--threads", "1", "--trace", trace, "--quiet"});
    INFO(traced.err);
    REQUIRE(traced.code == 0);
    const auto result = run_keel(scale_of({"--machine", machine, "--traces", trace, "--gbits", "50", "--json"}));
    INFO(result.err);
    REQUIRE(result.code == 0);
    const Json report = parse_json(result.out);
    const Json& assumed = report.at("assumptions");
    CHECK(assumed.at("machine") == "the cluster");
    CHECK(assumed.at("ranks_per_node") == 4);
    CHECK(assumed.at("ranks_traced") == 1);
    CHECK(assumed.at("gbits_per_node").get<double>() == Approx(50));  // the option counts more than the file
    const Json& points = report.at("points");
    REQUIRE(points.size() == 2);
    CHECK(points[1].at("ranks") == 1024);
    CHECK(points[1].at("failures").get<double>() == Approx(12.0 * 256 / 1000));
    CHECK(points[1].at("useful_share") < points[0].at("useful_share"));
    CHECK(points[1].at("useful_share").get<double>() > 0.5);

    const auto text = run_keel(scale_of({"--machine", machine, "--wire", "bf16"}));
    CHECK(text.code == 0);
    CHECK_THAT(text.out,
               contains("a node fails once in 1000 hours") && contains("in bf16 on the wire") && contains("useful"));
    const auto modelled = run_keel(scale_of({"--precision", "bf16", "--model-of", "sapphire_rapids"}));
    CHECK(modelled.code == 0);
    CHECK_THAT(modelled.out, contains("a MODEL of sapphire_rapids") && contains("in bf16"));
    const auto refused = run_keel(scale_of({"--precision", "bf16", "--images-per-second", "10"}));
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, contains("rank.bf16_speedup"));
}
