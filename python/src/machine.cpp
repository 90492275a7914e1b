// The compute pool, memory, versions.
#include <keel/engine/memory.h>
#include <keel/engine/precision.h>
#include <keel/kernels/parallel.h>
#include <keel/kernels/version.h>

#include "src/bindings.h"
#include "src/convert.h"

namespace keel::python {

void bind_machine(py::module_& m) {
    using Released = py::call_guard<py::gil_scoped_release>;
    m.attr("__version__") = KEEL_VERSION;
    m.def("set_threads", &set_thread_count, py::arg("threads"), Released());
    m.def("threads", &running_threads, Released());
    m.def("thread_shortage", [] {
        std::string shortage;
        {
            const py::gil_scoped_release released;
            shortage = team_shortage();
        }
        return text(shortage);
    });
    m.def("trim_memory", &trim_memory, Released());
    m.def("memory_in_use", &memory_in_use, Released());
    m.def(
        "set_memory_limit",
        [](std::int64_t bytes) {
            if (bytes < 0) throw UsageError("[memory] wanted a limit of 0 or more bytes, got " + std::to_string(bytes));
            set_memory_limit(static_cast<std::size_t>(bytes));
        },
        py::arg("bytes"));
    m.def("multiplies_bf16", &multiplies_bf16);
}

}  // namespace keel::python
