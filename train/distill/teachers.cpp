#include "train/distill/teachers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "embed/foreign_weights.h"
#include "embed/images.h"
#include "embed/loaded_model.h"
#include "embed/predictor.h"
#include "engine/autograd.h"
#include "engine/hash.h"
#include "graph/build/graph_file.h"
#include "kernels/error.h"
#include "models/registry.h"
#include "train/distill/distillation_loss.h"

namespace keel {
namespace {

void add_tensor(const NamedTensor& entry, Hash& hash) {
    const Tensor plain = entry.tensor.contiguous();
    hash.add(fmt::format("{} {} {}\n", entry.name, plain.dims().text(), name(plain.dtype())));
    const auto add = [&]<class T>(T) { hash.add(std::as_bytes(plain.values<T>())); };
    switch (plain.dtype()) {
        case DType::u8:
            return add(std::uint8_t{});
        case DType::s8:
            return add(std::int8_t{});
        case DType::s32:
            return add(std::int32_t{});
        default:
            return dispatch_map("teacher", plain.dtype(), add);
    }
}

/// Which of a model's outputs are the data's labels.
std::vector<std::size_t> columns_of(const ModelSpec& spec, const Dataset& dataset, const std::string& file) {
    if (spec.multi_label != (dataset.task() == Task::labels))
        throw InputError(fmt::format("[teacher] {} was trained for {}, the data has {}", file,
                                     spec.multi_label ? "several labels an image" : "one class an image",
                                     spec.multi_label ? "one class an image" : "several labels an image"));
    std::vector<std::size_t> columns;
    std::vector<std::string> missing;
    for (const std::string& label : dataset.label_names()) {
        const auto found = std::ranges::find(spec.label_names, label);
        columns.push_back(static_cast<std::size_t>(found - spec.label_names.begin()));
        if (found == spec.label_names.end()) missing.push_back(label);
    }
    // Of classes a probability of one that the data does not have would be missing in the rest.
    if (!missing.empty() || (!spec.multi_label && columns.size() != spec.label_names.size()))
        throw InputError(fmt::format("[teacher] {} knows the {} {}, the data has {}", file,
                                     spec.multi_label ? "labels" : "classes", fmt::join(spec.label_names, ", "),
                                     fmt::join(dataset.label_names(), ", ")));
    return columns;
}

const nn::Module* module_named(nn::Module& root, const std::string& name) {
    const nn::Module* found = nullptr;
    root.for_each([&](const std::string& each, nn::Module& module) {
        if (each == name) found = &module;
    });
    return found;
}

bool same_pixels(const ModelSpec& a, const ModelSpec& b) {
    return a.image_size == b.image_size && a.options.channels == b.options.channels && a.mean == b.mean &&
           a.std == b.std;
}

/// The images of a batch that was made for a model of spec `shown`, with values of [0, 1].
std::vector<Image> pixels_of(const Batch& batch, const ModelSpec& shown) {
    std::vector<Image> images;
    const auto channels = static_cast<std::size_t>(batch.channels);
    const auto of = [&](const std::vector<float>& values, std::size_t c) { return values[values.size() == 1 ? 0 : c]; };
    const float* from = batch.images.data();
    for (std::int64_t i = 0; i < batch.n; ++i) {
        Image& image = images.emplace_back(batch.image_size, batch.image_size, batch.channels, 32);
        float* to = image.row_f(0);
        for (std::size_t k = 0; k < image.samples(); ++k, ++from)
            to[k] = std::clamp(*from * of(shown.std, k % channels) + of(shown.mean, k % channels), 0.0F, 1.0F);
    }
    return images;
}

}  // namespace

std::vector<std::string> teacher_files(const std::string& text) {
    std::vector<std::string> files(1);
    for (const char c : text) {
        if (c == ',')
            files.emplace_back();
        else
            files.back() += c;
    }
    if (std::ranges::find(files, "") != files.end())
        throw UsageError(fmt::format("[teacher] wanted files with commas between, got '{}'", text));
    return files;
}

struct Teachers::Teacher {
    std::string file;
    ModelSpec spec;
    std::vector<std::size_t> columns{};
    std::unique_ptr<Predictor> predictor{};
    std::unique_ptr<nn::Module> module{};  ///< where its map is asked for
    const nn::Module* map = nullptr;       ///< the part of it that makes the map

    Teacher(const std::string& path, const Dataset& dataset, const Options& options, bool with_map, Hash& hash)
        : file(path) {
        CheckpointState state = load_model_state(path);
        const bool is_graph = holds_graph(state.metadata);
        for (const NamedTensor& entry : is_graph ? state.tensors : model_weights(state.tensors))
            add_tensor(entry, hash);
        if (const auto graph = state.metadata.find("keel.graph"); graph != state.metadata.end())
            hash.add(graph->second);
        if (with_map) {
            LoadedModel loaded = load_model(std::move(state), path);
            take(loaded.spec, dataset);
            predictor = std::make_unique<Predictor>(spec, *loaded.module, options.batch, options.precision);
            module = std::move(loaded.module);
        } else {
            LoadedGraph loaded = load_graph(std::move(state), path);
            take(loaded.spec, dataset);
            predictor = std::make_unique<Predictor>(spec, std::move(loaded.graph), options.batch, options.precision);
        }
        std::map<std::string, std::string> said;
        write_spec(spec, said);
        for (const auto& [key, value] : said) hash.add(value);
        hash.add(name(predictor->runtime().precision()));
        hash.add(fmt::format("{}", fmt::join(columns, ",")));
    }

