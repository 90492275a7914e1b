// The search for a model under limits, by made-up measurements.
#include "tune/fit/run_search.h"

#include <algorithm>
#include <set>

#include "kernels/random.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/tune/made_up_fit.h"

using namespace keel;
using namespace keel::test;

namespace keel::fit {  // not used: names of other searches are compiled beside these

using keel::test::contains;

namespace {

Wishes wishes_for(double rate_factor, double max_drop = 0.005) {
    return {.max_drop = max_drop, .min_images_per_second = Wish{rate_factor, true}};
}

struct Found {
    SearchResult result{};
    std::vector<std::string> asked{};

    std::string chosen() const {
        return result.verdict.chosen ? name_of(result.known.measured[*result.verdict.chosen].candidate) : "";
    }
    std::string nearest() const {
        return result.verdict.nearest ? name_of(result.known.measured[*result.verdict.nearest].candidate) : "";
    }
    bool was_asked(const std::string& name) const { return std::ranges::find(asked, name) != asked.end(); }
};

Found found(const Wishes& wishes, const SearchOptions& options = {}, const Space& space = usual_space(),
            const std::function<Figures(const Candidate&)>& figures = usual_figures, const SearchHooks& hooks = {}) {
    MadeUpMeasuring measuring;
    measuring.figures = figures;
    Found found{run_search(space, wishes, measuring, options, hooks), {}};
    found.asked = measuring.asked;
    return found;
}

}  // namespace

TEST_CASE("Stages come in the order of their cost, with the checkpoint first and every name once", "[fit]") {
    const std::vector<Stage> stages = stages_of(usual_space());
    std::vector<Way> ways;
    std::set<std::string> names;
    std::size_t candidates = 0;
    for (const Stage& stage : stages) {
        ways.push_back(stage.way);
        for (const Candidate& candidate : stage.candidates) names.insert(name_of(candidate));
        candidates += stage.candidates.size();
    }
    CHECK(ways == std::vector{Way::precision, Way::int8, Way::size, Way::fine_tune, Way::prune, Way::distill});
    CHECK(names.size() == candidates);
    // 2 forms of floats, int8 with 0, 4, 8 and 16 layers kept: 6 of each of 1 + 3 + 3 + 2 + 1 bodies
    CHECK(candidates == 60);
    CHECK(stages.front().candidates.front() == Candidate{usual_space().own});
    CHECK(names.contains("densenet121-224-keep75-tuned-int8-kept4"));
    CHECK(names.contains("resnet18-224-distilled-bf16"));

    Space plain = usual_space();
    plain.ways = {Way::int8};
    plain.bf16 = true;  // precision was not asked for
    const std::vector<Stage> two = stages_of(plain);
    REQUIRE(two.size() == 2);
    CHECK(two[0].candidates.size() == 1);
    CHECK(two[1].candidates.size() == 4);
    plain.int8 = false;
    CHECK(stages_of(plain).size() == 1);
}

TEST_CASE("Ways and sizes of smaller images", "[fit]") {
    for (const std::string_view way : kWays) CHECK(name(way_named(way)) == way);
    CHECK_THROWS_AS(way_named("luck"), UsageError);
    CHECK(usual_sizes(224) == std::vector<std::int64_t>{192, 160, 128});
    CHECK(usual_sizes(512) == std::vector<std::int64_t>{448, 384, 320, 256});
    CHECK(usual_sizes(28) == std::vector<std::int64_t>{24, 20, 16});
    CHECK(usual_sizes(16).empty());
}

TEST_CASE("The search ends with the first stage in which something satisfies, and takes the most accurate", "[fit]") {
    SECTION("the checkpoint itself") {
        const Found f = found(wishes_for(1));
        CHECK(f.chosen() == "densenet121-224-f32");
        CHECK(f.asked == std::vector<std::string>{"densenet121-224-f32", "densenet121-224-bf16"});
    }
    SECTION("bf16") { CHECK(found(wishes_for(1.4)).chosen() == "densenet121-224-bf16"); }
    SECTION("int8, which leaves no layers in f32 where it loses little") {
        const Found f = found(wishes_for(2.5));
        CHECK(f.chosen() == "densenet121-224-int8");
        CHECK(f.asked.size() == 3);
        CHECK_FALSE(f.was_asked("densenet121-224-int8-kept4"));
    }
    SECTION("int8 with layers in f32, as many as it takes") {
        // 0.003 is lost by int8, 0.0023 with 4 layers, 0.0016 with 8
        const Found f = found(wishes_for(2.5, 0.0018));
        CHECK(f.chosen() == "densenet121-224-int8-kept8");
        CHECK(f.was_asked("densenet121-224-int8-kept4"));
        CHECK_FALSE(f.was_asked("densenet121-224-int8-kept16"));
    }
    SECTION("smaller images") {
        // int8 at 192 is 3 * (7/6)^2 = 4.08 times as fast; it loses 0.003 + 0.2 / 7
        const Found f = found(wishes_for(4, 0.04));
        CHECK(f.chosen() == "densenet121-192-int8");
        CHECK(f.was_asked("densenet121-160-int8"));  // the whole stage is measured, up to where f32 loses too much
        CHECK_FALSE(f.was_asked("densenet121-128-f32"));
        CHECK_FALSE(f.was_asked("densenet121-192-tuned-f32"));
    }
    SECTION("and training for them") {
        const Found f = found(wishes_for(4, 0.01));
        CHECK(f.chosen() == "densenet121-192-tuned-int8");
        CHECK_FALSE(f.was_asked("densenet121-224-keep75-tuned-f32"));
    }
    SECTION("a student, when nothing else does") {
        const Found f = found(wishes_for(4, 0.0045));
        CHECK(f.chosen() == "resnet18-224-distilled-f32");
    }
}

TEST_CASE("All ways are looked at where that is asked for", "[fit]") {
    const Found few = found(wishes_for(1)), all = found(wishes_for(1), {.all = true});
    CHECK(all.chosen() == few.chosen());
    CHECK(all.asked.size() > 30);
    CHECK(all.was_asked("resnet18-224-distilled-f32"));
    std::set<std::string> once(all.asked.begin(), all.asked.end());
    CHECK(once.size() == all.asked.size());
}

TEST_CASE("What is to be trained is timed before, and not trained where it is too slow in every form", "[fit]") {
    const Found f = found(wishes_for(8, 0.0001));
    const auto at = [&](const std::string& name) { return std::ranges::find(f.asked, name) - f.asked.begin(); };
    // int8 at 128 is 9.2 times as fast, at 192 4.1 times
    CHECK(f.was_asked("probe densenet121-192-tuned-int8"));
    CHECK_FALSE(f.was_asked("densenet121-192-tuned-f32"));
    CHECK(f.was_asked("densenet121-128-tuned-f32"));
    for (const char* form : {"f32", "bf16", "int8"})
        CHECK(at(std::string("probe densenet121-128-tuned-") + form) < at("densenet121-128-tuned-f32"));
    const auto why = left_out(f.result.stages, f.result.known, f.result.limits, f.result.options);
    const auto reason =
        std::ranges::find(why, "densenet121-192-tuned-f32", [](const auto& entry) { return name_of(entry.first); });
    REQUIRE(reason != why.end());
    CHECK_THAT(reason->second, contains("too slow in every form"));
    CHECK(why.size() + f.result.known.measured.size() == 60);

    SECTION("but where it is too slow by no more than noise") {
        const auto slow = [](const Candidate& c) {
            Figures figures = usual_figures(c);
            if (c.body.making != Making::as_is) figures.speed.images_per_second = 0.95 * 800;
            return figures;
        };
        CHECK(found(wishes_for(8, 0.0001), {}, usual_space(), slow).was_asked("densenet121-192-tuned-f32"));
    }
}

TEST_CASE("Where a model of more pixels or channels loses too much in f32, those behind it are not looked at",
          "[fit]") {
    // 192 pixels lose 0.029, 0.0057 when trained on; three quarters of the channels 0.025
    const Found f = found(wishes_for(20, 0.002));
    CHECK(f.was_asked("densenet121-192-f32"));
    CHECK(f.was_asked("densenet121-192-int8"));
    CHECK_FALSE(f.was_asked("densenet121-160-f32"));
    CHECK_FALSE(f.was_asked("densenet121-192-int8-kept4"));  // it is not the codes that lose so much
    const auto why = left_out(f.result.stages, f.result.known, f.result.limits, f.result.options);
    const auto reason_of = [&](const char* name) {
        const auto left = std::ranges::find(why, name, [](const auto& entry) { return name_of(entry.first); });
        return left == why.end() ? std::string() : left->second;
    };
    CHECK_THAT(reason_of("densenet121-160-f32"), contains("more pixels or channels lost too much"));
    CHECK_THAT(reason_of("densenet121-192-int8-kept4"), contains("loses too much in f32"));
    CHECK(found(wishes_for(20, 0.002), {.all = true}).was_asked("densenet121-160-f32"));
}

TEST_CASE("A candidate that fails is one result; a disk that refuses, or a checkpoint that fails, is the end",
          "[fit]") {
    const auto fails = [](const char* which, auto error) {
        return [=](const Candidate& c) {
            if (name_of(c) == which) throw error;
            return usual_figures(c);
        };
    };
    const Space space = usual_space();
    const Found f = found(wishes_for(1.4), {}, space, fails("densenet121-224-bf16", DivergedError("NaN in step 3")));
    CHECK(f.chosen() == "densenet121-224-int8");
    CHECK(f.result.known.measured[1].failure == "NaN in step 3");
    CHECK(found(wishes_for(1.4), {}, space, fails("densenet121-224-bf16", std::bad_alloc())).chosen() ==
          "densenet121-224-int8");
    CHECK_THROWS_AS(found(wishes_for(1.4), {}, space, fails("densenet121-224-bf16", IoError("disk full"))), IoError);
    CHECK_THROWS_AS(found(wishes_for(1.4), {}, space, fails("densenet121-224-f32", InputError("damaged"))), InputError);
}

TEST_CASE("Where nothing satisfies, the nearest is the one whose largest miss is least", "[fit]") {
    Space space = usual_space();
    space.ways = {Way::precision, Way::int8};
    const Found f = found(wishes_for(4), {}, space);
    CHECK(f.chosen().empty());
    CHECK(f.nearest() == "densenet121-224-int8");
    REQUIRE(f.result.verdict.misses.size() == 1);
    CHECK(f.result.verdict.misses[0].what == "images per second");
    CHECK(f.result.verdict.misses[0].share == Approx(0.25));
    CHECK_THAT(text_of(f.result.verdict.misses[0]),
               contains("300.0 images per second where 400.0 are wanted, 25.0 % short"));
}

TEST_CASE("Time that is out ends the search, not before the checkpoint is measured", "[fit]") {
    int asked = 0;
    const Found f =
        found(wishes_for(4), {}, usual_space(), usual_figures, {.out_of_time = [&] { return ++asked > 1; }});
    CHECK(f.result.out_of_time);
    CHECK(f.asked.size() == 2);
    CHECK_FALSE(found(wishes_for(1), {}, usual_space(), usual_figures, {.out_of_time = [] { return false; }})
                    .result.out_of_time);
}

TEST_CASE(
    "Of drawn measurements the chosen one is the most accurate that keeps to the limits, and no other beats the "
    "frontier",
    "[fit]") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        Random random(seed, Draw::bench);
        std::vector<Measured> measured;
        for (int i = 0; i < 12; ++i) {  // few different values, so that ties are frequent
            Measured one{.candidate = {{"m", 100 + i}, Form::f32, 0}};
            if (random.below(6) > 0)
                one.figures = made_up_figures(0.001 * random.below(8), 100.0 + 50 * random.below(8));
            else
                one.failure = "failed";
            measured.push_back(one);
        }
        const Limits limits{.max_drop = 0.004, .min_images_per_second = 250, .max_mb = 70};
        const Verdict verdict = verdict_of(measured, limits);
        const auto keeps = [&](const Measured& m) { return m.figures && misses_of(*m.figures, limits).empty(); };
        CHECK(verdict.chosen.has_value() == std::ranges::any_of(measured, keeps));
        CHECK(std::ssize(verdict.satisfying) == std::ranges::count_if(measured, keeps));
        if (verdict.chosen) {
            CHECK(keeps(measured[*verdict.chosen]));
            for (const Measured& other : measured)
                if (keeps(other)) {
                    CHECK(other.figures->metric <= measured[*verdict.chosen].figures->metric);
                    if (other.figures->metric == measured[*verdict.chosen].figures->metric)
                        CHECK(other.figures->speed.images_per_second <=
                              measured[*verdict.chosen].figures->speed.images_per_second);
                }
        }
        const auto cost = [](const Figures& f) { return -f.speed.images_per_second; };
        const std::vector<std::size_t> frontier = frontier_of(measured, cost);
        const auto beats = [&](const Figures& a, const Figures& b) {
            return a.metric >= b.metric && cost(a) <= cost(b) && (a.metric > b.metric || cost(a) < cost(b));
        };
        for (std::size_t i = 0; i < measured.size(); ++i) {
            if (!measured[i].figures) continue;
            const bool beaten = std::ranges::any_of(measured, [&](const Measured& other) {
                return other.figures && beats(*other.figures, *measured[i].figures);
            });
            const bool on = std::ranges::find(frontier, i) != frontier.end();
            if (beaten) CHECK_FALSE(on);
            if (beaten || on) continue;
            // of equals one stands for all
            CHECK(std::ranges::any_of(frontier, [&](std::size_t k) {
                return measured[k].figures->metric == measured[i].figures->metric &&
                       cost(*measured[k].figures) == cost(*measured[i].figures);
            }));
        }
    }
}

}  // namespace keel::fit
