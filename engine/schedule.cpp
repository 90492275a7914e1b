#include "engine/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/json.h"
#include "engine/strict_json.h"
#include "kernels/error.h"

namespace keel {
namespace {

double decayed(const ScheduleOptions& o, const SchedulePoint& at) {
    const std::int64_t epoch = at.steps_per_epoch > 0 ? at.step / at.steps_per_epoch : 0;
    const auto passed = std::ranges::upper_bound(o.milestones, epoch) - o.milestones.begin();
    const std::int64_t times = passed + (o.every > 0 ? epoch / o.every : 0);
    return std::max(o.floor, o.lr * std::pow(o.gamma, static_cast<double>(times)));
}

double cosine(const ScheduleOptions& o, const SchedulePoint& at) {
    const double length = static_cast<double>(at.total_steps - o.warmup_steps);
    const double part = length > 0 ? std::clamp(static_cast<double>(at.step - o.warmup_steps) / length, 0.0, 1.0) : 0.0;
    return o.floor + (o.lr - o.floor) * 0.5 * (1 + std::cos(std::numbers::pi * part));
}

double after_warmup(const ScheduleOptions& o, const SchedulePoint& at, const PlateauState& plateau) {
    switch (o.kind) {
        case ScheduleKind::constant:
            return o.lr;
        case ScheduleKind::step:
            return decayed(o, at);
        case ScheduleKind::cosine:
            return cosine(o, at);
        case ScheduleKind::plateau:
            return std::max(o.floor, o.lr * plateau.scale);
    }
    return o.lr;
}

}  // namespace

ScheduleKind schedule_kind(const std::string& word) {
    if (word == "constant") return ScheduleKind::constant;
    if (word == "step") return ScheduleKind::step;
    if (word == "cosine") return ScheduleKind::cosine;
    if (word == "plateau") return ScheduleKind::plateau;
    throw UsageError("[schedule] wanted constant, step, cosine or plateau, got \"" + word + "\"");
}

void check(const ScheduleOptions& o) {
    if (!(o.lr >= 0) || !std::isfinite(o.lr)) throw UsageError("[schedule] lr must be 0 or more");
    if (!(o.floor >= 0 && o.floor <= o.lr)) throw UsageError("[schedule] floor must be between 0 and lr");
    if (o.warmup_steps < 0) throw UsageError("[schedule] warmup_steps must be 0 or more");
    if (o.warmup_begin < 1) throw UsageError("[schedule] warmup_begin must be 1 or more");
    if (!(o.gamma > 0 && o.gamma <= 1)) throw UsageError("[schedule] gamma must be in (0, 1]");
    if (o.every < 0) throw UsageError("[schedule] every must be 0 or more epochs");
    if (o.patience < 0) throw UsageError("[schedule] patience must be 0 or more epochs");
    if (!(o.threshold >= 0) || !std::isfinite(o.threshold)) throw UsageError("[schedule] threshold must be 0 or more");
    if (!std::ranges::is_sorted(o.milestones)) throw UsageError("[schedule] milestones must ascend");
}

double learning_rate(const ScheduleOptions& options, const SchedulePoint& at, const PlateauState& plateau) {
    const double rate = after_warmup(options, at, plateau);
    if (at.step >= options.warmup_steps) return rate;
    const std::int64_t reached = std::min(at.step + options.warmup_begin, options.warmup_steps);
    return rate * static_cast<double>(reached) / static_cast<double>(options.warmup_steps);
}

PlateauState observe(const ScheduleOptions& options, PlateauState plateau, double metric, std::int64_t epochs) {
    const double margin = options.threshold * std::abs(plateau.best);
    const bool better = options.higher_is_better ? metric > plateau.best + margin : metric < plateau.best - margin;
    if (std::isfinite(metric) && (!plateau.seen || better)) {
        plateau.seen = true;
        plateau.best = metric;
        plateau.bad_epochs = 0;
        return plateau;
    }
    plateau.bad_epochs += epochs;
    if (plateau.bad_epochs > options.patience) {
        plateau.scale *= options.gamma;
        plateau.bad_epochs = 0;
    }
    return plateau;
}

std::string to_json(const PlateauState& plateau) {
    return json_text(sorted({{"scale", plateau.scale},
                             {"seen", plateau.seen},
                             {"best", plateau.best},
                             {"bad_epochs", plateau.bad_epochs}}));
}

PlateauState plateau_from_json(std::string_view text) {
    try {
        const auto json = parse_json(text);
        PlateauState plateau;
        json.at("scale").get_to(plateau.scale);
        json.at("seen").get_to(plateau.seen);
        json.at("best").get_to(plateau.best);
        plateau.bad_epochs = whole_number<decltype(plateau.bad_epochs)>(json.at("bad_epochs"));
        if (json.size() == 4 && plateau.scale >= 0 && plateau.scale <= 1 && plateau.bad_epochs >= 0) return plateau;
    } catch (const Json::exception&) {
    } catch (const InputError&) {
    }
    throw InputError("[schedule] wanted the state of a plateau schedule as JSON, got something else");
}

}  // namespace keel
