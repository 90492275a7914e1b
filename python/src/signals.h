// Ctrl-C, and what else Python's signal handlers make of a signal, while Keel computes without Python's lock.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>

namespace keel::python {

/// Runs Python code on its behalf, and keeps the first exception until somebody rethrows it.
class Interrupts {
public:
    /// Runs `body` with Python's lock; returns false where it threw, now or before.
    template <class Body>
    bool run(const Body& body) {
        const pybind11::gil_scoped_acquire acquired;
        if (error_) return false;
        try {
            body();
        } catch (...) {
            error_ = std::current_exception();
        }
        return !error_;
    }
    /// Lets the handlers of signals run that have come; returns true where they want the work to stop.
    bool stop() {
        return !run([] {
            if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
        });
    }
    /// With Python's lock.
    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

private:
    std::exception_ptr error_;
};

}  // namespace keel::python
