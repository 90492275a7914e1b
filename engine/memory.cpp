#include "engine/memory.h"

#include <malloc.h>

#include "engine/arena.h"
#include "kernels/onednn/library.h"
#include "kernels/parallel.h"

namespace keel {

void trim_memory() {
    trim_threads();
    kernels::trim_primitives();
    Arena::global().trim();
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

void set_memory_limit(std::size_t bytes) { Arena::global().set_limit(bytes); }

std::size_t memory_in_use() { return Arena::global().statistics().in_use; }

}  // namespace keel
