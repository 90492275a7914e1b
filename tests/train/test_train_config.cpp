// What a program may set without the options' parser: ranges are checked by check_train_config(), too.
#include "train/train_config.h"

#include <cmath>
#include <limits>
#include <set>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "train/config_file.h"

using namespace keel;
using test::contains;

namespace {

TrainConfig good() {
    TrainConfig config;
    config.model = "resnet18";
    config.data = "phantom:x";
    return config;
}

/// Numbers just outside of a range, and none at all.
std::vector<double> outside(const NumberRange& range, bool whole) {
    std::vector<double> values;
    if (std::isfinite(range.low))
        values.push_back(whole                ? range.low - 1
                         : range.low_excluded ? range.low
                                              : std::nextafter(range.low, range.low - 1));
    if (std::isfinite(range.high))
        values.push_back(whole                 ? range.high + 1
                         : range.high_excluded ? range.high
                                               : std::nextafter(range.high, range.high + 1));
    if (!whole) values.push_back(std::numeric_limits<double>::quiet_NaN());
    return values;
}

std::string refusal(const TrainConfig& config) {
    try {
        check_train_config(config);
        return "";
    } catch (const UsageError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("The defaults are in range, and a run without a folder is a run", "[config]") {
    CHECK_NOTHROW(check_train_config(good()));
}

TEST_CASE("A number outside of its option's range is refused by its key", "[config]") {
    int checked = 0;
    for (const Option<TrainConfig>& option : train_options()) {
        const auto* range = std::get_if<NumberRange>(&option.allowed);
        if (range == nullptr) continue;
        std::visit(
            [&](auto member) {
                using T = std::decay_t<decltype(good().*member)>;
                for (const double value : outside(*range, std::is_integral_v<T>)) {
                    if (std::is_unsigned_v<T> && value < 0) continue;
                    TrainConfig config = good();
                    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
                        config.*member = static_cast<T>(value);
                    else if constexpr (std::is_same_v<T, std::vector<float>>)
                        config.*member = {static_cast<float>(value < 0 ? -0.5 : value > 0 ? 1.5 : value)};
                    else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>)
                        config.*member = {static_cast<std::int64_t>(value)};
                    else
                        continue;
                    CAPTURE(option.key, value);
                    CHECK_THAT(refusal(config), contains(std::string(option.key) + " must be"));
                    ++checked;
                }
            },
            option.member);
    }
    CHECK(checked > 60);
}

TEST_CASE("A word that is not one of an option's is refused by its key", "[config]") {
    std::set<std::string> refused;
    for (const Option<TrainConfig>& option : train_options()) {
        if (!std::holds_alternative<Words>(option.allowed)) continue;
        TrainConfig config = good();
        config.*std::get<std::string TrainConfig::*>(option.member) = "neither";
        CHECK_THAT(refusal(config), contains(std::string(option.key) + " must be") && contains("neither"));
        refused.insert(std::string(option.key));
    }
    CHECK(refused.contains("optimizer"));
    CHECK(refused.size() > 5);
}

TEST_CASE("Options that contradict each other are refused", "[config]") {
    TrainConfig config = good();
    config.schedule = "step";
    CHECK_THAT(refusal(config), contains("schedule step wants step_epochs or milestones"));
    config.milestones = {5, 5};
    CHECK_THAT(refusal(config), contains("milestones must rise"));
    config = good();
    config.optimizer = "sgd";
    config.nesterov = true;
    config.momentum = 0;
    CHECK_THAT(refusal(config), contains("nesterov wants momentum above 0"));
    config = good();
    config.min_lr = 1;
    CHECK_THAT(refusal(config), contains("min_lr must be at most lr"));
}
