// Values on their way between Python and Keel.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <keel/embed/predictor.h>
#include <keel/engine/tensor.h>

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::python {

namespace py = pybind11;

/// Dense arrays of the very type: nothing is converted on the way in.
using FloatArray = py::array_t<float, py::array::c_style>;
using DoubleArray = py::array_t<double, py::array::c_style>;
using ClassArray = py::array_t<std::int32_t, py::array::c_style>;

/// Returns a text of Keel's. Names of files may be no UTF-8: Python's "surrogateescape" stands for such bytes.
py::str text(std::string_view bytes);
py::list texts(const std::vector<std::string>& all);

/// Returns the path that a str, bytes or os.PathLike names, as os.fsencode() makes it. Throws Python's own TypeError
/// and ValueError.
std::filesystem::path path_of(py::handle object);
/// Returns the paths of a sequence.
std::vector<std::filesystem::path> paths_of(const py::sequence& objects);

/// Returns a tensor on an array's memory, good as long as the array is. Throws UsageError for more than four dims.
Tensor borrowed(const FloatArray& array);

/// Returns a dense tensor of floats as an array that shares its memory and keeps it.
py::array array_of(const Tensor& tensor);

/// Returns values as an array of these extents, copied.
template <class T>
py::array_t<T> array_of(const std::vector<T>& values, std::vector<py::ssize_t> extents) {
    return py::array_t<T>(std::move(extents), values.data());
}

/// Returns a value, or None.
template <class T>
py::object or_none(const std::optional<T>& value) {
    return value ? py::cast(*value) : py::object(py::none());
}

/// Returns [(image, why), ...].
py::list list_of(const std::vector<NoAnswer>& none);

}  // namespace keel::python
