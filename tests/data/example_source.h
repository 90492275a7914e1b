// The worked example of docs/adding_a_data_source.md.
#pragma once

#include "data/sources/table.h"

namespace keel {

OpenSource open_table;

}  // namespace keel
