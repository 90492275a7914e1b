// The compiled half of the package, keel._keel: what it holds, subject by subject. What it is called with was looked at
// by the half that is Python (python/keel), where an argument may come in several forms.
#pragma once

#include <pybind11/pybind11.h>

namespace keel::python {

namespace py = pybind11;

/// Each adds a subject to the module.
void bind_errors(py::module_& m);
void bind_machine(py::module_& m);
void bind_tensor(py::module_& m);
void bind_spec(py::module_& m);
void bind_model(py::module_& m);
void bind_activation(py::module_& m);
void bind_metrics(py::module_& m);
void bind_files(py::module_& m);
void bind_quantize(py::module_& m);
void bind_evaluate(py::module_& m);
void bind_train(py::module_& m);

}  // namespace keel::python
