#include "runs/run_end.h"

#include <fmt/format.h>

#include <system_error>

#include "engine/paths.h"
#include "kernels/error.h"
#include "train/trainer_state.h"

namespace keel {

std::optional<Checkpoints::Found> checkpoint_to_resume(const std::string& resume, const std::filesystem::path& out,
                                                       World& world) {
    if (resume.empty()) return std::nullopt;
    std::optional<Checkpoints::Found> found;
    if (world.is_root() && resume == "auto") found = Checkpoints(out / "checkpoints").newest();
    const std::string file = world.broadcast(resume != "auto" ? resume : found ? found->file.string() : "");
    if (found || file.empty()) return found;
    return Checkpoints::Found{file, load_checkpoint(file), {}};
}

TomlSource resumed_config(const std::optional<Checkpoints::Found>& found, bool resuming,
                          const std::filesystem::path& out) {
    if (found) return {read_trainer_state(found->state.metadata, found->file.string()).config, found->file.string()};
    const auto own = out / "config.toml";
    return resuming && is_there(own) ? read_toml(own) : TomlSource{};
}

TrainResult run_to_end(Trainer& trainer, const RunDirectory& directory) {
    try {
        return trainer.run();
    } catch (const DivergedError& error) {
        std::error_code ignored;
        if (!std::filesystem::exists(directory.divergence_file(), ignored)) throw;
        throw DivergedError(fmt::format("{}; the samples of steps that were not applied are in {}", error.what(),
                                        directory.divergence_file().string()));
    }
}

void log_end(const TrainResult& result, RunDirectory& directory) {
    if (result.end == TrainEnd::out_of_patience)
        directory.log().info("no better epoch in {}: stopped", result.epochs_since_best);
    if (result.end == TrainEnd::paused)
        directory.log().info("paused after epoch {}; continue with --resume auto and another --pause-after",
                             result.epochs);
    if (result.end == TrainEnd::stopped && directory.writes())
        directory.log().warn("stopped by {} at step {} ({} in this process); continue with --resume auto",
                             result.stop.reason, result.steps, result.own_steps);
}

Json train_result_json(const TrainResult& result) {
    return {{"model", result.model},
            {"epochs", result.epochs},
            {"steps", result.steps},
            {"best_metric", result.best_metric ? Json(*result.best_metric) : Json(nullptr)},
            {"best_metric_name", result.metric_name},
            {"best", result.best.string()},
            {"last", result.last.string()}};
}

}  // namespace keel
