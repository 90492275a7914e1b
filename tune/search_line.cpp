#include "tune/search_line.h"

#include <cmath>

#include "engine/hash.h"
#include "kernels/error.h"
#include "train/config_file.h"
#include "tune/space_json.h"

namespace keel::tune {
namespace {

constexpr std::string_view kBeforeHash = ",\"xxh3\":\"", kBehindHash = "\"}";
constexpr std::size_t kHashDigits = 16, kTail = kBeforeHash.size() + kHashDigits + kBehindHash.size();

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

std::string hashed_line(std::string_view object) {
    std::string text(object.substr(0, object.size() - 1));
    const std::string hash = Hash().add(text).hex();
    return text.append(kBeforeHash).append(hash).append(kBehindHash) + "\n";
}

std::string search_line(const Json& object) { return hashed_line(valid_json_text(object)); }

Json read_search_line(std::string_view line) {
    if (line.size() <= kTail || !line.ends_with(kBehindHash) ||
        line.substr(line.size() - kTail, kBeforeHash.size()) != kBeforeHash)
        throw InputError("is no line of a search");
    const std::string_view text = line.substr(0, line.size() - kTail);
    const std::string hash = Hash().add(text).hex();
    if (line.substr(line.size() - kBehindHash.size() - kHashDigits, kHashDigits) != hash)
        throw InputError("the line is damaged: its XXH3 is " + hash);
    Json object = try_parse_json(line);
    if (!object.is_object()) throw InputError("is no line of a search");
    return object;
}

Json head_object(const SearchPlan& plan, const TrainConfig& config, const std::string& space_text) {
    return {{"keel_tune", 1},
            {"plan",
             {{"method", plan.method},
              {"sampler", plan.sampler},
              {"eta", plan.eta},
              {"min_epochs", plan.min_epochs},
              {"parallel", plan.parallel},
              {"ranks", plan.ranks},
              {"threads", plan.threads},
              {"metric", plan.metric},
              {"seed", plan.seed}}},
            {"config", to_toml(config)},
            {"space", space_text}};
}

Json budget_object(const Budget& budget) {
    return {
        {"budget",
         {{"trials", budget.trials}, {"core_hours", budget.core_hours}, {"hours", budget.hours}, {"kwh", budget.kwh}}}};
}

Json spent_object(const Spent& spent) {
    return {{"spent", {{"seconds", spent.seconds}, {"core_seconds", spent.core_seconds}, {"joules", spent.joules}}}};
}

Json trial_object(int trial, const Space& space, const Point& point) {
    return {{"trial", trial}, {"values", to_json(space, point)}};
}

Json outcome_object(const Job& job, const Outcome& outcome) {
    return {{"trial", job.trial},
            {"rung", job.rung},
            {"ending", kEndings[static_cast<std::size_t>(outcome.ending)]},
            {"score", number_or_null(outcome.score)},
            {"epochs", outcome.epochs},
            {"seconds", outcome.seconds},
            {"core_seconds", outcome.core_seconds},
            {"joules", outcome.joules},
            {"message", outcome.message}};
}

}  // namespace keel::tune
