// Which channels stay, of scores alone.
#include <cmath>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "train/prune/prune.h"

using namespace keel;

namespace {

std::vector<ChannelGroup> groups_of_widths(const std::vector<std::int64_t>& widths) {
    std::vector<ChannelGroup> groups;
    for (const std::int64_t width : widths) groups.push_back({std::to_string(groups.size()), width, {}, {}});
    return groups;
}

}  // namespace

TEST_CASE("the channels of the lowest scores go, in steps of a group", "[prune]") {
    const auto groups = groups_of_widths({4, 4});
    const ChannelScores scores{{4, 1, 3, 2}, {8, 5, 7, 6}};
    CHECK(choose_channels(scores, groups, 1, 1) == KeptChannels{{0, 1, 2, 3}, {0, 1, 2, 3}});
    CHECK(choose_channels(scores, groups, 0.75, 1) == KeptChannels{{0, 2}, {0, 1, 2, 3}});
    CHECK(choose_channels(scores, groups, 0.5, 1) == KeptChannels{{0}, {0, 2, 3}});  // one of a group stays
    CHECK(choose_channels(scores, groups, 0.01, 1) == KeptChannels{{0}, {0}});
    CHECK(choose_channels(scores, groups, 0.75, 2) == KeptChannels{{0, 2}, {0, 1, 2, 3}});
    CHECK(choose_channels(scores, groups, 0.5, 2) == KeptChannels{{0, 2}, {0, 2}});
    CHECK(choose_channels(scores, groups, 0.5, 4) == KeptChannels{{0, 1, 2, 3}, {0, 1, 2, 3}});
    CHECK(choose_channels(scores, groups, 0.8, 1)[0] == std::vector<std::int64_t>{0, 2});  // 6.4 of 8: 6
}

TEST_CASE("what is left of a group is a multiple, by a smaller first step where need be", "[prune]") {
    const auto groups = groups_of_widths({7, 3});
    const ChannelScores scores{{1, 2, 3, 4, 5, 6, 7}, {0, 0, 0}};
    CHECK(choose_channels(scores, groups, 0.9, 4) == KeptChannels{{3, 4, 5, 6}, {0, 1, 2}});
    CHECK(choose_channels(scores, groups, 0.01, 4)[0].size() == 4);
    CHECK(choose_channels(scores, groups, 0.9, 2)[1] ==
          std::vector<std::int64_t>{1, 2});  // the lower of equal scores is the first
}

TEST_CASE("a group without scores stays whole", "[prune]") {
    CHECK(choose_channels({{}, {1, 2}}, groups_of_widths({3, 2}), 0.5, 1) == KeptChannels{{0, 1, 2}, {1}});
}

TEST_CASE("shares, multiples and scores that make no sense are refused", "[prune]") {
    const auto groups = groups_of_widths({2});
    for (const double keep : {0.0, -1.0, 1.5, std::nan("")})
        CHECK_THROWS_AS(choose_channels({{1, 2}}, groups, keep, 1), UsageError);
    CHECK_THROWS_AS(choose_channels({{1, 2}}, groups, 0.5, 0), UsageError);
    CHECK_THROWS_AS(choose_channels({{1}}, groups, 0.5, 1), UsageError);
    CHECK_THROWS_AS(choose_channels({}, groups, 0.5, 1), UsageError);
    CHECK_THROWS_AS(channel_score_named("magic"), UsageError);
    for (const ChannelScore score : {ChannelScore::taylor, ChannelScore::batch_norm})
        CHECK(channel_score_named(name(score)) == score);
}