    void take(const ModelSpec& of, const Dataset& dataset) {
        spec = of;
        adopt_labels(spec, dataset.label_names(), dataset.task() == Task::labels);
        columns = columns_of(spec, dataset, file);
        if (!channels_convert(dataset.channels(), static_cast<int>(spec.options.channels)))
            throw InputError(fmt::format("[teacher] {} takes images of {} channels, the data's have {}", file,
                                         spec.options.channels, dataset.channels()));
        spec.operating.reset();  // thresholds change no answer
    }

    Tensor images_for(const Batch& batch, const ModelSpec& shown) const {
        if (same_pixels(spec, shown)) return images_of(batch);
        TransformOptions transform = transform_of(spec);
        if (!channels_convert(batch.channels, transform.channels))
            throw InputError(fmt::format("[teacher] {} takes images of {} channels, the student's have {}", file,
                                         transform.channels, batch.channels));
        return input_of(pixels_of(batch, shown), transform);
    }

    /// Returns the map that the module makes of images.
    Tensor map_of(const Tensor& images) const {
        const NoGrad no_grad;
        const PrecisionScope precision(Precision::f32);
        Tensor made;
        const nn::ObserverScope watch([&](const nn::ModuleCall& call) {
            if (&call.module == map) made = call.dst.detach();
        });
        (*module)(images);
        return made;
    }
};

Teachers::Teachers(const std::vector<std::string>& files, const Dataset& dataset, const Options& options) {
    if (files.empty()) throw UsageError("[teacher] wanted a teacher");
    Hash hash;
    for (const std::string& file : files) {
        const bool with_map = options.map && teachers_.empty();
        teachers_.push_back(std::make_unique<Teacher>(file, dataset, options, with_map, hash));
        const ModelSpec& spec = teachers_.back()->spec;
        notes_.push_back(fmt::format("teacher {}: {} on images of {} pixels, {} of its {} outputs", file, spec.name,
                                     spec.image_size, dataset.label_names().size(), spec.label_names.size()));
        if (spec.guessed) notes_.push_back(fmt::format("teacher {}: {}", file, guessed_text(spec)));
        if (const std::string other = reading_differences(dataset.reading(), spec.reading); !other.empty())
            notes_.push_back(
                fmt::format("teacher {}: images are read otherwise than those it was trained on: {}", file, other));
    }
    form_.teachers = std::ssize(teachers_);
    form_.labels = std::ssize(dataset.label_names());
    if (options.map) {
        Teacher& first = *teachers_.front();
        const std::string wanted = options.map_name.empty() ? find_model(first.spec.name).features : options.map_name;
        first.map = module_named(*first.module, wanted);
        if (first.map == nullptr)
            throw UsageError(fmt::format("[teacher] {} has no layer called {}", first.file, wanted));
        const std::int64_t side = first.spec.image_size;
        const Tensor map = first.map_of(Tensor::zeros({1, side, side, first.spec.options.channels}));
        if (!map || map.rank() != 4)
            throw UsageError(fmt::format("[teacher] layer {} of {} makes no map", wanted, first.file));
        form_.h = map.dim(1);
        form_.w = map.dim(2);
        hash.add(wanted);
    }
    identity_ = hash.hex();
}

Teachers::~Teachers() = default;

const ModelSpec& Teachers::shown() const {
    const auto side = [](const std::unique_ptr<Teacher>& teacher) {
        return std::pair(teacher->spec.image_size, teacher->spec.options.channels);
    };
    return (*std::ranges::max_element(teachers_, {}, side))->spec;
}

TeacherAnswers Teachers::answer(const Batch& batch, const ModelSpec& shown) const {
    TeacherAnswers answers = form_;
    const auto width = static_cast<std::size_t>(form_.width()), labels = static_cast<std::size_t>(form_.labels);
    answers.rows.resize(static_cast<std::size_t>(batch.n) * width);
    for (std::size_t t = 0; t < teachers_.size(); ++t) {
        const Teacher& teacher = *teachers_[t];
        const Tensor images = teacher.images_for(batch, shown);
        std::vector<NoAnswer> none;
        const Tensor logits = teacher.predictor->logits(images, none);
        if (!none.empty())
            throw InputError(fmt::format("[teacher] {} has no answer to {}: {}", teacher.file,
                                         batch.names[static_cast<std::size_t>(none.front().image)], none.front().why));
        const auto outputs = static_cast<std::size_t>(logits.dim(1));
        for (std::size_t i = 0; i < static_cast<std::size_t>(batch.n); ++i)
            for (std::size_t k = 0; k < labels; ++k)
                answers.rows[i * width + t * labels + k] = logits.values<float>()[i * outputs + teacher.columns[k]];
        if (teacher.map == nullptr) continue;
        const std::vector<double> attention = attention_of(teacher.map_of(images));
        const auto cells = static_cast<std::size_t>(form_.h * form_.w);
        for (std::size_t i = 0; i < attention.size(); ++i)
            answers.rows[i / cells * width + teachers_.size() * labels + i % cells] = static_cast<float>(attention[i]);
    }
    return answers;
}

}  // namespace keel
