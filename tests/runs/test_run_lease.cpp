#include "runs/run_lease.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "runs/run_directory.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace std::chrono_literals;
using keel::test::contains;
using keel::test::read_text;
using keel::test::TemporaryFolder;
using keel::test::write_text;
namespace fs = std::filesystem;

namespace {

constexpr auto kNever = 24h;

/// A process on a machine of which this one knows nothing.
LeaseHolder stranger() {
    LeaseHolder holder = make_holder();
    holder.boot = "another";
    holder.host = "node2";
    return holder;
}

fs::path lease_of(const TemporaryFolder& folder) { return RunLease::file_of(folder.path()); }

void put(const TemporaryFolder& folder, const LeaseHolder& holder) { write_text(lease_of(folder), lease_text(holder)); }

/// Another machine takes the lease over.
void steal(const TemporaryFolder& folder) {
    write_text(folder / "thief", lease_text(stranger()));
    fs::rename(folder / "thief", lease_of(folder));
}

LeaseOptions quick(std::chrono::milliseconds renew = kNever) {
    return {.renew = renew, .silence = 50ms, .poll = 1ms, .give_up = {}, .say = {}};
}

template <class Condition>
bool comes_true(Condition condition) {
    for (int i = 0; i < 30'000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
    return condition();
}

}  // namespace

TEST_CASE("A lease is there as long as its run", "[lease]") {
    const TemporaryFolder folder;
    {
        const RunLease lease(folder.path());
        const auto holder = read_lease_text(read_text(lease_of(folder)));
        REQUIRE(holder);
        CHECK(holder->process == ::getpid());
        CHECK(lease.taken_over().empty());
        CHECK_FALSE(lease.lost());
        CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
    }
    CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("A holder that gives signs of life is left alone", "[lease]") {
    const TemporaryFolder folder;
    LeaseHolder living = stranger();
    put(folder, living);
    std::atomic<bool> over{false};
    std::thread beats([&] {
        for (; !over; std::this_thread::sleep_for(5ms)) {
            ++living.renewals;
            put(folder, living);
        }
    });
    LeaseOptions options = quick();
    options.silence = 60s;
    std::vector<std::string> said;
    options.say = [&](const std::string& text) { said.push_back(text); };
    CHECK_THROWS_WITH(
        RunLease(folder.path(), options),
        contains("[run] another process is writing to the run in " + folder.path()) && contains("on node2"));
    over = true;
    beats.join();
    REQUIRE(said.size() == 1);
    CHECK_THAT(said[0], contains("looking for a sign of life") && contains("for 60 s"));
    CHECK(read_lease_text(read_text(lease_of(folder)))->host == "node2");
}

TEST_CASE("A holder that is silent, or that nobody can tell, is given up", "[lease]") {
    const TemporaryFolder folder;
    put(folder, stranger());
    {
        const RunLease lease(folder.path(), quick());
        CHECK_THAT(lease.taken_over(), contains("was left by process") && contains("node2") &&
                                           contains("gave no sign of life") && contains("takes it over"));
        CHECK(read_lease_text(read_text(lease_of(folder)))->process == ::getpid());
    }
    write_text(lease_of(folder), "half a li");
    const RunLease lease(folder.path(), quick());
    CHECK_THAT(lease.taken_over(), contains("a process that nothing is known of"));
}

TEST_CASE("What a crash on this machine left is taken at once", "[lease]") {
    const TemporaryFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        const RunLease lease(folder.path(), quick());
        ::_exit(0);  // without giving it back
    }
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    REQUIRE(fs::exists(lease_of(folder)));
    LeaseOptions patient = quick();
    patient.silence = kNever;
    const RunLease lease(folder.path(), patient);
    CHECK_THAT(lease.taken_over(), contains("process " + std::to_string(child)) && contains("which has ended"));
}

TEST_CASE("Of many that want a lease one gets it", "[lease]") {
    const TemporaryFolder folder;
    std::atomic<int> got{0}, refused{0};
    std::vector<std::thread> all;
    std::vector<std::unique_ptr<RunLease>> held(8);
    for (auto& place : held)
        all.emplace_back([&] {
            try {
                place = std::make_unique<RunLease>(folder.path(), quick());
                ++got;
            } catch (const UsageError&) {
                ++refused;
            }
        });
    for (std::thread& thread : all) thread.join();
    CHECK(got == 1);
    CHECK(refused == 7);
}

TEST_CASE("A lease is renewed, and made again where it is gone", "[lease]") {
    const TemporaryFolder folder;
    const RunLease lease(folder.path(), quick(2ms));
    const auto renewals = [&] {
        const auto holder = read_lease_text(read_text(lease_of(folder)));
        return holder ? holder->renewals : 0;
    };
    CHECK(comes_true([&] { return renewals() >= 3; }));
    fs::remove(lease_of(folder));
    CHECK(comes_true([&] { return renewals() >= 3; }));
    CHECK_FALSE(lease.lost());
}

TEST_CASE("Who lost a lease says so and leaves the other's alone", "[lease]") {
    const TemporaryFolder folder;
    std::string theirs;
    {
        // At the next sign of life, or when it is asked before a write, whichever comes first.
        const bool renews = GENERATE(false, true);
        RunLease lease(folder.path(), quick(renews ? 2ms : std::chrono::milliseconds(kNever)));
        CHECK_NOTHROW(lease.require());
        steal(folder);
        theirs = read_text(lease_of(folder));
        if (renews) CHECK(comes_true([&] { return lease.lost(); }));
        CHECK_THROWS_WITH(lease.require(), contains("was taken over by process") && contains("on node2") &&
                                               contains("writes nothing more"));
        CHECK(lease.lost());
    }
    CHECK(read_text(lease_of(folder)) == theirs);
}

TEST_CASE("A wait for a lease can be given up, and a folder that takes no file is an error", "[lease]") {
    const TemporaryFolder folder;
    put(folder, stranger());
    LeaseOptions options = quick();
    options.silence = kNever;
    int asked = 0;
    options.give_up = [&] { return ++asked > 3; };
    CHECK_THROWS_AS(RunLease(folder.path(), options), LeaseGivenUp);
    CHECK_THROWS_AS(RunLease(folder / "no/such/folder", quick()), IoError);
}

TEST_CASE("A run that was taken over writes nothing more", "[lease]") {
    const TemporaryFolder folder;
    const Json row{{"epoch", 1}, {"loss", 0.5}};
    {
        RunDirectory run(folder.path(), ExistingRun::refuse, true, std::make_unique<RunLease>(folder.path(), quick()));
        run.write_config("lr = 1\n");
        run.append_metrics(row);
        run.log().info("before");
        CHECK(run.writes());
        steal(folder);
        CHECK_THROWS_AS(run.append_metrics({{"epoch", 2}, {"loss", 0.25}}), UsageError);
        CHECK_FALSE(run.writes());
        CHECK(run.lost());
        CHECK_THROWS_AS(run.write_config("lr = 2\n"), UsageError);
        CHECK_THROWS_AS(run.require_own(), UsageError);
        run.record_error("after");
        run.log().critical("after");
    }
    CHECK(read_text(folder / "metrics.csv") == "epoch,loss\n1,0.5\n");
    CHECK(read_text(folder / "config.toml") == "lr = 1\n");
    CHECK_THAT(read_text(folder / "log.txt"), contains("before") && !contains("after"));
}
