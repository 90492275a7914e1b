#include "runs/subgroups.h"

#include <cmath>
#include <numeric>

#include "engine/json.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "runs/grouping.h"
#include "runs/report/subgroups.h"
#include "runs/subgroups_text.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

/// The generator of make_subgroups_golden.py.
struct Draws {
    std::uint64_t state;
    std::uint64_t below(std::uint64_t n) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return (state >> 33) % n;
    }
};

/// One label, one attribute "group" of the values "0", "1", ...
SubgroupInput drawn(std::uint64_t seed, std::size_t samples, std::uint64_t levels, std::uint64_t positives_per_mille,
                    std::uint64_t groups, double threshold) {
    SubgroupInput input{.labels = {"Mass"}, .columns = {{}}, .thresholds = {threshold}, .attribute_names = {"group"}};
    Draws draws{seed};
    for (std::size_t i = 0; i < samples; ++i) {
        input.columns[0].scores.push_back(static_cast<double>(draws.below(levels)) / static_cast<double>(levels));
        input.columns[0].targets.push_back(draws.below(1000) < positives_per_mille ? 1.0F : 0.0F);
        input.attributes.push_back(std::to_string(draws.below(groups)));
    }
    return input;
}

/// A group "a" of scores that tell positives from negatives, a group "b" of scores that do not, 20 of each kind in
/// each.
SubgroupInput two_groups() {
    SubgroupInput input{.labels = {"Mass"}, .columns = {{}}, .thresholds = {0.5}, .attribute_names = {"sex", "age"}};
    for (int i = 0; i < 80; ++i) {
        const bool positive = i % 2 == 0, good = i < 40;
        const double noise = 0.01 * (i % 20);
        input.columns[0].scores.push_back(good ? (positive ? 0.7 : 0.1) + noise : 0.4 + noise);
        input.columns[0].targets.push_back(positive ? 1.0F : 0.0F);
        input.attributes.insert(input.attributes.end(), {good ? "a" : "b", std::to_string(i)});
    }
    return input;
}

template <class Call>
std::string refusal(const Call& call) {
    try {
        call();
    } catch (const UsageError& error) {
        return error.what();
    }
    return "";
}

void check_value(const std::optional<double>& got, const keel::Json& wanted) {
    REQUIRE(got.has_value() == !wanted.is_null());
    if (got) CHECK(std::abs(*got - wanted.get<double>()) < 1e-12);
}

}  // namespace

TEST_CASE("AUROC and rates of errors of groups are scikit-learn's", "[subgroups]") {
    const auto golden = keel::parse_json(keel::test::read_text(KEEL_SOURCE_DIR "/tests/runs/golden/subgroups.json"));
    REQUIRE(golden.size() == 27);
    for (const auto& entry : golden) {
        CAPTURE(entry.at("seed").get<int>());
        const SubgroupInput input = drawn(entry.at("seed"), entry.at("samples"), entry.at("levels"),
                                          entry.at("positives_per_mille"), entry.at("groups"), entry.at("threshold"));
        const auto all = compare_subgroups(input, {{"group"}}, {.replicates = 0});
        REQUIRE(all.size() == 1);
        for (const Group& group : all[0].groups) {
            const auto& wanted = entry.at("measures").at(static_cast<std::size_t>(std::stoi(group.name)));
            const GroupScore& score = group.labels[0];
            CHECK(score.positives == wanted.at("positives"));
            CHECK(score.negatives == wanted.at("negatives"));
            check_value(score.auroc.value, wanted.at("auroc"));
            check_value(score.false_negative_rate.value, wanted.at("false_negative_rate"));
            check_value(score.false_positive_rate.value, wanted.at("false_positive_rate"));
            CHECK_FALSE(score.auroc.interval);
        }
    }
}

TEST_CASE("The gap is that of the best and the worst group, with an interval that does not depend on threads",
          "[subgroups]") {
    const SubgroupInput input = two_groups();
    const auto compare = [&](int threads) {
        const ThreadScope scope(threads);
        return compare_subgroups(input, {{"sex"}}, {.replicates = 400, .seed = 3})[0];
    };
    const Subgroups one = compare(1), three = compare(3);
    REQUIRE(one.groups.size() == 2);
    CHECK(one.groups[0].name == "a");
    CHECK(one.groups[0].samples == 40);
    CHECK(one.groups[0].patients == 40);
    CHECK(one.groups[0].labels[0].auroc.value == 1.0);
    CHECK(one.groups[0].labels[0].false_negative_rate.value == 0.0);
    const GroupScore& worse = one.groups[1].labels[0];
    REQUIRE(worse.auroc.value);
    REQUIRE(worse.auroc.interval);
    CHECK((worse.auroc.interval->low < *worse.auroc.value && *worse.auroc.value < worse.auroc.interval->high));
    REQUIRE(one.gaps[0].auroc);
    const Gap& gap = *one.gaps[0].auroc;
    CHECK((gap.highest == "a" && gap.lowest == "b"));
    CHECK(*gap.difference.value == 1.0 - *worse.auroc.value);
    REQUIRE(gap.difference.interval);
    CHECK(gap.difference.interval->low > 0.2);  // 40 against 40: it is there
    CHECK((gap.difference.interval->low < *gap.difference.value &&
           *gap.difference.value < gap.difference.interval->high));
    const auto& again = *three.gaps[0].auroc->difference.interval;
    CHECK((again.low == gap.difference.interval->low && again.high == gap.difference.interval->high));
    CHECK(one.gaps[0].false_negative_rate->highest == "b");
}

