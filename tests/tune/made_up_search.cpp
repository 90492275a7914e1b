#include "tests/tune/made_up_search.h"

#include <algorithm>
#include <cmath>

#include "engine/json.h"
#include "tune/space_json.h"

namespace keel::test {

tune::Outcome MadeUpRunner::scored(const tune::TrialOrder& order) {
    const double distance = std::abs(std::log10(order.config.lr) + 2);
    const double score = 1 - 0.2 * distance - 0.3 / order.epochs - (order.config.optimizer == "sgd" ? 0.01 : 0);
    return {.score = score, .epochs = order.epochs};
}

void MadeUpRunner::start(const tune::TrialOrder& order) {
    orders.push_back(order);
    under_way_[order.worker] = {order, now_ + seconds(order)};
    most_side_by_side = std::max(most_side_by_side, static_cast<int>(under_way_.size()));
}

std::optional<tune::TrialEnd> MadeUpRunner::wait(double limit) {
    const auto first = std::ranges::min_element(under_way_, {}, [](const auto& entry) { return entry.second.end; });
    if (first == under_way_.end()) return std::nullopt;
    const double until = stopping_ ? now_ : std::min(first->second.end, now_ + limit);
    if (killed_at >= 0 && until >= killed_at) throw Killed{};
    now_ = until;
    if (!stopping_ && now_ < first->second.end) return std::nullopt;
    const UnderWay ended = first->second;
    under_way_.erase(first);
    return stopping_ ? tune::TrialEnd{ended.order.worker, std::nullopt}
                     : tune::TrialEnd{ended.order.worker, outcome(ended.order)};
}

void MadeUpRunner::stop() {
    stopping_ = true;
    ++stops;
}

TrainConfig made_up_config() {
    TrainConfig config;
    config.model = "resnet20";
    config.data = "phantom:nowhere";
    config.epochs = 9;
    config.image_size = 32;
    config.out = "none";
    return config;
}

tune::SearchPlan made_up_plan(int parallel) { return {.parallel = parallel, .threads = 1}; }

std::string what_counts(const tune::SearchFacts& facts) {
    std::string text;
    for (const tune::Point& point : facts.points) text += json_text(tune::to_json(facts.space, point)) + "\n";
    for (const auto& [job, outcome] : facts.outcomes)
        text += std::to_string(job.trial) + " " + std::to_string(job.rung) + " " + json_text(Json(outcome.score)) +
                " " + std::to_string(outcome.epochs) + "\n";
    return text + "best " + std::to_string(tune::best_trial(facts).value_or(-1));
}

}  // namespace keel::test
