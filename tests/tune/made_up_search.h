// Searches whose trials nobody trains: scores by a formula, durations by another, in a time that is made up.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "tune/search.h"

namespace keel::test {

/// What a killed process throws here.
struct Killed {};

class MadeUpRunner final : public tune::TrialRunner {
public:
    /// The better the nearer lr is to 0.01 and the longer it trained; sgd is a little worse.
    static tune::Outcome scored(const tune::TrialOrder& order);

    std::function<tune::Outcome(const tune::TrialOrder&)> outcome = scored;
    std::function<double(const tune::TrialOrder&)> seconds = [](const tune::TrialOrder&) { return 10.0; };
    double killed_at = -1;  ///< seconds; negative: never

    std::vector<tune::TrialOrder> orders{};  ///< all that were begun
    int most_side_by_side = 0, stops = 0;

    void start(const tune::TrialOrder& order) override;
    std::optional<tune::TrialEnd> wait(double seconds) override;
    void stop() override;
    double now() override { return now_; }

private:
    struct UnderWay {
        tune::TrialOrder order;
        double end = 0;
    };
    std::map<int, UnderWay> under_way_;
    bool stopping_ = false;
    double now_ = 0;
};

/// Makes ready what a search needs: resnet20 for 9 epochs, lr from 1e-4 to 1, sgd with a momentum or adamw.
inline constexpr const char* kMadeUpSpace =
    "lr = { log_uniform = [1e-4, 1] }\n"
    "optimizer = { choice = [\"sgd\", \"adamw\"] }\n"
    "momentum = { uniform = [0, 0.9], when = { optimizer = \"sgd\" } }\n";
TrainConfig made_up_config();
tune::SearchPlan made_up_plan(int parallel = 2);

/// What must be the same of two searches: points, outcomes, the best.
std::string what_counts(const tune::SearchFacts& facts);

}  // namespace keel::test
