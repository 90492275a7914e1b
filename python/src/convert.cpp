#include "src/convert.h"

namespace keel::python {

py::str text(std::string_view bytes) {
    PyObject* const decoded =
        PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "surrogateescape");
    if (decoded == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::str>(decoded);
}

py::list texts(const std::vector<std::string>& all) {
    py::list list;
    for (const std::string& one : all) list.append(text(one));
    return list;
}

std::filesystem::path path_of(py::handle object) {
    PyObject* encoded = nullptr;
    if (PyUnicode_FSConverter(object.ptr(), &encoded) == 0) throw py::error_already_set();
    return std::string(py::reinterpret_steal<py::bytes>(encoded));
}

std::vector<std::filesystem::path> paths_of(const py::sequence& objects) {
    std::vector<std::filesystem::path> paths;
    for (const py::handle object : objects) paths.push_back(path_of(object));
    return paths;
}

Tensor borrowed(const FloatArray& array) {
    const std::vector<std::int64_t> extents(array.shape(), array.shape() + array.ndim());
    // Operators only read what they are given; what is written to is asked for as writable before.
    return Tensor::borrow(const_cast<float*>(array.data()), static_cast<std::size_t>(array.nbytes()), Dims(extents),
                          DType::f32, -1, {});
}

py::array array_of(const Tensor& tensor) {
    auto kept = std::make_unique<Tensor>(tensor);
    const float* const first = tensor.data<float>();
    const py::capsule owner(kept.get(), [](void* gone) { delete static_cast<Tensor*>(gone); });
    kept.release();
    const std::vector<py::ssize_t> extents(tensor.dims().begin(), tensor.dims().end());
    return FloatArray(extents, first, owner);
}

py::list list_of(const std::vector<NoAnswer>& none) {
    py::list list;
    for (const NoAnswer& one : none) list.append(py::make_tuple(one.image, text(one.why)));
    return list;
}

}  // namespace keel::python
