// What the lines of a search say.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/strict_json.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "train/config_file.h"
#include "tune/rungs.h"
#include "tune/search_line.h"
#include "tune/search_state.h"
#include "tune/space_json.h"

namespace keel::tune {
namespace {

constexpr int kFormat = 1;

const Json& field(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end()) throw InputError(fmt::format("has no '{}'", key));
    return *found;
}

std::string text_field(const Json& object, const char* key) {
    const Json& value = field(object, key);
    if (!value.is_string()) throw InputError(fmt::format("'{}' is no text", key));
    return value.get<std::string>();
}

double amount_field(const Json& object, const char* key) {
    const Json& value = field(object, key);
    const double number = value.is_number() ? value.get<double>() : -1;
    if (!(number >= 0) || !std::isfinite(number)) throw InputError(fmt::format("'{}' is no amount", key));
    return number;
}

template <class T>
T whole_field(const Json& object, const char* key) {
    try {
        return whole_number<T>(field(object, key));
    } catch (const InputError& error) {
        throw InputError(fmt::format("'{}': {}", key, error.what()));
    }
}

SearchPlan read_plan(const Json& json) {
    if (!json.is_object()) throw InputError("its plan is no object");
    SearchPlan plan{.method = text_field(json, "method"),
                    .sampler = text_field(json, "sampler"),
                    .eta = whole_field<int>(json, "eta"),
                    .min_epochs = whole_field<int>(json, "min_epochs"),
                    .parallel = whole_field<int>(json, "parallel"),
                    .ranks = whole_field<int>(json, "ranks"),
                    .threads = whole_field<int>(json, "threads"),
                    .metric = text_field(json, "metric"),
                    .seed = whole_field<std::uint64_t>(json, "seed")};
    check_plan(plan);
    return plan;
}

class FactReader {
public:
    explicit FactReader(SearchFacts& facts) : facts_(facts) {}

    void read(const Json& line) {
        if (!headed_) return read_head(line);
        if (line.contains("budget")) return read_budget(line["budget"]);
        if (line.contains("spent")) return read_spent(line["spent"]);
        if (line.contains("values")) return read_trial(line);
        read_outcome(line);
    }
    bool headed() const { return headed_; }

private:
    void read_head(const Json& line) {
        if (!line.contains("keel_tune")) throw InputError("is not the beginning of a search");
        if (const int format = whole_field<int>(line, "keel_tune"); format != kFormat)
            throw InputError(fmt::format("the search is of format {}, this program reads {}", format, kFormat));
        facts_.plan = read_plan(field(line, "plan"));
        apply_toml(facts_.config, text_field(line, "config"), "its configuration");
        check_train_config(facts_.config);
        facts_.space_text = text_field(line, "space");
        facts_.space = read_space(facts_.space_text, "its space", facts_.config);
        facts_.rungs = rungs_of(facts_.plan, facts_.config);
        headed_ = true;
    }
    void read_budget(const Json& json) {
        if (!json.is_object()) throw InputError("its budget is no object");
        facts_.budget = {whole_field<int>(json, "trials"), amount_field(json, "core_hours"),
                         amount_field(json, "hours"), amount_field(json, "kwh")};
        if (facts_.budget.trials < 0) throw InputError("'trials' is no amount");
    }
    void read_spent(const Json& json) {
        if (!json.is_object()) throw InputError("what it spent is no object");
        facts_.spent = {amount_field(json, "seconds"), amount_field(json, "core_seconds"),
                        amount_field(json, "joules")};
    }
    void read_trial(const Json& line) {
        if (whole_field<std::int64_t>(line, "trial") != std::ssize(facts_.points))
            throw InputError(fmt::format("wanted trial {}", facts_.points.size()));
        facts_.points.push_back(read_point(facts_.space, line["values"]));
    }
    void read_outcome(const Json& line) {
        const Job job{whole_field<int>(line, "trial"), whole_field<int>(line, "rung")};
        if (job.trial < 0 || job.trial >= std::ssize(facts_.points) || job.rung < 0 ||
            job.rung >= std::ssize(facts_.rungs))
            throw InputError(fmt::format("there is no rung {} of a trial {}", job.rung, job.trial));
        if (facts_.outcomes.contains(job)) throw InputError("the trial's rung has an outcome already");
        const auto before = facts_.outcomes.find({job.trial, job.rung - 1});
        if (job.rung > 0 && (before == facts_.outcomes.end() || before->second.ending != Ending::complete))
            throw InputError("the trial has not completed the rung before");
        const std::string ending = text_field(line, "ending");
        const auto known = std::ranges::find(kEndings, ending);
        if (known == std::end(kEndings)) throw InputError(fmt::format("no trial ends '{}'", excerpt(ending)));
        Outcome outcome{.ending = static_cast<Ending>(known - std::begin(kEndings)),
                        .epochs = whole_field<int>(line, "epochs"),
                        .seconds = amount_field(line, "seconds"),
                        .core_seconds = amount_field(line, "core_seconds"),
                        .joules = amount_field(line, "joules"),
                        .message = text_field(line, "message")};
        if (const Json& score = field(line, "score"); !score.is_null()) {
            outcome.score = score.is_number() ? score.get<double>() : std::numeric_limits<double>::infinity();
            if (!std::isfinite(outcome.score)) throw InputError("'score' is no number");
        }
        facts_.outcomes.emplace(job, std::move(outcome));
        facts_.order.push_back(job);
    }

