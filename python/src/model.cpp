// A model that predicts.
#include <keel/embed/views.h>

#include <chrono>

#include "src/bindings.h"
#include "src/convert.h"
#include "src/sources.h"

namespace keel::python {
namespace {

/// A predictor, and what its images are made into first.
class Model {
public:
    Model(const std::filesystem::path& file, std::int64_t batch, const std::string& precision, const ViewOptions& views)
        : views_(views),
          predictor_(load_predictor(file, views, checked(batch), nullptr, precision_of(precision))),
          transform_(transform_of(predictor_.spec(), views)),
          plain_(resolved(views, predictor_.spec()) == resolved({.crop = views.crop}, predictor_.spec())) {}

    const Predictor& predictor() const { return predictor_; }
    const TransformOptions& transform() const { return transform_; }

    /// Returns the scores of normalized images, in `dst` where that is given.
    Tensor run(const Tensor& images, bool logits, Tensor dst, std::vector<NoAnswer>& none) const {
        if (plain_) {
            if (!dst) dst = Tensor::empty({images.dim(0), predictor_.spec().options.classes});
            logits ? predictor_.logits(images, dst, none) : predictor_.predict(images, dst, none);
            return dst;
        }
        if (logits) throw UsageError("[predictor] views are averaged as probabilities: they have no logits");
        const Tensor scores = predict_views(predictor_, images, views_, none);
        if (!dst) return scores;
        dst.assign(scores);
        return dst;
    }

private:
    static std::int64_t checked(std::int64_t batch) {
        constexpr std::int64_t kMost = 65536;
        if (batch < 1 || batch > kMost)
            throw UsageError("[predictor] wanted a batch of 1 to " + std::to_string(kMost) + " images, got " +
                             std::to_string(batch));
        return batch;
    }

    ViewOptions views_;
    Predictor predictor_;
    TransformOptions transform_;
    bool plain_;  // one view, of the whole image
};

std::unique_ptr<Model> load_model_of(const py::object& path, std::int64_t batch, const std::string& precision,
                                     const std::string& views, std::int64_t resize, std::int64_t crop) {
    const std::filesystem::path file = path_of(path);
    const py::gil_scoped_release released;
    return std::make_unique<Model>(file, batch, precision, ViewOptions{resize, crop, parse_view_kind(views)});
}

py::tuple run(const Model& model, const FloatArray& images, bool logits, const std::optional<FloatArray>& out) {
    const Tensor src = borrowed(images);
    if (src.rank() != 4) throw UsageError("[predictor] wanted images of 4 axes, got " + std::to_string(src.rank()));
    const Tensor dst = out ? borrowed(*out) : Tensor();
    Tensor scores;
    std::vector<NoAnswer> none;
    {
        const py::gil_scoped_release released;
        scores = model.run(src, logits, dst, none);
    }
    return py::make_tuple(out ? py::object(*out) : py::object(array_of(scores)), list_of(none));
}

/// Returns how long predict() of C++ takes: what scripts/check_python.py compares calls from Python with.
double seconds(const Model& model, const FloatArray& images) {
    const Tensor src = borrowed(images);
    const py::gil_scoped_release released;
    const auto start = std::chrono::steady_clock::now();
    model.predictor().predict(src);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Returns what is to be known of what the model computes in, for people.
std::string precision_note(const Model& model) {
    const Runtime& runtime = model.predictor().runtime();
    if (runtime.precision() == Precision::bf16 && !multiplies_bf16())
        return "the processor has no instructions for bf16, or KEEL_ISA names an ISA without them: it is imitated, "
               "which is slower than f32";
    return runtime.refusal();
}

}  // namespace

void bind_model(py::module_& m) {
    py::class_<Model>(m, "Model", py::is_final())
        .def(py::init(&load_model_of), py::arg("path"), py::arg("batch"), py::arg("precision"), py::arg("views"),
             py::arg("resize"), py::arg("crop"))
        .def_property_readonly("spec", [](const Model& model) { return model.predictor().spec(); })
        .def_property_readonly("precision",
                               [](const Model& model) { return name(model.predictor().runtime().precision()); })
        .def_property_readonly("precision_note", [](const Model& model) { return text(precision_note(model)); })
        .def_property_readonly("input_size", [](const Model& model) { return model.transform().image_size; })
        .def_property_readonly("input_channels", [](const Model& model) { return model.transform().channels; })
        .def(
            "inputs",
            [](const Model& model, const py::list& items, bool strict) {
                return inputs_of(items, model.transform(), strict);
            },
            py::arg("items"), py::arg("strict"))
        .def("run", &run, py::arg("images").noconvert(), py::arg("logits"), py::arg("out").noconvert())
        .def("seconds", &seconds, py::arg("images").noconvert());
}

}  // namespace keel::python
