#include "train/trainer_state.h"

#include <fmt/format.h>

#include "cli/output.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

constexpr const char* kKey = "keel.trainer";  // of a checkpoint's metadata

}  // namespace

void write_tally(const Tally& tally, CheckpointState& checkpoint) {
    checkpoint.metadata[kKey] = Json{
        {"loss_sum", tally.loss_sum},
        {"loss_samples", tally.loss_samples},
        {"bad_images", tally.bad_images},
        {"divergent", tally.divergent},
        {"ranks", tally.ranks},
        {"epochs_since_best", tally.epochs_since_best},
        {"recorded_step", tally.recorded_step},
        {"data", tally.data}}.dump();
}

Tally read_tally(const CheckpointState& checkpoint, const std::string& file) {
    Tally tally;
    try {
        const Json json = Json::parse(checkpoint.metadata.at(kKey));
        json.at("loss_sum").get_to(tally.loss_sum);
        json.at("loss_samples").get_to(tally.loss_samples);
        json.at("bad_images").get_to(tally.bad_images);
        json.at("divergent").get_to(tally.divergent);
        tally.ranks = json.value("ranks", 1);
        json.at("epochs_since_best").get_to(tally.epochs_since_best);
        json.at("recorded_step").get_to(tally.recorded_step);
        json.at("data").get_to(tally.data);
    } catch (const std::exception& error) {
        throw InputError(fmt::format("[train] {}: '{}' in its metadata is missing or malformed: {}", file, kKey, error.what()));
    }
    return tally;
}

}  // namespace keel::cli