TEST_CASE("Images of one patient are drawn together: the intervals are wider", "[subgroups]") {
    SubgroupInput input = two_groups();
    const auto width = [&] {
        const auto groups = compare_subgroups(input, {{"sex"}}, {.replicates = 500});
        const Interval interval = *groups[0].groups[1].labels[0].auroc.interval;
        return interval.high - interval.low;
    };
    // Ten copies of every image say no more than one.
    const double alone = width();
    const SubgroupInput once = input;
    for (int copy = 1; copy < 10; ++copy) {
        input.columns[0].scores.insert(input.columns[0].scores.end(), once.columns[0].scores.begin(),
                                       once.columns[0].scores.end());
        input.columns[0].targets.insert(input.columns[0].targets.end(), once.columns[0].targets.begin(),
                                        once.columns[0].targets.end());
        input.attributes.insert(input.attributes.end(), once.attributes.begin(), once.attributes.end());
    }
    const double unknown = width();
    for (std::size_t i = 0; i < 800; ++i) input.patients.push_back(std::to_string(i % 80));
    const double known = width();
    CHECK(unknown < 0.5 * alone);
    CHECK(known == Approx(alone).epsilon(1e-9));  // the same draws of the same 80 patients
    CHECK(compare_subgroups(input, {{"sex"}}, {.replicates = 0})[0].groups[0].patients == 40);
}

TEST_CASE("Of groups that are too small nothing is concluded", "[subgroups]") {
    SubgroupInput input = two_groups();
    for (std::size_t i = 0; i < 80; i += 2)
        if (i >= 18) input.columns[0].targets[i] = -1;  // "a" keeps 9 positives, "b" none
    const auto few = compare_subgroups(input, {{"sex"}}, {.replicates = 10})[0];
    CHECK(few.groups[0].labels[0].too_few());
    CHECK(few.groups[0].labels[0].few_positives);
    CHECK_FALSE(few.groups[0].labels[0].few_negatives);
    CHECK(few.groups[0].labels[0].auroc.value == 1.0);  // for programs
    CHECK_FALSE(few.groups[1].labels[0].auroc.value);
    CHECK_FALSE(few.gaps[0].auroc);
    CHECK_FALSE(few.gaps[0].false_negative_rate);
    CHECK(few.gaps[0].false_positive_rate);  // of negatives there are enough
    const std::string text = subgroups_text({few}, input.labels, "0.5");
    CHECK_THAT(text, contains("too few"));
    CHECK_THAT(text, contains("By sex"));
    const Json json = subgroups_json({few}, input.labels)[0];
    CHECK(json.at("groups")[0].at("labels").at("Mass").at("too_few") == true);
    CHECK(json.at("groups")[1].at("labels").at("Mass").at("auroc").is_null());
    CHECK(json.at("gaps").at("Mass").at("auroc").is_null());
    CHECK_FALSE(compare_subgroups(input, {{"sex"}}, {.fewest = 9})[0].groups[0].labels[0].too_few());
}

