#include "train/trainer_state.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

#include "engine/json.h"
#include "engine/strict_json.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char* kKey = "keel.trainer";
constexpr std::int64_t kMostImages = 1 << 20, kMostRanks = 1 << 20;  // of a step; more are damage

template <class T>
std::string number_text(T value) {
    std::array<char, 32> text;  // 24 characters hold any double in the shortest form that reads back the same
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

/// A file's metadata; errors name the file.
struct Metadata {
    const std::map<std::string, std::string>& metadata;
    const std::string& file;

    [[noreturn]] void refuse(const std::string& what) const { throw InputError("[checkpoint] " + file + ": " + what); }

    const std::string& text(const std::string& key) const {
        const auto found = metadata.find(key);
        if (found == metadata.end()) refuse("the metadata lacks " + key);
        return found->second;
    }

    template <class T>
    T number(const std::string& key, T lowest) const {
        const std::string& digits = text(key);
        const char* const last = digits.data() + digits.size();
        T value{};
        const auto [end, error] = std::from_chars(digits.data(), last, value);
        if (error != std::errc() || end != last || !(value >= lowest))
            refuse("wanted a number for " + key + ", got \"" + digits.substr(0, 40) + "\"");
        return value;
    }
};

/// Reads what an earlier Keel did not write, as far as it is there.
void read_newer_part(const Json& json, TrainerState& state) {
    if (!json.contains("began")) return;
    state.judged_epochs = whole_number<std::int64_t>(json.at("judged_epochs"));
    json.at("steps_vary").get_to(state.steps_vary);
    const Json &began = json.at("began"), &computed_with = json.at("computed_with");
    state.began = {whole_number<std::int64_t>(began.at("batch")), whole_number<int>(began.at("ranks"))};
    const bool known = state.began != StepSize{};
    if ((known && (state.began.batch < 1 || state.began.ranks < 1)) || state.began.batch > kMostImages ||
        state.began.ranks > kMostRanks || state.judged_epochs < 0)
        throw InputError(fmt::format("steps of {} images on {} ranks, {} epochs judged", state.began.batch,
                                     state.began.ranks, state.judged_epochs));
    state.computed_with = {whole_number<int>(computed_with.at("threads")), computed_with.at("isa"),
                           computed_with.at("library"), computed_with.at("tuned"),
                           computed_with.value("precision", "f32")};
}

}  // namespace

double TrainerState::mean_loss() const {
    return loss_samples > 0 ? loss_sum / static_cast<double>(loss_samples) : std::numeric_limits<double>::quiet_NaN();
}

void write_trainer_state(const TrainerState& state, std::map<std::string, std::string>& metadata) {
    metadata["keel.epoch"] = number_text(state.epoch);
    metadata["keel.step"] = number_text(state.step);
    metadata["keel.sample_offset"] = number_text(state.sample_offset);
    metadata["keel.seed"] = number_text(state.seed);
    metadata["keel.plateau"] = to_json(state.plateau);
    metadata["keel.config"] = state.config;
    metadata.erase("keel.best_metric");
    if (state.best_metric) metadata["keel.best_metric"] = number_text(*state.best_metric);
    const ComputedWith& computed_with = state.computed_with;
    Json trainer = {{"loss_sum", state.loss_sum},
                    {"loss_samples", state.loss_samples},
                    {"bad_images", state.bad_images},
                    {"divergent", state.divergent},
                    {"ranks", state.ranks},
                    {"epochs_since_best", state.epochs_since_best},
                    {"judged_epochs", state.judged_epochs},
                    {"recorded_step", state.recorded_step},
                    {"data", state.data},
                    {"began", {{"batch", state.began.batch}, {"ranks", state.began.ranks}}},
                    {"steps_vary", state.steps_vary},
                    {"computed_with",
                     {{"threads", computed_with.threads},
                      {"isa", computed_with.isa},
                      {"library", computed_with.library},
                      {"tuned", computed_with.tuned},
                      {"precision", computed_with.precision}}}};
    if (!state.teacher.empty()) trainer["teacher"] = state.teacher;
    metadata[kKey] = json_text(trainer);
}

TrainerState read_trainer_state(const std::map<std::string, std::string>& metadata, const std::string& file) {
    const Metadata reader{metadata, file};
    TrainerState state;
    state.epoch = reader.number<std::int64_t>("keel.epoch", 0);
    state.step = reader.number<std::int64_t>("keel.step", 0);
    state.sample_offset = reader.number<std::int64_t>("keel.sample_offset", 0);
    state.seed = reader.number<std::uint64_t>("keel.seed", 0);
    if (metadata.contains("keel.best_metric"))
        state.best_metric = reader.number("keel.best_metric", std::numeric_limits<double>::lowest());
    state.config = reader.text("keel.config");
    const std::string& plateau = reader.text("keel.plateau");
    try {
        state.plateau = plateau_from_json(plateau);
    } catch (const InputError& error) {
        reader.refuse(error.what());
    }
    try {
        const Json json = parse_json(metadata.at(kKey));
        json.at("loss_sum").get_to(state.loss_sum);
        json.at("loss_samples").get_to(state.loss_samples);
        json.at("bad_images").get_to(state.bad_images);
        json.at("divergent").get_to(state.divergent);
        state.ranks = json.value("ranks", 1);
        json.at("epochs_since_best").get_to(state.epochs_since_best);
        json.at("recorded_step").get_to(state.recorded_step);
        json.at("data").get_to(state.data);
        state.teacher = json.value("teacher", "");
        if (state.ranks < 1 || state.ranks > kMostRanks || state.epochs_since_best < 0)
            throw InputError(fmt::format("{} ranks, {} epochs since the best", state.ranks, state.epochs_since_best));
        read_newer_part(json, state);
    } catch (const std::exception& error) {
        throw InputError(
            fmt::format("[train] {}: '{}' in its metadata is missing or malformed: {}", file, kKey, error.what()));
    }
    return state;
}

}  // namespace keel
