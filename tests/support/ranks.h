// Ranks that are threads of the test.
#pragma once

#include <memory>

#include "distributed/communicator.h"

namespace keel::test {

/// For a World on a communicator that run_ranks() owns.
inline std::shared_ptr<Communicator> borrowed(Communicator& communicator) {
    return {&communicator, [](Communicator*) {}};
}

}  // namespace keel::test
