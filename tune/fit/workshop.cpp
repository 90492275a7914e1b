#include "tune/fit/workshop.h"

#include <algorithm>
#include <cctype>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "embed/images.h"
#include "embed/import_weights.h"
#include "embed/predictor.h"
#include "engine/files.h"
#include "engine/hash.h"
#include "engine/paths.h"
#include "graph/build/graph_file.h"
#include "graph/build/trace.h"
#include "kernels/error.h"
#include "kernels/version.h"
#include "train/config_file.h"
#include "train/distill/teacher_cache.h"
#include "train/evaluate.h"
#include "train/prune/prune.h"
#include "train/quantized_model.h"
#include "train/resume_check.h"

namespace keel::fit {
namespace {

namespace fs = std::filesystem;

template <class... Parts>
std::string key_of(const Parts&... parts) {
    Hash hash;
    for (const std::string& part : {std::string(KEEL_VERSION), std::string(parts)...}) hash.add(part).add("\n");
    return hash.hex();
}

Precision precision_of(Form form) { return form == Form::bf16 ? Precision::bf16 : Precision::f32; }

/// How a data set is read, as text.
std::string text_of(const DatasetOptions& reading) {
    TrainConfig config;
    static_cast<DatasetOptions&>(config) = reading;
    std::string text;
    for (const Option<TrainConfig>& option : dataset_options()) text += option_text(config, option) + "\n";
    return text;
}

/// A network of the student's kind with the checkpoint's input and labels, as training draws it.
LoadedModel student_of(const ModelSpec& spec, const Body& body, std::uint64_t seed) {
    LoadedModel student{spec, nullptr};
    student.spec.name = body.model;
    student.spec.options.widths.clear();
    student.spec.options.dropout = -1;
    student.spec.operating.reset();
    student.module = make_model(body.model, student.spec.options, seed);
    student.module->train(false);
    return student;
}

}  // namespace

Body own_body(const ModelSpec& spec) {
    Body own{spec.name, spec.image_size};
    for (char& c : own.model)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') c = '_';
    own.model.resize(std::min<std::size_t>(own.model.size(), 60));
    return own;
}

std::string hash_of_bytes(const fs::path& path) {
    constexpr std::size_t kPart = std::size_t{1} << 20;
    const InputFile file(path);
    std::vector<std::byte> part(kPart);
    Hash hash;
    for (std::uint64_t at = 0; at < file.size();) {
        const std::span<std::byte> some(part.data(),
                                        static_cast<std::size_t>(std::min<std::uint64_t>(kPart, file.size() - at)));
        file.read(at, some);
        hash.add(some);
        at += some.size();
    }
    return hash.hex();
}

void write_for_size(const fs::path& file, const fs::path& checkpoint, std::int64_t image_size) {
    CheckpointState state = load_model_state(checkpoint);
    if (holds_graph(state.metadata)) {
        LoadedGraph model = load_graph(std::move(state), checkpoint);
        if (image_size != model.spec.image_size)
            throw UsageError(fmt::format("[fit] {} is a graph, whose images have {} pixels a side and no others",
                                         checkpoint.string(), model.spec.image_size));
        std::map<std::string, std::string> metadata;
        write_spec(model.spec, metadata);
        return save_graph(file, model.graph, std::move(metadata));
    }
    LoadedModel model = load_model(std::move(state), checkpoint);
    if (image_size != model.spec.image_size) model.spec.operating.reset();
    model.spec.image_size = image_size;
    graph::trace(*model.module, image_size, image_size, model.spec.options.channels);  // refuses a side
    save_model(file, model);
}

Workshop::Workshop(const WorkshopOptions& options, const LoadedGraph& model, const Dataset& dataset, Records& records)
    : o_(options),
      model_(model),
      dataset_(dataset),
      records_(records),
      origin_(hash_of_bytes(options.training.checkpoint)),
      own_(own_body(model.spec)) {
    make_folders(o_.out / "models");
}

void Workshop::say(const std::string& text) const {
    if (o_.say) o_.say(text);
}

fs::path Workshop::file_of(const Candidate& candidate) const {
    const Candidate maps{candidate.body, candidate.form == Form::int8 ? Form::int8 : Form::f32, candidate.kept};
    return o_.out / "models" / (name_of(maps) + ".safetensors");
}

const std::string& Workshop::hash_of_file(const fs::path& file) {
    std::string& hash = hashes_[file.string()];
    if (hash.empty()) hash = hash_of_bytes(file);
    return hash;
}

Split Workshop::calibration_split() const {
    return dataset_.size(Split::train) >= kLeastCalibrationImages ? Split::train : o_.loader.split;
}

std::string Workshop::data_key(Split split) {
    std::string& key = data_keys_[split_name(split)];
    if (key.empty())
        key = key_of(o_.training.data, text_of(o_.training.reading), keel::hash_of(dataset_),
                     hash_of_images(dataset_, split), split_name(split));
    return key;
}

fs::path Workshop::made(const std::string& name, const std::string& depends_on,
                        const std::function<void(const fs::path&, const std::string&)>& write) {
    if (const auto failed = failures_.find(name); failed != failures_.end()) throw InputError(failed->second);
    const std::string key = key_of(origin_, name, depends_on);
    const fs::path file = o_.out / "models" / (name + ".safetensors");
    const Json record = records_.find("model", key);
    if (record.is_object() && record.contains("hash") && is_file(file) && record["hash"] == hash_of_file(file))
        return file;
    try {
        write(file, key);
    } catch (const IoError&) {
        throw;
    } catch (const Error& error) {  // other forms of the same weights are not to train them again
        failures_[name] = error.what();
        throw;
    }
    hashes_.erase(file.string());
    records_.add("model", key, name, {{"file", "models/" + file.filename().string()}, {"hash", hash_of_file(file)}});
    return file;
}

fs::path Workshop::make_start(const Body& body) {
    const ModelSpec& spec = model_.spec;
    if (body.making == Making::distilled)
        return made(name_of(body) + "-start", std::to_string(o_.training.seed), [&](const fs::path& file, const auto&) {
            save_model(file, student_of(spec, body, o_.training.seed));
        });
    Body whole = own_;
    whole.image_size = body.image_size;
    const fs::path base = make(whole);
    if (body.keep == 1) return base;
    return made(name_of(body) + "-start", data_key(Split::train), [&](const fs::path& file, const auto&) {
        PruneOptions options{.keep = body.keep, .loader = o_.loader};
        options.loader.split = Split::train;
        options.loader.seed = o_.training.seed;
        const Pruned pruned = prune(load_model(base), dataset_, options, [&](std::int64_t done, std::int64_t total) {
            if (o_.progress) o_.progress("prune", done, total);
        });
        for (const std::string& warning : pruned.report.warnings) say(name_of(body) + ": warning: " + warning);
        say(fmt::format("{}: {} of {} channels, {:.2f} of the multiplications are left", name_of(body),
                        pruned.report.channels_left, pruned.report.channels,
                        static_cast<double>(pruned.report.macs_left) / static_cast<double>(pruned.report.macs)));
        save_model(file, pruned.model);
    });
}

void Workshop::train_to(const fs::path& file, const Body& body, const std::string& key) {
    const std::string start = make_start(body).string();
    // The folder is of this very run: one with other options begins in another.
    const fs::path folder = o_.out / "training" / (name_of(body) + "-" + key.substr(0, 8));
    const TrainConfig config = training_of(o_.training, model_.spec, body, start, folder.string());
    const fs::path best = train_to_end(config, name_of(body), o_.say);
    write_for_size(file, best, body.image_size);
    std::error_code ignored;
    fs::remove_all(folder, ignored);
}

fs::path Workshop::make(const Body& body) {
    const std::string name = name_of(Candidate{body});
    if (body.making == Making::as_is)
        return made(name, "", [&](const fs::path& file, const auto&) {
            write_for_size(file, o_.training.checkpoint, body.image_size);
        });
    const TrainConfig config = training_of(o_.training, model_.spec, body, "start", "out");
    return made(name, data_key(Split::train) + data_key(o_.loader.split) + to_toml(config),
                [&](const fs::path& file, const std::string& key) { train_to(file, body, key); });
}

void Workshop::quantize_to(const fs::path& file, const Candidate& candidate) {
    const fs::path source = make(candidate.body);
    const LoadedGraph floats = load_graph(source);
    LoaderOptions loader = o_.loader;
    loader.split = calibration_split();
    loader.transform = transform_of(floats.spec);
    loader.seed = o_.training.seed;
    loader.batch_size = std::min<std::int64_t>(loader.batch_size, 10);
    const std::vector<Tensor> images =
        calibration_images(dataset_, loader, o_.calibration_images, [&](std::int64_t done, std::int64_t total) {
            if (o_.progress) o_.progress("images", done, total);
        });
    const Quantized quantized = quantize(floats.graph, images, {.keep_worst = candidate.kept});
    for (const std::string& warning : quantized.report.warnings) say(name_of(candidate) + ": warning: " + warning);
    save_quantized(file, floats.spec, quantized, source.string());
}

fs::path Workshop::make(const Candidate& candidate) {
    if (candidate.form != Form::int8) return make(candidate.body);
    const std::string source = hash_of_file(make(candidate.body));
    return made(name_of(candidate),
                key_of(source, data_key(calibration_split()), std::to_string(o_.calibration_images),
                       std::to_string(o_.training.seed)),
                [&](const fs::path& file, const auto&) { quantize_to(file, candidate); });
}

Predictions Workshop::predict(const fs::path& file, Form form, Split split) {
    const Predictor model(file, o_.loader.batch_size, precision_of(form));
    if (form == Form::bf16 && model.runtime().precision() != Precision::bf16)
        throw UsageError(fmt::format("[fit] {} does not run in bf16: {}", file.string(), model.runtime().refusal()));
    LoaderOptions loader = o_.loader;
    loader.split = split;
    loader.transform = transform_of(model.spec());
    return evaluate(model, dataset_, loader, [&](std::int64_t done, std::int64_t total) {
        if (o_.progress) o_.progress("score", done, total);
    });
}

Accuracy Workshop::accuracy_of(const fs::path& file, const Candidate& candidate) {
    const std::string key = key_of(origin_, hash_of_file(file), name(candidate.form), data_key(o_.loader.split),
                                   std::to_string(o_.replicates), std::to_string(o_.training.seed));
    if (const Json record = records_.find("accuracy", key); !record.is_null()) return accuracy_from(record);
    const Predictions predictions = predict(file, candidate.form, o_.loader.split);
    if (!yardstick_) {
        const bool is_own = candidate == Candidate{own_};
        yardstick_.emplace(model_.spec, is_own ? predictions : predict(make(own_), Form::f32, o_.loader.split),
                           Yardstick::Options{o_.replicates, o_.training.seed});
    }
    const Accuracy accuracy = yardstick_->compare(predictions);
    records_.add("accuracy", key, name_of(candidate), to_json(accuracy));
    return accuracy;
}

Speed Workshop::speed_of(const fs::path& file, const std::string& name_of_file, Form form, Quantizing quantizing) {
    const std::string key =
        key_of(hash_of_file(file), name(form), quantizing == Quantizing::as_it_is ? "as it is" : "random", o_.machine);
    if (const Json record = records_.find("speed", key); !record.is_null()) return speed_from(record);
    const Speed speed = o_.measure_speed(file, form, quantizing);
    records_.add("speed", key, name_of_file, to_json(speed));
    return speed;
}

Figures Workshop::measure(const Candidate& candidate) {
    const fs::path file = make(candidate);
    Figures figures{.speed = speed_of(file, name_of(candidate), candidate.form, Quantizing::as_it_is),
                    .megabytes = 1e-6 * static_cast<double>(InputFile(file).size())};
    const Accuracy accuracy = accuracy_of(file, candidate);
    figures.metric = accuracy.metric;
    figures.interval = accuracy.interval;
    figures.drop = accuracy.drop;
    figures.drop_interval = accuracy.drop_interval;
    return figures;
}

Speed Workshop::probe(const Body& body, Form form) {
    return speed_of(make_start(body), name_of(body) + "-start", form,
                    form == Form::int8 ? Quantizing::by_random_images : Quantizing::as_it_is);
}

Accuracy Workshop::accuracy_on(Split split, const Candidate& candidate, const Candidate& checkpoint) {
    const Yardstick other(model_.spec, predict(file_of(checkpoint), checkpoint.form, split),
                          {o_.replicates, o_.training.seed});
    return other.compare(predict(file_of(candidate), candidate.form, split));
}

}  // namespace keel::fit
