// Where in an image a model sees a label.
#include <keel/embed/class_activation.h>
#include <keel/embed/heatmap.h>

#include <pybind11/stl.h>

#include <cstring>
#include <mutex>

#include "src/bindings.h"
#include "src/convert.h"
#include "src/sources.h"

namespace keel::python {
namespace {

/// One thread at a time, whoever asks: the lock is taken without Python's own.
class Activation {
public:
    Activation(const std::filesystem::path& file, const std::string& layer)
        : activation_(load_model(file), layer), transform_(transform_of(activation_.spec())) {}

    const ClassActivation& activation() const { return activation_; }
    const TransformOptions& transform() const { return transform_; }

    Tensor maps(const Tensor& images, const std::vector<std::int64_t>& labels) {
        const std::scoped_lock lock(mutex_);
        return activation_.maps(images, labels);
    }
    /// Returns the map of one label over an input {1, side, side, channels}, in [0, 1].
    HeatGrid heat(const Tensor& input, std::int64_t label) { return heat_of(activation_, maps(input, {label}), 0, 0); }

private:
    ClassActivation activation_;
    TransformOptions transform_;
    std::mutex mutex_;
};

std::unique_ptr<Activation> load_activation(const py::object& path, const std::string& layer) {
    const std::filesystem::path file = path_of(path);
    const py::gil_scoped_release released;
    return std::make_unique<Activation>(file, layer);
}

py::array maps(Activation& self, const FloatArray& images, const std::vector<std::int64_t>& labels) {
    const Tensor src = borrowed(images);
    Tensor dst;
    {
        const py::gil_scoped_release released;
        dst = self.maps(src, labels);
    }
    return array_of(dst);
}

ColorMap color_map(const std::string& word) {
    if (word == "inferno") return ColorMap::inferno;
    if (word == "viridis") return ColorMap::viridis;
    throw UsageError("[heatmap] wanted the colors inferno or viridis, got '" + word + "'");
}

/// Returns the image {h, w, 3}, of u8, with the map of a label laid over it.
py::array overlay_of(Activation& self, const py::object& item, std::int64_t label, const std::string& colors,
                     float opacity) {
    if (!(opacity >= 0 && opacity <= 1))
        throw UsageError("[heatmap] wanted an opacity from 0 to 1, got " + std::to_string(opacity));
    const ColorMap map = color_map(colors);
    const ImageSource source = source_of(item, 0);
    Image laid;
    {
        const py::gil_scoped_release released;
        const Image image = image_of(source, self.transform()), seen = image_of(source, self.transform(), true);
        const HeatGrid heat = self.heat(input_of({&image, 1}, self.transform()), label);
        laid = overlay(shown(seen), enlarge(heat, seen.width, seen.height), map, opacity);
    }
    py::array_t<std::uint8_t> result({laid.height, laid.width, laid.channels});
    std::memcpy(result.mutable_data(), laid.pixels.data(), laid.pixels.size());
    return result;
}

}  // namespace

void bind_activation(py::module_& m) {
    py::class_<Activation>(m, "Activation", py::is_final())
        .def(py::init(&load_activation), py::arg("path"), py::arg("layer"))
        .def_property_readonly("spec", [](const Activation& self) { return self.activation().spec(); })
        .def_property_readonly("layer", [](const Activation& self) { return text(self.activation().layer()); })
        .def_property_readonly("uses_gradients",
                               [](const Activation& self) { return self.activation().uses_gradients(); })
        .def(
            "inputs",
            [](const Activation& self, const py::list& items) {
                return inputs_of(items, self.transform(), true)[0].cast<py::array>();
            },
            py::arg("items"))
        .def("maps", &maps, py::arg("images").noconvert(), py::arg("labels"))
        .def("overlay", &overlay_of, py::arg("item"), py::arg("label"), py::arg("colors"), py::arg("opacity"));
}

}  // namespace keel::python
