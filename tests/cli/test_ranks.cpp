// Training on several ranks under the real mpirun. Without MPI there is nothing to test.
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/output.h"
#include "data/dataset.h"
#include "engine/json.h"
#include "engine/safetensors.h"
#include "kernels/parallel.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::Json;
using keel::test::contains;
using keel::test::has_mpirun;
using keel::test::KeelProcess;
using keel::test::mpirun;
using keel::test::ProgramResult;
using keel::test::TemporaryFolder;

namespace {

ProgramResult run_on_ranks(int ranks, const std::vector<std::string>& arguments, const std::string& script = "") {
    return KeelProcess(arguments, {"OMP_NUM_THREADS=1"}, "", mpirun(ranks, script)).wait();
}

std::vector<std::string> command(const std::string& data, const std::string& out, std::vector<std::string> more) {
    if (std::ranges::find(more, "--image-size") == more.end()) more.insert(more.end(), {"--image-size", "64"});
    more.insert(more.begin(), {"train", "--model", "resnet20", "--data", data, "--out", out, "--quiet", "--threads",
                               "1", "--optimizer", "sgd", "--weight-decay", "0", "--lr", "0.001"});
    return more;
}

/// |a - b| / |a| over all tensors of two checkpoints.
double difference(const std::string& a, const std::string& b) {
    const auto first = read_safetensors(a).tensors, second = read_safetensors(b).tensors;
    REQUIRE(first.size() == second.size());
    double apart = 0, size = 0;
    for (std::size_t t = 0; t < first.size(); ++t) {
        REQUIRE(first[t].name == second[t].name);
        const Tensor x = first[t].tensor.to(DType::f64), y = second[t].tensor.to(DType::f64);
        for (std::size_t i = 0; i < x.values<double>().size(); ++i) {
            apart += std::pow(x.values<double>()[i] - y.values<double>()[i], 2);
            size += std::pow(x.values<double>()[i], 2);
        }
    }
    return std::sqrt(apart / size);
}

/// An image of the training split, by a run's default split.
std::string unreadable_image(const std::string& data) {
    const auto dataset = open_dataset(data, {});
    return dataset->samples(Split::train)[3].name;
}

std::string last(const std::string& run) { return run + "/checkpoints/last.safetensors"; }

}  // namespace

TEST_CASE("a step of two ranks with synchronized batch norms is one rank's step on the joined batch", "[ranks]") {
    if (!has_mpirun()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder);
    const auto one = keel::test::run_keel(command(
        data, folder / "one", {"--model", "resnet18", "--batch-size", "8", "--max-steps", "1", "--epochs", "1"}));
    REQUIRE(one.code == 0);
    for (const std::vector<std::string>& how :
         {std::vector<std::string>{"--overlap", "on"}, {"--overlap", "off", "--allreduce", "ring"}}) {
        std::vector<std::string> more{"--model",     "resnet18", "--batch-size", "4", "--bn-ranks", "0",
                                      "--max-steps", "1",        "--epochs",     "1", "--force",    "--json"};
        more.insert(more.end(), how.begin(), how.end());
        const auto two = run_on_ranks(2, command(data, folder / "two", more));
        INFO(two.err);
        REQUIRE(two.code == 0);
        CHECK(std::ranges::count(two.out, '\n') == 1);  // rank 0 alone prints
        // Each of some 40 operators deep sums otherwise rounded terms, which err by 2^-24 relative each; ReLUs let next
        // to nothing flip in one step of a wide network.
        CHECK(difference(last(folder / "one"), last(folder / "two")) < 40 * 0x1p-24);
    }
    // Without, every rank normalizes by its own four images: another step.
    REQUIRE(run_on_ranks(2, command(data, folder / "apart",
                                    {"--model", "resnet18", "--batch-size", "4", "--max-steps", "1", "--epochs", "1"}))
                .code == 0);
    CHECK(difference(last(folder / "one"), last(folder / "apart")) > 1e-3);
}

TEST_CASE("a reproducible run has the same weights to the bit on any number of ranks and threads", "[ranks]") {
    if (!has_mpirun()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder);
    // The last step of an epoch is smaller than its number of shards, and one image cannot be read.
    std::ofstream(data.substr(data.find(':') + 1) + "/images/" + unreadable_image(data), std::ios::trunc) << "no image";
    const auto more = [](int images, const std::string& threads, std::vector<std::string> rest = {}) {
        rest.insert(rest.end(), {"--reproducible", "--image-size", "32", "--virtual-shards", "4", "--batch-size",
                                 std::to_string(images), "--epochs", "2", "--momentum", "0.9", "--schedule", "constant",
                                 "--max-bad", "1", "--threads", threads});
        return rest;
    };
    const auto train = [&](const std::string& out, const std::vector<std::string>& rest) {
        std::vector<std::string> words = command(data, out, rest);
        words.erase(std::ranges::find(words, "--threads"), std::ranges::find(words, "--threads") + 2);
        return words;
    };
    const auto one = keel::test::run_keel(train(folder / "one", more(12, "2")));
    INFO(one.err);
    REQUIRE(one.code == 0);
    const std::string truth = keel::test::fingerprint(last(folder / "one"));
    for (const int ranks : {1, 2, 4}) {
        CAPTURE(ranks);
        const std::string out = folder / std::to_string(ranks);
        const auto result = run_on_ranks(ranks, train(out, more(12 / ranks, "1")));
        INFO(result.err);
        REQUIRE(result.code == 0);
        CHECK((keel::test::fingerprint(last(out)) == truth));
    }

    // Stopped on two ranks and resumed on one.
    REQUIRE(run_on_ranks(2, train(folder / "stopped", more(6, "1", {"--max-steps", "2"}))).code == 0);
    const auto resumed = keel::test::run_keel({"train", "--out", folder / "stopped", "--resume", "auto", "--quiet",
                                               "--batch-size", "12", "--max-steps", "0"});
    INFO(resumed.err);
    REQUIRE(resumed.code == 0);
    CHECK((keel::test::fingerprint(last(folder / "stopped")) == truth));

    // tests/train/test_virtual_shards.cpp has all that is refused.
    const auto refused =
        run_on_ranks(3, command(data, folder / "refused", {"--reproducible", "--batch-size", "4", "--force"}));
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, contains("of 4 virtual shards wants a power of two of ranks, 4 at most, not 3"));
}