    SearchFacts& facts_;
    bool headed_ = false;
};

}  // namespace

void check_plan(const SearchPlan& plan) {
    const auto known = [](const auto& words, const std::string& word) {
        return std::ranges::find(words, word) != std::end(words);
    };
    const auto refuse = [](const std::string& what) { throw UsageError("[tune] " + what); };
    if (!known(kMethods, plan.method))
        refuse(fmt::format("method: wanted asha, halving or full, not '{}'", excerpt(plan.method)));
    if (!known(kSamplers, plan.sampler))
        refuse(fmt::format("sampler: wanted random or tpe, not '{}'", excerpt(plan.sampler)));
    if (plan.eta < 2 || plan.eta > 100) refuse(fmt::format("eta: wanted 2 to 100, not {}", plan.eta));
    if (plan.min_epochs < 1) refuse(fmt::format("min_epochs: wanted 1 at least, not {}", plan.min_epochs));
    for (const auto& [name, value] :
         {std::pair{"parallel", plan.parallel}, {"ranks", plan.ranks}, {"threads", plan.threads}})
        if (value < 1 || value > 1024) refuse(fmt::format("{}: wanted 1 to 1024, not {}", name, value));
    if (plan.metric != "auto" && (!plan.metric.starts_with("val_") || !printable(plan.metric)))
        refuse(fmt::format("metric: wanted auto or a column of metrics.jsonl that begins with val_, not '{}'",
                           excerpt(plan.metric)));
}

std::vector<int> rungs_of(const SearchPlan& plan, const TrainConfig& config) {
    if (plan.method == "full") return {config.epochs};
    std::vector<int> rungs = rungs_of(config.epochs, std::min(plan.min_epochs, config.epochs), plan.eta);
    for (const int epochs : rungs)
        if (epochs != config.epochs && epochs % config.eval_every != 0)
            throw UsageError(fmt::format(
                "[tune] trials are judged after {} epochs, where eval_every {} validates none: eval_every 1 does",
                epochs, config.eval_every));
    return rungs;
}

std::optional<double> SearchFacts::score_of(const Job& job) const {
    const auto found = outcomes.find(job);
    if (found == outcomes.end()) return std::nullopt;
    return plan.minimizes() ? -found->second.score : found->second.score;
}

SearchFacts read_facts(std::string_view text, const std::string& origin, std::size_t* good) {
    SearchFacts facts;
    FactReader reader(facts);
    std::size_t at = 0;
    for (int number = 1; at < text.size(); ++number) {
        const std::size_t end = text.find('\n', at);
        if (end == std::string_view::npos) break;
        try {
            reader.read(read_search_line(text.substr(at, end - at)));
        } catch (const Error& error) {
            throw InputError(fmt::format("[tune] {}:{}: {}", origin, number, error.what()));
        }
        at = end + 1;
    }
    if (!reader.headed()) throw InputError(fmt::format("[tune] {} does not hold a search", origin));
    if (good != nullptr) *good = at;
    return facts;
}

}  // namespace keel::tune
