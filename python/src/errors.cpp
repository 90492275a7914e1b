// Keel's exceptions as those of keel._errors.
#include <keel/kernels/error.h>

#include <exception>

#include "src/bindings.h"
#include "src/convert.h"

namespace keel::python {
namespace {

py::object& error_types() {
    static auto* const types = new py::object;  // kept to the end: exceptions may come until then
    return *types;
}

py::object error_of(const char* type, const Error& error) { return error_types().attr(type)(text(error.what())); }

void raise(const py::object& error) { PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr()); }

void raise_io(const char* type, const IoError& error) {
    const py::object raised = error_of(type, error);
    if (error.code != 0) raised.attr("errno") = error.code;
    raise(raised);
}

void translate(std::exception_ptr thrown) {
    try {
        if (thrown) std::rethrow_exception(thrown);
    } catch (const StorageError& error) {
        raise_io("StorageError", error);
    } catch (const IoError& error) {
        raise_io("IoError", error);
    } catch (const UsageError& error) {
        raise(error_of("UsageError", error));
    } catch (const InputError& error) {
        raise(error_of("InputError", error));
    } catch (const DivergedError& error) {
        raise(error_of("DivergedError", error));
    } catch (const Error& error) {
        raise(error_of("Error", error));
    }
}

}  // namespace

void bind_errors(py::module_&) {
    error_types() = py::module_::import("keel._errors");
    py::register_local_exception_translator(translate);
}

}  // namespace keel::python