TEST_CASE("Attributes make groups by value or by range", "[subgroups]") {
    const std::vector<std::string> names{"sex", "age"};
    const std::vector<std::string> values{"M", "5", "F", "20", "", "39.9", "M", "old", "F", "", "unknown", "40"};
    const Grouping sex = group_samples(names, values, {"sex"});
    CHECK(sex.names == std::vector<std::string>{"F", "M", "unknown"});
    CHECK(sex.members == std::vector<std::vector<std::size_t>>{{1, 4}, {0, 3}, {2, 5}});
    const Grouping age = group_samples(names, values, {"age", 20});
    CHECK(age.names == std::vector<std::string>{"[0, 20)", "[20, 40)", "[40, 60)", "unknown"});
    CHECK(age.members == std::vector<std::vector<std::size_t>>{{0}, {1, 2}, {5}, {3, 4}});
    CHECK(age.no_numbers == 1);
    CHECK(group_samples(names, values, {"age"}).names ==
          std::vector<std::string>{"old", "5", "20", "39.9", "40", "unknown"});
    CHECK(group_samples({"t"}, {"-0.5", "0.5"}, {"t", 1}).names == std::vector<std::string>{"[-1, 0)", "[0, 1)"});

    CHECK_THAT(refusal([&] { group_samples(names, values, {"sexe"}); }), contains("did you mean 'sex'?"));
    CHECK_THAT(refusal([&] { group_samples(names, values, {"view"}); }), contains("they tell sex, age"));
    CHECK_THAT(refusal([&] { group_samples({}, {}, {"view"}); }), contains("nor of any other attribute"));
    std::vector<std::string> many(200);
    for (std::size_t i = 0; i < many.size(); ++i) many[i] = std::to_string(i);
    CHECK_THAT(refusal([&] { group_samples({"age"}, many, {"age"}); }), contains("age:20"));

    DatasetContents contents = small_contents(Task::labels, 60);
    contents.attribute_names = {"age"};
    for (std::size_t i = 0; i < 60; ++i) contents.splits[0][i].attributes = {std::to_string(i)};
    const SmallDataset data(std::move(contents));
    CHECK_NOTHROW(require_groups({{"age", 20}}, data, Split::train));
    CHECK_THAT(refusal([&] { require_groups({{"age"}}, data, Split::train); }), contains("more than 50 groups"));
    CHECK_THAT(refusal([&] { require_groups({{"sex"}}, data, Split::val); }), contains("they tell age"));

    CHECK(parse_group_by("age:20").width == 20);
    CHECK(parse_group_by("Patient Age:0.5").attribute == "Patient Age");
    CHECK(parse_group_by("sex").width == 0);
    for (const char* bad : {"", ":20", "age:", "age:0", "age:-1", "age:x", "age:nan", "age:inf"})
        CHECK_FALSE(refusal([&] { parse_group_by(bad); }).empty());
}

TEST_CASE("A report compares the groups that attributes make by themselves", "[subgroups][report]") {
    SubgroupInput input = two_groups();
    const auto usual = usual_groups(input);
    REQUIRE(usual.size() == 2);
    CHECK((usual[0].attribute == "sex" && usual[0].width == 0 && usual[1].attribute == "age" && usual[1].width == 20));
    for (std::size_t i = 0; i < input.attributes.size(); i += 2) input.attributes[i] = "a";
    CHECK(usual_groups(input).size() == 1);  // one value tells nothing apart

    report::RunData run;
    CHECK(report::subgroups_html(run).empty());
    run.predictions = StoredPredictions{.labels = {"Mass <b>"}, .multi_label = true, .predictions = {}};
    StoredPredictions& stored = *run.predictions;
    CHECK(report::subgroups_html(run).empty());
    run.data = {{"splits", {{"val", {{"origin", "10 % of <all>"}}}}}};
    const SubgroupInput two = two_groups();
    for (std::size_t i = 0; i < 80; ++i) {
        stored.predictions.names.push_back(std::to_string(i));
        stored.predictions.probabilities.push_back(static_cast<float>(two.columns[0].scores[i]));
        stored.predictions.targets.push_back(two.columns[0].targets[i]);
    }
    stored.predictions.attribute_names = {"<i>"};
    for (std::size_t i = 0; i < 80; ++i) stored.predictions.attributes.push_back(i < 40 ? "<a>" : "b");
    const std::string html = report::subgroups_html(run);
    CHECK_THAT(html, contains("Validation split: 10 % of &lt;all&gt;. Best checkpoint."));
    CHECK_THAT(html, contains("<h3>By &lt;i&gt;</h3>"));
    CHECK_THAT(html, contains("&lt;a&gt;"));
    CHECK_THAT(html, contains("Mass &lt;b&gt;"));
    CHECK_THAT(html, contains("1.000"));
    CHECK(html.find("<i>") == std::string::npos);
    run.data = nullptr;
    CHECK_THAT(report::subgroups_html(run), contains("Validation split. Best checkpoint."));
}

TEST_CASE("What does not fit together is refused", "[subgroups]") {
    SubgroupInput input = two_groups();
    input.thresholds.clear();
    CHECK_THROWS_AS(compare_subgroups(input, {{"sex"}}), UsageError);
    input = two_groups();
    CHECK_THROWS_AS(compare_subgroups(input, {{"sex"}}, {.replicates = -1}), UsageError);
    input.columns[0].scores[3] = std::nan("");
    CHECK_THROWS_AS(compare_subgroups(input, {{"sex"}}), InputError);
}
