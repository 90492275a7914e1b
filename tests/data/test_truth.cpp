#include "data/sources/truth.h"

#include <algorithm>
#include <cmath>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

const std::vector<std::string> kLabels{"Atelectasis", "Edema", "Effusion"};

Sample applied(const std::string& rule, std::size_t label, const std::string& name = "a", std::uint64_t seed = 0) {
    Sample sample;
    sample.name = name;
    UncertainRule(rule, kLabels, seed).apply(sample, label);
    return sample;
}

}  // namespace

TEST_CASE("Cells say 1, 0, -1 or nothing in many ways", "[truth]") {
    for (const char* cell : {"1", "1.0", " 1 ", "+1", "true", "YES", "Positive", "present"})
        CHECK(parse_truth(cell) == Truth::present);
    for (const char* cell : {"0", "0.0", "-0", "False", "n", "negative"}) CHECK(parse_truth(cell) == Truth::absent);
    for (const char* cell : {"-1", "-1.0", "uncertain", "U"}) CHECK(parse_truth(cell) == Truth::uncertain);
    for (const char* cell : {"", " ", "nan", "NaN", "NA", "None"}) CHECK(parse_truth(cell) == Truth::blank);
    for (const char* cell : {"2", "0.5", "maybe", "1 0", "inf", "1,0"}) CHECK_FALSE(parse_truth(cell));
}

TEST_CASE("Uncertain labels become what the rule says", "[truth]") {
    const Sample ignored = applied("ignore", 1), zero = applied("zeros", 1), one = applied("ones", 1);
    CHECK((ignored.known == (kAllKnown & ~2ULL) && ignored.mask == 0 && ignored.soft.empty()));
    CHECK((zero.known == kAllKnown && zero.mask == 0));
    CHECK((one.known == kAllKnown && one.mask == 2));
    const std::string rule = "Atelectasis=ones, pleural effusion=smooth:0.55-0.85, zeros";
    CHECK(applied(rule, 0).mask == 1);
    CHECK((applied(rule, 1).mask == 0 && applied(rule, 1).known == kAllKnown));
    const Sample smooth = applied(rule, 2);
    CHECK(smooth.known == (kAllKnown & ~4ULL));
    REQUIRE(smooth.soft.size() == 3);
    CHECK((smooth.soft[0] == kNoSoftTarget && smooth.soft[1] == kNoSoftTarget));
    CHECK((smooth.soft[2] >= 0.55F && smooth.soft[2] < 0.85F));
    CHECK(applied("Edema=ones", 0).known == (kAllKnown & ~1ULL));  // the others are left out
    CHECK(UncertainRule(rule, kLabels, 0).text(2) == "smoothed to 0.55 to 0.85 for the loss and left out of scores");
}

TEST_CASE("Smoothed targets depend on seed, name and label alone, and fill their range", "[truth]") {
    const auto target = [](const std::string& name, std::size_t label, std::uint64_t seed) {
        return applied("smooth:0.2-0.6", label, name, seed).soft[label];
    };
    CHECK(target("a", 1, 0) == target("a", 1, 0));
    CHECK(target("a", 1, 0) != target("b", 1, 0));
    CHECK(target("a", 1, 0) != target("a", 2, 0));
    CHECK(target("a", 1, 0) != target("a", 1, 1));
    double sum = 0, low = 1, high = 0;
    for (int i = 0; i < 2000; ++i) {
        const double drawn = double{target(std::to_string(i), 0, 0)};
        sum += drawn, low = std::min(low, drawn), high = std::max(high, drawn);
    }
    // The mean of 2000 draws of a deviation of 0.4 / sqrt(12) is within four of its own deviations of 0.4.
    CHECK(sum / 2000 == Approx(0.4).margin(4 * 0.4 / std::sqrt(12.0 * 2000)));
    CHECK((low >= 0.2 && low < 0.21 && high > 0.59 && high <= 0.6));
    CHECK(applied("smooth:0.5-0.5", 0).soft[0] == 0.5F);
}

TEST_CASE("Rules that are none are refused", "[truth]") {
    for (const char* rule : {"", "none", "smooth", "smooth:", "smooth:0.5", "smooth:0.8-0.5", "smooth:-1-0",
                             "smooth:0-1.5", "smooth:0-1x", "ones,"})
        CHECK_THROWS_AS(UncertainRule(rule, kLabels, 0), UsageError);
    CHECK_THROWS_WITH(UncertainRule("Edem=ones", kLabels, 0), contains("no label 'Edem', did you mean 'Edema'?"));
}
