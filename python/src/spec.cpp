// What a file says of its model.
#include <keel/embed/foreign_weights.h>
#include <keel/embed/loaded_model.h>
#include <keel/models/model_spec.h>

#include <pybind11/stl.h>

#include "src/bindings.h"
#include "src/convert.h"

namespace keel::python {
namespace {

py::dict dict_of(const OperatingPoints& points) {
    py::dict rules;
    for (const auto& [rule, of_labels] : points.rules) {
        py::list labels;
        for (const std::optional<OperatingPoint>& point : of_labels)
            labels.append(point ? py::object(py::make_tuple(point->threshold, point->sensitivity, point->specificity))
                                : py::object(py::none()));
        rules[text(rule)] = labels;
    }
    py::dict dict;
    dict["chosen"] = text(points.chosen);
    dict["rules"] = rules;
    dict["data"] = text(points.data);
    dict["split"] = text(points.split);
    dict["views"] = text(points.views);
    dict["calibration"] = points.calibration ? py::object(text(points.calibration->method)) : py::object(py::none());
    return dict;
}

py::array calibrated(const ModelSpec& spec, const FloatArray& probabilities) {
    if (!spec.operating || !spec.operating->calibration)
        throw UsageError("[calibrate] the model has no calibration; keel threshold --calibrate makes one");
    const auto labels = static_cast<py::ssize_t>(spec.label_names.size());
    if (probabilities.ndim() != 2 || probabilities.shape(1) != labels)
        throw UsageError("[calibrate] wanted probabilities {samples, " + std::to_string(labels) + "}");
    FloatArray result({probabilities.shape(0), labels});
    std::copy_n(probabilities.data(), probabilities.size(), result.mutable_data());
    calibrate(*spec.operating->calibration, spec.multi_label,
              {result.mutable_data(), static_cast<std::size_t>(result.size())});
    return result;
}

}  // namespace

void bind_spec(py::module_& m) {
    py::class_<ModelSpec>(m, "ModelSpec", "What a file says of its model.")
        .def_property_readonly("name", [](const ModelSpec& spec) { return text(spec.name); })
        .def_property_readonly("labels", [](const ModelSpec& spec) { return py::tuple(texts(spec.label_names)); })
        .def_property_readonly("multi_label", [](const ModelSpec& spec) { return spec.multi_label; })
        .def_property_readonly("image_size", [](const ModelSpec& spec) { return spec.image_size; })
        .def_property_readonly("channels", [](const ModelSpec& spec) { return spec.options.channels; })
        .def_property_readonly("mean", [](const ModelSpec& spec) { return py::tuple(py::cast(spec.mean)); })
        .def_property_readonly("std", [](const ModelSpec& spec) { return py::tuple(py::cast(spec.std)); })
        .def_property_readonly("reading", [](const ModelSpec& spec) { return text(reading_to_json(spec.reading)); })
        .def_property_readonly("guessed",
                               [](const ModelSpec& spec) { return text(spec.guessed ? guessed_text(spec) : ""); })
        .def_property_readonly("read_as", [](const ModelSpec& spec) { return text(spec.read_as); })
        .def_property_readonly("operating_points",
                               [](const ModelSpec& spec) {
                                   return spec.operating ? py::object(dict_of(*spec.operating))
                                                         : py::object(py::none());
                               })
        .def("calibrated", &calibrated, py::arg("probabilities").noconvert());
    m.def(
        "read_model_spec",
        [](const py::object& path) {
            const std::filesystem::path file = path_of(path);
            const py::gil_scoped_release released;
            return read_model_spec(file);
        },
        py::arg("path"));
}

}  // namespace keel::python
