// Models over the images of a data set.
#include <keel/data/sources/joined_splits.h>
#include <keel/distributed/world.h>
#include <keel/embed/foreign_weights.h>
#include <keel/train/config_file.h>
#include <keel/train/ensemble.h>
#include <keel/train/trained_on.h>

#include <pybind11/stl.h>

#include <algorithm>

#include "src/bindings.h"
#include "src/convert.h"
#include "src/data.h"
#include "src/signals.h"

namespace keel::python {
namespace {

py::dict dict_of(const ModelSpec& spec, Predictions predictions) {
    const Scores scores = score(spec, predictions);
    const py::ssize_t samples = predictions.samples(), labels = std::ssize(spec.label_names);
    const bool multi_label = spec.multi_label;
    py::dict result;
    result["spec"] = spec;
    result["names"] = texts(predictions.names);
    result["probabilities"] = array_of(predictions.probabilities, {samples, labels});
    result["targets"] = multi_label ? py::object(array_of(predictions.targets, {samples, labels})) : py::none();
    result["classes"] = multi_label ? py::none() : py::object(array_of(predictions.labels, {samples}));
    result["loss"] = predictions.loss;
    result["auroc"] = multi_label ? py::cast(scores.auroc.per_label) : py::none();
    result["mean_auroc"] = py::cast(scores.auroc.mean);
    result["accuracy"] = multi_label ? py::none() : py::object(py::float_(scores.accuracy));
    result["auc"] = py::cast(scores.auc);
    result["patients"] = texts(predictions.patients);
    py::dict attributes;
    const std::size_t names = predictions.attribute_names.size();
    for (std::size_t k = 0; k < names; ++k) {
        py::list values;
        for (std::size_t i = k; i < predictions.attributes.size(); i += names)
            values.append(text(predictions.attributes[i]));
        attributes[text(predictions.attribute_names[k])] = values;
    }
    result["attributes"] = attributes;
    return result;
}

/// What one call of evaluate() is about.
struct Job {
    EnsembleOptions models;
    DataWanted data;
    LoaderOptions loader;
    std::optional<EnsemblePredictions> predictions;
    ModelSpec spec;
    std::string origin, precision;
    std::vector<std::string> remarks;
};

void tell(Job& job, const std::vector<Remark>& remarks) {
    for (const Remark& remark : remarks) job.remarks.push_back(remark.text);
}

/// Predicts without Python's lock; `progress` asks for it.
void evaluate(Job& job, Interrupts& interrupts, const std::function<void(std::int64_t, std::int64_t)>& progress) {
    World world(self_communicator);
    std::unique_ptr<Dataset> opened = open_wanted(job.data, job.models.checkpoints.front(), job.remarks);
    job.models.opened = open_ensemble(job.models.checkpoints, opened.get());
    job.spec = job.models.opened.front().spec;
    if (job.spec.guessed) job.remarks.push_back(guessed_text(job.spec));
    job.loader.split = take_split(opened, job.data.split);
    auto [dataset, remarks] = labels_in_common(job.spec, std::move(opened), job.models.checkpoints.front());
    tell(job, remarks);
    if (dataset->size(job.loader.split) == 0)
        throw InputError("[evaluate] " + job.data.spec + " has no " + job.data.split + " samples");
    job.loader.on_bad_image = [&](const BadImage& bad) {
        job.remarks.push_back("skipped " + bad.name + ": " + bad.reason);
    };
    job.models.on_model = [&](const std::string&, const Predictor& model) {
        const std::string runs_in(name(model.runtime().precision()));
        if (job.precision.find(runs_in) == std::string::npos)
            job.precision += (job.precision.empty() ? "" : ", ") + runs_in;
    };
    job.predictions = evaluate_ensemble(
        world, [&] { return interrupts.stop(); }, job.models, *dataset, job.loader, progress);
    job.origin = dataset->origin(job.loader.split);
}

py::dict evaluate_models(Job job, const py::object& progress) {
    Interrupts interrupts;
    {
        const py::gil_scoped_release released;
        evaluate(job, interrupts, [&](std::int64_t done, std::int64_t total) {
            if (!progress.is_none()) interrupts.run([&] { progress(done, total); });
        });
    }
    interrupts.rethrow();
    py::dict result = dict_of(job.spec, std::move(job.predictions.value().told));
    result["origin"] = text(job.origin);
    result["precision"] = text(job.precision);
    result["remarks"] = texts(job.remarks);
    return result;
}

}  // namespace

void bind_evaluate(py::module_& m) {
    m.def(
        "evaluate",
        [](const py::sequence& checkpoints, const std::string& data, const std::string& split,
           std::map<std::string, std::string> options, const std::string& views, std::int64_t resize, std::int64_t crop,
           const std::string& precision, bool calibrated, std::int64_t batch, int workers, double max_bad,
           const py::object& progress) {
            Job job;
            for (const std::filesystem::path& file : paths_of(checkpoints))
                job.models.checkpoints.push_back(file.string());
            if (job.models.checkpoints.empty()) throw UsageError("[evaluate] wanted a checkpoint, got none");
            if (batch < 1)
                throw UsageError("[evaluate] wanted a batch of 1 image or more, got " + std::to_string(batch));
            job.models.views = {resize, crop, parse_view_kind(views)};
            job.models.precision = precision_of(precision);
            job.models.calibrated = calibrated;
            job.data = {data, split, std::move(options)};
            job.loader.batch_size = batch;
            job.loader.workers = workers;
            job.loader.max_bad = max_bad;
            return evaluate_models(std::move(job), progress);
        },
        py::arg("checkpoints"), py::arg("data"), py::kw_only(), py::arg("split"), py::arg("options"), py::arg("views"),
        py::arg("resize"), py::arg("crop"), py::arg("precision"), py::arg("calibrated"), py::arg("batch"),
        py::arg("workers"), py::arg("max_bad"), py::arg("progress"));
}

}  // namespace keel::python
