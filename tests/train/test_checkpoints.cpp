// The checkpoints of a run under kills, failing disks and damage. States are tiny: what matters is the order of the
// calls.
#include "train/checkpoints.h"

#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/disk_faults.h"
#include "tests/support/temporary_folder.h"
#include "train/trainer_state.h"

using namespace keel;
using keel::test::Call;
using keel::test::contains;
using keel::test::DiskFaultScope;
using keel::test::read_text;
using keel::test::TemporaryFolder;
using keel::test::write_text;
namespace fs = std::filesystem;

namespace {

CheckpointState state_of(std::int64_t step) {
    TrainerState run;
    run.step = step;
    run.config = "lr = 0.5\n";
    CheckpointState state;
    write_trainer_state(run, state.metadata);
    for (const char* name : {"a", "b"}) state.tensors.push_back({name, Tensor::full({5}, static_cast<float>(step))});
    return state;
}

/// The step of a state whose tensors agree with it.
std::int64_t step_of(const CheckpointState& state) {
    const std::int64_t step = read_trainer_state(state.metadata, "").step;
    REQUIRE(state.tensors.size() == 2);
    for (const NamedTensor& each : state.tensors)
        for (const float value : each.tensor.values<float>()) REQUIRE(value == static_cast<float>(step));
    return step;
}

std::int64_t newest_step(const Checkpoints& checkpoints) {
    const auto found = checkpoints.newest();
    REQUIRE(found);
    return step_of(found->state);
}

bool has_leftovers(const std::string& folder) {
    for (const auto& entry : fs::directory_iterator(folder))
        if (is_temporary_name(entry.path())) return true;
    return false;
}

/// Saves step 3 in a process of its own that is killed at its `at`-th call; true if it came to its end.
bool save_and_die(const Checkpoints& checkpoints, int at, bool best) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const CheckpointState state = state_of(3);
        const DiskFaultScope faults({.at = at});
        checkpoints.save(state, best);
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) REQUIRE(WEXITSTATUS(status) == 0);
    return WIFEXITED(status);
}

}  // namespace

TEST_CASE("The last checkpoint, the one before and the best are kept", "[checkpoints]") {
    const TemporaryFolder folder;
    const Checkpoints checkpoints(folder.path());
    CHECK(!checkpoints.newest());
    checkpoints.save(state_of(1), true);
    CHECK(!fs::exists(checkpoints.previous()));
    checkpoints.save(state_of(2), false);
    checkpoints.save(state_of(3), false);
    CHECK(step_of(load_checkpoint(checkpoints.last())) == 3);
    CHECK(step_of(load_checkpoint(checkpoints.previous())) == 2);
    CHECK(step_of(load_checkpoint(checkpoints.best())) == 1);
    CHECK(checkpoints.newest()->file == checkpoints.last());
    CHECK(checkpoints.newest()->refused.empty());

    checkpoints.save(state_of(4), true);
    CHECK(step_of(load_checkpoint(checkpoints.best())) == 4);
    CHECK(!has_leftovers(folder.path()));
}

TEST_CASE("A run that went on from an older checkpoint goes on from what it saved since", "[checkpoints]") {
    const TemporaryFolder folder;
    const Checkpoints checkpoints(folder.path());
    checkpoints.save(state_of(5), true);
    checkpoints.save(state_of(8), true);
    checkpoints.save(state_of(6), false);  // from step 5 on
    CHECK(newest_step(checkpoints) == 6);
    checkpoints.save(state_of(7), false);
    CHECK(newest_step(checkpoints) == 7);
}

