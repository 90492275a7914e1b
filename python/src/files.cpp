// Files of other programs, in and out.
#include <keel/embed/export_model.h>
#include <keel/embed/import_weights.h>

#include <pybind11/stl.h>

#include "src/bindings.h"
#include "src/convert.h"

namespace keel::python {
namespace {

py::dict import_files(const py::sequence& paths, const py::object& out, const py::object& verify_with,
                      ImportOptions options) {
    const std::vector<std::filesystem::path> files = paths_of(paths);
    const std::filesystem::path to = path_of(out);
    const std::optional<std::filesystem::path> sample =
        verify_with.is_none() ? std::nullopt : std::optional(path_of(verify_with));
    std::optional<Imported> imported;
    std::optional<Verified> verified;
    {
        const py::gil_scoped_release released;
        imported = import_weights(files, options);
        if (sample) verified = verify(*imported, *sample);
        save_model(to, *imported);
    }
    py::dict result;
    result["spec"] = imported->model.spec;
    result["notes"] = texts(imported->notes);
    result["is_graph"] = imported->graph.has_value();
    result["largest_difference"] = verified ? py::object(py::float_(verified->largest_difference)) : py::none();
    result["largest_output"] = verified ? py::object(py::float_(verified->largest_output)) : py::none();
    return result;
}

ModelSpec export_file(const py::object& checkpoint, const py::object& out, const ExportChoices& choices) {
    const std::filesystem::path from = path_of(checkpoint), to = path_of(out);
    const py::gil_scoped_release released;
    return export_model(from, to, choices);
}

}  // namespace

void bind_files(py::module_& m) {
    m.def(
        "import_weights",
        [](const py::sequence& files, const py::object& out, const py::object& verify_with, std::string key,
           std::string model, std::int64_t classes, std::int64_t channels, std::int64_t image_size, std::string pixels,
           std::vector<float> mean, std::vector<float> std, std::vector<std::string> labels, bool multi_label,
           std::uint64_t seed) {
            return import_files(files, out, verify_with,
                                {.key = std::move(key),
                                 .model = std::move(model),
                                 .classes = classes,
                                 .channels = channels,
                                 .image_size = image_size,
                                 .pixels = std::move(pixels),
                                 .mean = std::move(mean),
                                 .std = std::move(std),
                                 .labels = std::move(labels),
                                 .multi_label = multi_label,
                                 .seed = seed});
        },
        py::arg("files"), py::arg("out"), py::kw_only(), py::arg("verify"), py::arg("key"), py::arg("model"),
        py::arg("classes"), py::arg("channels"), py::arg("image_size"), py::arg("pixels"), py::arg("mean"),
        py::arg("std"), py::arg("labels"), py::arg("multi_label"), py::arg("seed"));
    m.def(
        "export_model",
        [](const py::object& checkpoint, const py::object& out, std::string type, int opset, std::string outputs,
           std::string preprocessing) {
            return export_file(
                checkpoint, out,
                {.type = std::move(type),
                 .onnx = {.opset = opset, .outputs = std::move(outputs), .preprocessing = std::move(preprocessing)}});
        },
        py::arg("checkpoint"), py::arg("out"), py::kw_only(), py::arg("type"), py::arg("opset"), py::arg("outputs"),
        py::arg("preprocessing"));
}

}  // namespace keel::python
