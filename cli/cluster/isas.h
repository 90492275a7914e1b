// The instruction sets of this process, for keel doctor.
#pragma once

#include "cli/cluster/machine.h"

namespace keel::cli {

/// Reads the features of the processor, the ISA in use and why none of the others are. Asks Linux for AMX's tiles where
/// the processor has some.
void read_isas(Machine& machine);

}  // namespace keel::cli
