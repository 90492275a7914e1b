// keel.Tensor: memory that Keel shares with other libraries.
#include <dlpack/dlpack.h>
#include <keel/embed/dlpack.h>

#include <memory>

#include "src/bindings.h"
#include "src/convert.h"

namespace keel::python {
namespace {

constexpr const char *kFresh = "dltensor", *kTaken = "used_dltensor";

/// Calls body with the first element.
template <class Body>
auto with_elements(const Tensor& tensor, const Body& body) {
    switch (tensor.dtype()) {
        case DType::f32:
            return body(tensor.data<float>());
        case DType::f64:
            return body(tensor.data<double>());
        case DType::u8:
            return body(tensor.data<std::uint8_t>());
        case DType::s8:
            return body(tensor.data<std::int8_t>());
        case DType::s32:
            return body(tensor.data<std::int32_t>());
        case DType::bf16:
            break;
    }
    throw UsageError("[tensor] wanted f32, f64, u8, s8 or s32, got " + std::string(name(tensor.dtype())));
}

py::buffer_info buffer_of(const Tensor& tensor) {
    return with_elements(tensor, [&]<class T>(T* first) {
        std::vector<py::ssize_t> extents(tensor.dims().begin(), tensor.dims().end());
        std::vector<py::ssize_t> strides(extents.size(), py::ssize_t{sizeof(T)});
        for (std::size_t axis = extents.size(); axis-- > 1;)
            strides[axis - 1] =
                axis + 1 == extents.size() ? tensor.ld() * py::ssize_t{sizeof(T)} : strides[axis] * extents[axis];
        return py::buffer_info(first, std::move(extents), std::move(strides), false);
    });
}

/// A capsule that nobody took frees its tensor.
void free_untaken(PyObject* capsule) {
    if (PyCapsule_IsValid(capsule, kFresh) == 0) return;
    auto* const managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, kFresh));
    managed->deleter(managed);
}

py::object capsule_of(const Tensor& tensor, const py::object& stream, const py::object&, const py::object& device,
                      const py::object& copy) {
    if (!stream.is_none()) throw py::buffer_error("Keel's tensors are the CPU's, which has no streams");
    if (!device.is_none() && !device.equal(py::make_tuple(int{kDLCPU}, 0)))
        throw py::buffer_error("Keel's tensors are the CPU's and go to no other device");
    const bool copied = !copy.is_none() && copy.cast<bool>();
    DLManagedTensor* const managed = to_dlpack(copied ? tensor.clone() : tensor);
    PyObject* const capsule = PyCapsule_New(managed, kFresh, free_untaken);
    if (capsule == nullptr) {
        managed->deleter(managed);
        throw py::error_already_set();
    }
    return py::reinterpret_steal<py::object>(capsule);
}

Tensor tensor_of(const py::object& object) {
    if (!py::hasattr(object, "__dlpack__"))
        throw UsageError("[dlpack] wanted an object with __dlpack__, got " +
                         std::string(Py_TYPE(object.ptr())->tp_name));
    if (py::hasattr(object, "__dlpack_device__")) {
        const py::tuple device = object.attr("__dlpack_device__")();
        if (device[0].cast<int>() != int{kDLCPU})
            throw UsageError("[dlpack] wanted memory of the CPU, got device type " +
                             std::to_string(device[0].cast<int>()));
    }
    const py::object capsule = object.attr("__dlpack__")();
    if (PyCapsule_IsValid(capsule.ptr(), kFresh) == 0)
        throw UsageError("[dlpack] wanted a capsule 'dltensor' of __dlpack__, which nobody took, got another");
    auto* const managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), kFresh));
    if (PyCapsule_SetName(capsule.ptr(), kTaken) != 0) throw py::error_already_set();
    return from_dlpack(managed);
}

py::tuple shape_of(const Tensor& tensor) {
    py::tuple shape(static_cast<std::size_t>(tensor.rank()));
    for (int axis = 0; axis < tensor.rank(); ++axis) shape[static_cast<std::size_t>(axis)] = tensor.dim(axis);
    return shape;
}

}  // namespace

void bind_tensor(py::module_& m) {
    py::class_<Tensor>(m, "Tensor", py::buffer_protocol(), py::is_final(),
                       "Memory that Keel shares with another library. numpy.asarray() and from_dlpack() of NumPy, "
                       "PyTorch, ... make views of it.")
        .def_buffer(&buffer_of)
        .def_property_readonly("shape", &shape_of)
        .def_property_readonly("ndim", &Tensor::rank)
        .def_property_readonly("dtype", [](const Tensor& tensor) { return py::dtype(buffer_of(tensor)); })
        .def("__dlpack__", &capsule_of, py::kw_only(), py::arg("stream") = py::none(),
             py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(), py::arg("copy") = py::none())
        .def("__dlpack_device__", [](const Tensor&) { return py::make_tuple(int{kDLCPU}, 0); })
        .def("__repr__", [](const Tensor& tensor) {
            return text("keel.Tensor(" + tensor.dims().text() + ", " + std::string(name(tensor.dtype())) + ")");
        });
    m.def("from_dlpack", &tensor_of, py::arg("object"));
}

}  // namespace keel::python
