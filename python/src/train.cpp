// Training, with an observer in Python.
#include <keel/engine/patience.h>
#include <keel/kernels/parallel.h>
#include <keel/train/config_file.h>
#include <keel/train/trainer.h>

#include <pybind11/stl.h>

#include "src/bindings.h"
#include "src/convert.h"
#include "src/signals.h"

namespace keel::python {
namespace {

/// Tells Python what a trainer tells, as calls tell(NAME, {...}), and asks it by ask(); what Python throws is a wish to
/// stop, so that what was learnt is saved before it goes on its way.
class Listener final : public TrainObserver {
public:
    Listener(py::object tell, py::object ask) : tell_(std::move(tell)), ask_(std::move(ask)) {}

    void on_resume(const ResumeReport& report) override {
        tell("on_resume", [&](py::dict& d) {
            d["file"] = text(report.file.string());
            d["epoch"] = report.epoch;
            d["step"] = report.step;
            d["warnings"] = texts(report.warnings);
        });
    }
    void on_start(const TrainStart& start) override {
        tell("on_start", [&](py::dict& d) {
            d["model"] = text(start.model);
            d["label_names"] = texts(start.label_names);
            d["train_samples"] = start.train_samples;
            d["val_samples"] = start.val_samples;
            d["total_steps"] = start.total_steps;
            d["images_per_step"] = start.images_per_step;
            d["parameters"] = start.parameters;
            d["precision"] = text(start.precision);
            d["warnings"] = texts(start.warnings);
        });
    }
    void on_step(const StepReport& report) override {
        tell("on_step", [&](py::dict& d) {
            d["epoch"] = report.epoch;
            d["epochs"] = report.epochs;
            d["step"] = report.step;
            d["samples_done"] = report.samples_done;
            d["samples"] = report.samples;
            d["lr"] = report.lr;
            d["mean_loss"] = report.mean_loss;
            d["images_per_second"] = report.images_per_second;
        });
    }
    void on_epoch(const EpochReport& report) override {
        tell("on_epoch", [&](py::dict& d) {
            d["epoch"] = report.epoch;
            d["epochs"] = report.epochs;
            d["step"] = report.step;
            d["lr"] = report.lr;
            d["train_loss"] = report.train_loss;
            d["images_per_second"] = report.images_per_second;
            d["seconds"] = report.seconds;
            d["bad_images"] = report.bad_images;
            const bool validated = report.predictions != nullptr, labels = validated && report.spec->multi_label;
            d["val_loss"] = validated ? py::object(py::float_(report.predictions->loss)) : py::none();
            d["auroc"] = labels ? py::cast(report.scores.auroc.per_label) : py::none();
            d["mean_auroc"] = py::cast(report.scores.auroc.mean);
            d["accuracy"] = validated && !labels ? py::object(py::float_(report.scores.accuracy)) : py::none();
            d["auc"] = py::cast(report.scores.auc);
        });
    }
    void on_checkpoint(const CheckpointReport& report) override {
        tell("on_checkpoint", [&](py::dict& d) {
            d["step"] = report.step;
            d["best"] = report.best;
            d["error"] = text(report.error);
        });
    }
    void on_skip(const SkippedStep& step) override {
        tell("on_skip", [&](py::dict& d) {
            d["epoch"] = step.epoch;
            d["step"] = step.step;
            d["what"] = text(step.what);
            d["lr"] = step.lr;
            d["samples"] = texts(step.samples);
        });
    }
    void on_bad_image(const BadImage& bad) override {
        tell("on_bad_image", [&](py::dict& d) {
            d["name"] = text(bad.name);
            d["reason"] = text(bad.reason);
        });
    }
    void on_remark(const std::string& remark) override {
        tell("on_remark", [&](py::dict& d) { d["text"] = text(remark); });
    }
    std::optional<StopRequest> should_stop(double) override {
        if (interrupts_.stop()) return StopRequest{.reason = "an exception in Python"};
        std::string reason;
        const bool fine = interrupts_.run([&] {
            if (const py::object answer = ask_(); !answer.is_none()) reason = answer.cast<std::string>();
        });
        if (!fine) return StopRequest{.reason = "an exception in Python"};
        return reason.empty() ? std::nullopt : std::optional(StopRequest{.reason = reason});
    }

