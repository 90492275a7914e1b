// oneDNN's engine and the thread that calls it.
#pragma once

#include <initializer_list>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

#include "kernels/fork.h"

namespace keel::kernels::onednn {

/// While it lives, the calling thread is a team of one to OpenMP; then its team is again what the thread's owner chose.
/// Each use of oneDNN stands under one: primitives are compiled for the size of the calling thread's team, and run on
/// it (pieces.h says why Keel divides work itself).
class Session {
public:
    Session();
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

private:
    int before_;
};

/// Held by whoever lets oneDNN make something: what its own locks guard is whole in the child of a fork then.
ForkMutex& making();

/// While it lives, the calling thread holds making(), and oneDNN makes something. Throws Error where the process is
/// ending: oneDNN has destroyed what it keeps, and would crash; what was made before runs on. Throws std::bad_alloc
/// where the process may not have the addresses that oneDNN takes for the code it generates (ulimit -v): it does not
/// look whether it got them.
class Making {
public:
    Making();
    ~Making();
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;
};

/// While it lives, oneDNN keeps what its products of matrices need, unless `allowed()` is false: the process is ending.
class Multiplying {
public:
    Multiplying();
    ~Multiplying();
    Multiplying(const Multiplying&) = delete;
    Multiplying& operator=(const Multiplying&) = delete;

    bool allowed() const { return allowed_; }

private:
    bool allowed_;
};

/// Returns the CPU engine. On first use it caps oneDNN's instruction set at KEEL_ISA (at SSE4.1 for `scalar`, its
/// weakest).
const dnnl::engine& engine();

/// Returns the attributes of every primitive: the caller brings the scratchpad.
const dnnl::primitive_attr& attributes();

using Arguments = std::initializer_list<std::pair<int, dnnl::memory>>;

/// Runs a primitive on the calling thread's team and waits for it. Arguments without memory are left out.
void execute(const dnnl::primitive& primitive, Arguments arguments);

/// Returns a view of the caller's data, no memory where they are null. Const is cast away: oneDNN has one type of
/// memory, and writes only to the arguments that are results.
dnnl::memory wrap(const dnnl::memory::desc& desc, const void* data);

}  // namespace keel::kernels::onednn