TEST_CASE("Killed at any write, fsync, rename or link of a save, a run has a checkpoint that loads", "[checkpoints]") {
    const bool best = GENERATE(false, true);
    int kills = 0;
    for (bool done = false; !done; ++kills) {
        REQUIRE(kills < 100);
        INFO("killed at call " << kills + 1);
        const TemporaryFolder folder;
        const Checkpoints checkpoints(folder.path());
        checkpoints.save(state_of(1), true);
        checkpoints.save(state_of(2), false);
        done = save_and_die(checkpoints, kills + 1, best);
        const std::int64_t step = newest_step(checkpoints), best_step = step_of(load_checkpoint(checkpoints.best()));
        CHECK((step == 2 || step == 3));
        if (step == 2 && fs::exists(checkpoints.last())) CHECK(step_of(load_checkpoint(checkpoints.last())) == 2);
        CHECK((best_step == 1 || (best && best_step == 3)));
        if (done) CHECK(step == 3);
        if (done && best) CHECK(best_step == 3);

        checkpoints.remove_leftovers();
        CHECK(!has_leftovers(folder.path()));
        checkpoints.save(state_of(4), false);
        CHECK(newest_step(checkpoints) == 4);
    }
    CHECK(kills > 8);  // three writes, two or three links with their renames and fsyncs, the last rename and its fsyncs
}

TEST_CASE("A disk that fails keeps the checkpoints it had, and the next save works", "[checkpoints]") {
    const int error = GENERATE(ENOSPC, EIO);
    const bool for_good = GENERATE(false, true);
    int faults = 0;
    for (bool done = false; !done; ++faults) {
        REQUIRE(faults < 100);
        INFO("failed at call " << faults + 1);
        const TemporaryFolder folder;
        const Checkpoints checkpoints(folder.path());
        checkpoints.save(state_of(1), true);
        checkpoints.save(state_of(2), false);
        const CheckpointState next = state_of(3);
        bool failed = false;
        {
            const DiskFaultScope scope({.at = faults + 1, .error = error, .for_good = for_good});
            try {
                checkpoints.save(next, true);
            } catch (const IoError& e) {
                failed = true;
                CHECK_THAT(e.what(), contains("safetensors") || contains(folder.path()));
            }
            done = scope.calls() <= faults;
        }
        CHECK(failed == !done);
        const std::int64_t step = newest_step(checkpoints);
        CHECK((step == 2 || step == 3));
        step_of(load_checkpoint(checkpoints.best()));
        CHECK(!has_leftovers(folder.path()));
        checkpoints.save(state_of(4), true);
        CHECK(newest_step(checkpoints) == 4);
        CHECK(step_of(load_checkpoint(checkpoints.best())) == 4);
    }
    CHECK(faults > 8);
}

TEST_CASE("File systems without hard links get copies", "[checkpoints]") {
    const TemporaryFolder folder;
    const Checkpoints checkpoints(folder.path());
    const DiskFaultScope scope({.at = 1, .error = EPERM, .for_good = true, .only = static_cast<int>(Call::link)});
    for (std::int64_t step = 1; step <= 3; ++step) checkpoints.save(state_of(step), step == 2);
    CHECK(scope.calls() == 3);
    CHECK(step_of(load_checkpoint(checkpoints.last())) == 3);
    CHECK(step_of(load_checkpoint(checkpoints.previous())) == 2);
    CHECK(step_of(load_checkpoint(checkpoints.best())) == 2);
    CHECK(!has_leftovers(folder.path()));
}

TEST_CASE("Cut or changed anywhere, the last checkpoint is refused by name and the one before serves",
          "[checkpoints]") {
    const TemporaryFolder folder;
    const Checkpoints checkpoints(folder.path());
    checkpoints.save(state_of(1), false);
    checkpoints.save(state_of(2), false);
    const std::string whole = read_text(checkpoints.last());
    constexpr std::size_t kPlaces = 200;
    REQUIRE(whole.size() > kPlaces);
    const bool cut = GENERATE(true, false);
    for (std::size_t i = 0; i < kPlaces; ++i) {
        const std::size_t at = i * whole.size() / kPlaces;
        INFO((cut ? "cut at " : "changed at ") << at);
        std::string damaged = whole;
        if (cut)
            damaged.resize(at);
        else
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << (i % 8)));
        write_text(checkpoints.last(), damaged);
        const auto found = checkpoints.newest();
        REQUIRE(found);
        CHECK(found->file == checkpoints.previous());
        CHECK(step_of(found->state) == 1);
        REQUIRE(found->refused.size() == 1);
        CHECK_THAT(found->refused.front(), contains(checkpoints.last().string()));
    }
}

