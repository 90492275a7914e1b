// Runs a part of a test once for each ISA that this machine has.
#pragma once

#include <string>

#include "kernels/cpu.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"

namespace keel::test {

template <class Body>
void for_each_isa(Body body) {
    for (const Isa& isa : available_isas()) {
        INFO("ISA " << isa.name);
        const IsaScope forced(isa);
        body();
    }
}

/// Sets the size of the compute pool for the lifetime of the object.
class ThreadScope {
public:
    explicit ThreadScope(int threads) : before_(thread_count()) { set_thread_count(threads); }
    ~ThreadScope() { set_thread_count(before_); }
    ThreadScope(const ThreadScope&) = delete;
    ThreadScope& operator=(const ThreadScope&) = delete;

private:
    int before_;
};

}  // namespace keel::test
