#include "src/bindings.h"

PYBIND11_MODULE(_keel, m) {
    using namespace keel::python;
    m.doc() = "The compiled half of the package keel, which is to be used in its place.";
    bind_errors(m);
    bind_machine(m);
    bind_tensor(m);
    bind_spec(m);
    bind_model(m);
    bind_activation(m);
    bind_metrics(m);
    bind_files(m);
    bind_quantize(m);
    bind_evaluate(m);
    bind_train(m);
}