    const Interrupts& interrupts() const { return interrupts_; }

private:
    template <class Fill>
    void tell(const char* name, const Fill& fill) {
        interrupts_.run([&] {
            py::dict values;
            fill(values);
            tell_(name, values);
        });
    }

    py::object tell_, ask_;
    Interrupts interrupts_;
};

const char* end_name(TrainEnd end) {
    switch (end) {
        case TrainEnd::finished:
            return "finished";
        case TrainEnd::out_of_patience:
            return "out of patience";
        case TrainEnd::paused:
            return "paused";
        case TrainEnd::stopped:
            break;
    }
    return "stopped";
}

py::dict dict_of(const TrainResult& result) {
    py::dict dict;
    dict["end"] = end_name(result.end);
    dict["reason"] = text(result.stop.reason);
    dict["model"] = text(result.model);
    dict["epochs"] = result.epochs;
    dict["steps"] = result.steps;
    dict["best_metric"] = py::cast(result.best_metric);
    dict["metric_name"] = text(result.metric_name);
    dict["best"] = text(result.best.string());
    dict["last"] = text(result.last.string());
    return dict;
}

TrainConfig config_of(const std::vector<std::pair<std::string, std::string>>& options, const TomlSource& base) {
    TrainConfig config;
    apply_toml(config, base.text, base.origin);
    for (const auto& [key, value] : options) apply_text(config, key, value, "the option " + key);
    for (const Option<TrainConfig>& option : train_options())
        if (option.required && (config.*std::get<std::string TrainConfig::*>(option.member)).empty() &&
            option.key != "out")
            throw UsageError("[config] " + std::string(option.key) + " is required");
    check_train_config(config);
    return config;
}

Checkpoints folder_of(const std::string& out) { return Checkpoints(std::filesystem::path(out) / "checkpoints"); }

/// The checkpoint to go on from; "auto" is the newest of the run's own that verifies, if there is one.
std::optional<Checkpoints::Found> to_resume(const std::string& resume, const std::string& out) {
    if (resume.empty()) return std::nullopt;
    if (resume == "auto") return folder_of(out).newest();
    return Checkpoints::Found{resume, load_checkpoint(resume), {}};
}

py::dict train(const std::vector<std::pair<std::string, std::string>>& options, const py::object& config_file,
               const std::string& out, const std::string& resume, bool force, Listener& listener) {
    TomlSource file;
    const std::optional<std::filesystem::path> named =
        config_file.is_none() ? std::nullopt : std::optional(path_of(config_file));
    TrainResult result;
    {
        const py::gil_scoped_release released;
        if (named) file = read_toml(*named);
        std::optional<Checkpoints::Found> found = to_resume(resume, out);
        if (found)
            file = {read_trainer_state(found->state.metadata, found->file.string()).config, found->file.string()};
        const TrainConfig config = config_of(options, file);
        std::error_code none;
        if (!found && !out.empty() && std::filesystem::exists(folder_of(out).last(), none))
            throw UsageError("[train] " + out + " holds a run: resume='auto' goes on with it");
        if (config.threads > 0) set_thread_count(config.threads);
        const PatienceScope patience(config.io_patience, [&](const std::string& line) { listener.on_remark(line); });
        Trainer trainer(config, listener);
        if (found) {
            trainer.resume(found->state, found->file, force);
            found.reset();
        }
        result = trainer.run();
    }
    listener.interrupts().rethrow();
    return dict_of(result);
}

}  // namespace

void bind_train(py::module_& m) {
    m.def(
        "train",
        [](const std::vector<std::pair<std::string, std::string>>& options, const py::object& config,
           const std::string& out, const std::string& resume, bool force, const py::object& tell,
           const py::object& ask) {
            Listener listener(tell, ask);
            return train(options, config, out, resume, force, listener);
        },
        py::arg("options"), py::kw_only(), py::arg("config"), py::arg("out"), py::arg("resume"), py::arg("force"),
        py::arg("tell"), py::arg("ask"));
    m.def("train_options", [] {
        py::list keys;
        for (const Option<TrainConfig>& option : train_options())
            keys.append(py::make_tuple(text(option.key), text(option.help)));
        return keys;
    });
}

}  // namespace keel::python
