// What was done with the tiles of tests/support/tiles_stand_in.h.
#pragma once

namespace keel::test {

/// What all threads did: uses of tiles that have no shape or one that does not fit, and threads that hold tiles now.
struct TileUse {
    inline static int faults = 0, holders = 0, configured = 0;
    static void add(int& counter, int value) { __atomic_fetch_add(&counter, value, __ATOMIC_RELAXED); }
};

}  // namespace keel::test
