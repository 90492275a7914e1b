// Two mounts of one folder play two nodes that share a file system whose locks of folders are each node's own, as NFS's
// are. As root, with bindfs and FUSE.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "runs/lease_holder.h"
#include "runs/run_lease.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using keel::test::contains;
using keel::test::KeelProcess;
using keel::test::read_text;
using keel::test::TemporaryFolder;
using namespace std::chrono_literals;

namespace {

class TwoNodes {
public:
    TwoNodes() {
        for (const char* name : {"disk", "node1", "node2"}) std::filesystem::create_directories(folder_ / name);
        const std::string start = "bindfs '" + (folder_ / "disk") + "' '";
        there_ = std::system((start + (folder_ / "node1") + "' 2>/dev/null").c_str()) == 0 &&
                 std::system((start + (folder_ / "node2") + "' 2>/dev/null").c_str()) == 0;
    }
    ~TwoNodes() {
        for (const char* name : {"node1", "node2"})
            static_cast<void>(!std::system(("fusermount -u '" + (folder_ / name) + "' 2>/dev/null").c_str()));
    }

    bool there() const { return there_; }
    std::string operator/(const std::string& name) const { return folder_ / name; }
    const TemporaryFolder& folder() const { return folder_; }

private:
    TemporaryFolder folder_;
    bool there_ = false;
};

template <class Condition>
void wait_for(Condition condition) {
    for (int i = 0; i < 60'000 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    REQUIRE(condition());
}

std::string epochs_of(const std::string& csv) {
    std::string epochs;
    std::istringstream lines(read_text(csv));
    for (std::string line; std::getline(lines, line);) epochs += line.substr(0, line.find(',')) + " ";
    return epochs;
}

}  // namespace

TEST_CASE("Of two jobs for one run on two nodes one is refused, and the other trains as if it were alone",
          "[two_nodes][slow]") {
    const TwoNodes nodes;
    if (!nodes.there()) return;
    const std::string data = keel::test::draw_phantom(nodes.folder());
    const auto command = [&](const std::string& out) {
        return keel::test::train_command(data, out, {"--epochs", "4", "--resume", "auto", "--threads", "1"});
    };
    KeelProcess first(command(nodes / "node1/run"));
    wait_for([&] { return std::filesystem::exists(nodes / "disk/run/writer.lease"); });
    const auto second = keel::test::run_keel(command(nodes / "node2/run"));
    INFO(second.err);
    // Where it came too late it found a run that was done.
    CHECK((second.code == 2 || second.code == 0));
    if (second.code == 2) CHECK_THAT(second.err, contains("another process is writing to the run"));
    const auto done = first.wait();
    INFO(done.err);
    CHECK(done.code == 0);
    CHECK(epochs_of(nodes / "disk/run/metrics.csv") == "epoch 1 2 3 4 ");
}

TEST_CASE("A job that was frozen for longer than its lease ends before it writes", "[two_nodes][slow]") {
    const TwoNodes nodes;
    if (!nodes.there()) return;
    const std::string data = keel::test::draw_phantom(nodes.folder()), run = nodes / "disk/run";
    KeelProcess frozen(keel::test::train_command(data, nodes / "node1/run", {"--epochs", "100000", "--threads", "1"}));
    wait_for([&] { return std::filesystem::exists(run + "/checkpoints/previous.safetensors"); });
    frozen.signal(SIGSTOP);
    // The node is another machine: its processes cannot be looked at from here.
    auto holder = keel::read_lease_text(read_text(run + "/writer.lease"));
    REQUIRE(holder);
    holder->boot = "another";
    keel::test::write_text(run + "/thief", keel::lease_text(*holder));
    std::filesystem::rename(run + "/thief", run + "/writer.lease");
    const auto taker = keel::test::run_keel(
        {"train", "--out", nodes / "node2/run", "--resume", "auto", "--max-steps", "1", "--quiet", "--threads", "1"});
    INFO(taker.err);
    CHECK(taker.code == 0);
    CHECK_THAT(taker.err, contains("gave no sign of life for 90 s") && contains("this run takes it over"));
    // The taker has ended as well; another one holds the run now.
    holder->token = "of somebody else";
    holder->host = "node2";
    keel::test::write_text(run + "/writer.lease", keel::lease_text(*holder));
    const std::string checkpoint = keel::test::fingerprint(run + "/checkpoints/last.safetensors"),
                      metrics = read_text(run + "/metrics.csv"), log = read_text(run + "/log.txt");
    frozen.signal(SIGCONT);
    const auto result = frozen.wait();
    INFO(result.err);
    CHECK(result.code == 2);
    CHECK_THAT(result.err, contains("was taken over by process") && contains("on node2"));
    CHECK(keel::test::fingerprint(run + "/checkpoints/last.safetensors") == checkpoint);
    CHECK(read_text(run + "/metrics.csv") == metrics);
    CHECK(keel::read_lease_text(read_text(run + "/writer.lease"))->host == "node2");
}
