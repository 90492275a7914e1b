#include "train/computed_with.h"

#include <array>

#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/tuning.h"
#include "tests/train/small_training.h"
#include "train/trainer.h"

using namespace keel;
using keel::test::contains;

TEST_CASE("What a resumed run computes with otherwise is told", "[computed_with]") {
    const ComputedWith then{2, "avx2", "2.6.3 (OpenMP)", false};
    CHECK(computing_changes(then, then, false).empty());
    ComputedWith now = then;
    now.threads = 1;
    REQUIRE(computing_changes(then, now, false).size() == 1);
    CHECK_THAT(computing_changes(then, now, false)[0],
               contains("1 thread in place of 2") && contains("weights' last bits"));
    CHECK(computing_changes(then, now, true).empty());  // fixed sums
    CHECK(computing_changes({}, now, false).empty());   // an earlier Keel did not say
    now = {2, "avx512", "3.5 (OpenMP)", true};
    const auto all = computing_changes(then, now, true);
    REQUIRE(all.size() == 3);
    CHECK_THAT(all[0], contains("avx512 in place of avx2"));
    CHECK_THAT(all[1], contains("3.5 (OpenMP)"));
    CHECK_THAT(all[2], contains("--tuning"));
    CHECK_THAT(computing_changes(now, then, true)[2], contains("without"));
}

TEST_CASE("The common instruction set is the widest that all ranks have", "[computed_with]") {
    const auto common = [](std::initializer_list<Isa> ranks) {
        std::vector<Features> features;
        for (const Isa& isa : ranks) features.push_back(isa.features);
        return std::string(common_isa(features).name);
    };
    CHECK(common({Isa::avx2, Isa::avx2}) == "avx2");
    CHECK(common({Isa::avx512_vnni, Isa::avx512}) == "avx512");
    CHECK(common({Isa::avx512, Isa::avx2, Isa::avx512_vnni}) == "avx2");
    CHECK(common({Isa::avx512, Isa::scalar}) == "scalar");
}

TEST_CASE("Ranks that have the same instruction set keep it", "[computed_with]") {
    const std::string before = active_isa().name;
    run_worlds({.ranks = 2, .per_node = 2}, [&](World& world) {
        const CommonIsa isa(world, true);
        CHECK(isa.note().empty());
        CHECK(active_isa().name == before);
    });
}

TEST_CASE("A reproducible run with kernels that are chosen by their times is refused", "[computed_with]") {
    const test::TuningScope scope;
    kernels::start_tuning({}, {});
    TrainConfig config = test::small_config();
    CHECK_NOTHROW(Trainer(config, *std::make_unique<TrainObserver>(), {.dataset = test::drawn_images(8, 2)}));
    config.reproducible = true;
    CHECK_THROWS_WITH(Trainer(config, *std::make_unique<TrainObserver>(), {.dataset = test::drawn_images(8, 2)}),
                      contains("--reproducible does not go with --tuning"));
    kernels::stop_tuning();
    CHECK_NOTHROW(Trainer(config, *std::make_unique<TrainObserver>(), {.dataset = test::drawn_images(8, 2)}));
    fix_sums(false);
}
