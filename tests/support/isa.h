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

}  // namespace keel::test