TEST_CASE("a trace shows the kernels, the waits and the sums of all ranks", "[ranks]") {
    if (!has_mpirun()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run";
    const auto run =
        run_on_ranks(2, command(data, out, {"--batch-size", "1", "--max-steps", "13", "--trace-steps", "2"}));
    INFO(run.err);
    REQUIRE(run.code == 0);
    const Json trace = parse_json(keel::test::read_text(out + "/trace.json"));
    for (const int rank : {0, 1})
        for (const std::string name : {"wait for input", "layer1.0.conv1", "wait for sums", "allreduce"}) {
            CAPTURE(rank, name);
            const auto times = std::ranges::count_if(trace.at("traceEvents"), [&](const Json& event) {
                return event.at("pid") == rank && event.at("name") == name;
            });
            CHECK(times >= 2);
        }
}

TEST_CASE("ranks of a node compute on cores of their own", "[ranks]") {
    if (!has_mpirun() || allowed_cores() < 2) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run", masks = folder / "masks";
    // Each rank's shell notes which processors its first thread may run on, once the run is under way, and stops it
    // when both have.
    const auto run =
        run_on_ranks(2, command(data, out, {"--batch-size", "2", "--epochs", "100000", "--bind", "always"}),
                     "\"$0\" \"$@\" & rank=$!; while [ ! -e " + last(out) +
                         " ]; do sleep 0.1; done; sed -n "
                         "'s/Cpus_allowed_list:\t//p' /proc/$rank/status > " +
                         masks + ".$RANK; while [ ! -s " + masks + ".0 ] || [ ! -s " + masks +
                         ".1 ]; do sleep 0.1; done; kill -TERM $rank; wait $rank");
    INFO(run.err);
    CHECK(run.code == 75);
    const std::string first = keel::test::read_text(masks + ".0"), second = keel::test::read_text(masks + ".1");
    CHECK(first.find_first_not_of("0123456789\n") == std::string::npos);  // one each
    CHECK(second.find_first_not_of("0123456789\n") == std::string::npos);
    CHECK(first != second);
}

TEST_CASE("a signal to one rank stops all at the same step, and another number of ranks goes on", "[ranks]") {
    if (!has_mpirun()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), out = folder / "run", pid = folder / "pid";
    KeelProcess process(command(data, out, {"--batch-size", "4", "--epochs", "100000"}), {"OMP_NUM_THREADS=1"}, "",
                        mpirun(2, "echo $$ > " + pid + ".$RANK; exec \"$0\" \"$@\""));
    for (int i = 0; i < 10000 && !std::filesystem::exists(last(out)); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    int second = 0;
    std::ifstream(pid + ".1") >> second;
    REQUIRE(second > 0);
    ::kill(second, SIGUSR1);
    const auto stopped = process.wait();
    INFO(stopped.err);
    CHECK(stopped.code == 75);
    CHECK_THAT(stopped.err, contains("stopped by signal 10 at step"));

    // As many images a step: the same run.
    const std::vector<std::string> all{"train",   "--out",     out, "--resume", "auto",
                                       "--quiet", "--threads", "1", "--epochs", "1"};
    auto alone = all;
    alone.insert(alone.end(), {"--batch-size", "4"});
    const auto refused = keel::test::run_keel(alone);
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, contains("images a step of all ranks were 8, are 4"));
    alone.back() = "8";
    const auto resumed = keel::test::run_keel(alone);
    INFO(resumed.err);
    CHECK(resumed.code == 0);
}

TEST_CASE("ranks that were started with another configuration are told apart at the start", "[ranks]") {
    if (!has_mpirun()) return;
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder);
    auto arguments = command(data, folder / "run", {"--epochs", "1"});
    const auto result = run_on_ranks(2, arguments, "exec \"$0\" \"$@\" --seed $RANK");
    INFO(result.err);
    CHECK(result.code == 2);
    CHECK_THAT(result.err, contains("rank 1 has 'seed = 1', rank 0 has 'seed = 0'"));
    CHECK_FALSE(std::filesystem::exists(folder / "run"));
}