TEST_CASE("Where no checkpoint verifies, all are named", "[checkpoints]") {
    const TemporaryFolder folder;
    const Checkpoints checkpoints(folder.path());
    checkpoints.save(state_of(1), true);
    checkpoints.save(state_of(2), false);
    for (const fs::path& file : {checkpoints.last(), checkpoints.previous(), checkpoints.best()})
        write_text(file, "no checkpoint");
    CHECK_THROWS_AS(checkpoints.newest(), InputError);
    CHECK_THROWS_WITH(checkpoints.newest(),
                      contains("last.safetensors") && contains("previous.safetensors") && contains("best.safetensors"));
    // The best alone serves where it is all there is.
    checkpoints.save(state_of(3), true);
    fs::remove(checkpoints.last());
    CHECK(newest_step(checkpoints) == 3);
}

TEST_CASE("A folder of checkpoints that was purged is made again, the best among them", "[checkpoints]") {
    const TemporaryFolder folder;
    const Checkpoints checkpoints(folder / "run/checkpoints");
    CheckpointState state = state_of(1);
    checkpoints.save(state, false);
    CHECK_FALSE(fs::exists(checkpoints.best()));  // there has been none yet
    state = state_of(2);
    state.metadata["keel.best_metric"] = "0.5";
    checkpoints.save(state, true);
    fs::remove_all(folder / "run");
    state = state_of(3);
    state.metadata["keel.best_metric"] = "0.5";
    checkpoints.save(state, false);
    CHECK(newest_step(checkpoints) == 3);
    CHECK(step_of(load_checkpoint(checkpoints.best())) == 3);
}

TEST_CASE("A storage that does not answer never makes a run go on from an older checkpoint", "[checkpoints]") {
    const TemporaryFolder folder;
    const Checkpoints checkpoints(folder.path());
    checkpoints.save(state_of(1), true);
    checkpoints.save(state_of(2), false);
    const DiskFaultScope scope({.at = 1, .error = ESTALE, .for_good = true, .only = static_cast<int>(Call::read)});
    CHECK_THROWS_AS(checkpoints.newest(), StorageError);
}

TEST_CASE("A loop of links is no checkpoint, and no reason to begin again", "[checkpoints]") {
    const TemporaryFolder folder;
    const Checkpoints checkpoints(folder.path());
    checkpoints.save(state_of(1), false);
    checkpoints.save(state_of(2), false);
    fs::remove(checkpoints.last());
    fs::create_symlink("last.safetensors", checkpoints.last());
    const auto found = checkpoints.newest();
    REQUIRE(found);
    CHECK(found->file == checkpoints.previous());
    CHECK_THAT(found->refused.at(0), contains("symbolic links"));
    fs::remove(checkpoints.previous());
    try {
        checkpoints.newest();
        FAIL("the run would begin again");
    } catch (const IoError& error) {
        CHECK_THAT(error.what(), contains("holds no checkpoint that verifies") && contains("last.safetensors"));
    }
    checkpoints.save(state_of(3), false);
    CHECK(newest_step(checkpoints) == 3);
}

TEST_CASE("What is asked before a new checkpoint takes the others' place can keep it from that", "[checkpoints]") {
    const TemporaryFolder folder;
    const Checkpoints checkpoints(folder.path());
    checkpoints.save(state_of(1), true);
    const bool storage = GENERATE(false, true);
    const auto refuse = [&] {
        if (storage) throw IoError("[test] not now");
        throw UsageError("[test] somebody else writes here");
    };
    if (storage)
        CHECK_THROWS_AS(checkpoints.save(state_of(2), true, refuse), IoError);
    else
        CHECK_THROWS_AS(checkpoints.save(state_of(2), true, refuse), UsageError);
    CHECK(newest_step(checkpoints) == 1);
    CHECK_FALSE(fs::exists(checkpoints.previous()));
    CHECK_FALSE(has_leftovers(folder.path()));
    checkpoints.save(state_of(3), false, [] {});
    CHECK(newest_step(checkpoints) == 3);
}
