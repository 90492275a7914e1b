#include "kernels/onednn/runtime.h"

#include <omp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>

#include "kernels/cpu.h"
#include "kernels/error.h"
#include "kernels/immortal.h"
#include "kernels/onednn/library.h"

namespace keel::kernels {
namespace onednn {
namespace {

/// oneDNN's instruction sets, weakest first: it needs no more than these features for each.
constexpr std::pair<Features, dnnl::cpu_isa> kCaps[] = {
    {Isa::scalar.features, dnnl::cpu_isa::sse41},
    {Isa::avx2.features, dnnl::cpu_isa::avx2},
    {Isa::avx_vnni.features, dnnl::cpu_isa::avx2_vnni},
    {Isa::avx512.features, dnnl::cpu_isa::avx512_core},
    {Isa::avx512_vnni.features, dnnl::cpu_isa::avx512_core_vnni},
    {Isa::avx512_vnni.features | Features::avx512_bf16, dnnl::cpu_isa::avx512_core_bf16},
    {Isa::avx512_vnni.features | Features::avx512_bf16 | Features::amx_tile | Features::amx_int8 | Features::amx_bf16,
     dnnl::cpu_isa::avx512_core_amx},
};

constexpr std::size_t kCodeBytes = std::size_t{48} << 20;  // generously: some kernels of 256 KB, and what they point to

/// Returns the best of them that stays within an ISA.
dnnl::cpu_isa cap(const Isa& isa) {
    dnnl::cpu_isa best = dnnl::cpu_isa::sse41;
    for (const auto& [features, candidate] : kCaps)
        if (contains(isa.features, features)) best = candidate;
    return best;
}

constinit std::atomic<bool> capped{false};

/// A build of oneDNN for SYCL computes through a device, which a runtime that is loaded by name makes of the processor.
dnnl::engine processor() {
    if (dnnl::engine::get_count(dnnl::engine::kind::cpu) == 0)
        throw Error(
            "[onednn] oneDNN " + convolution_library() +
            " finds no processor to compute on: set OCL_ICD_FILENAMES to Intel's OpenCL runtime, libintelocl.so");
    return {dnnl::engine::kind::cpu, 0};
}

dnnl::engine make_engine() {
    if (capped) return processor();
    // From the environment, not from active_isa(): the cap is for good, an IsaScope is not. oneDNN refuses it once it
    // has generated code; where the host program did so before, its own choice stands.
    const char* forced = std::getenv("KEEL_ISA");
    if (forced != nullptr && *forced != '\0' && isa_from_name(forced) != processors_isa())
        dnnl::set_max_cpu_isa(cap(isa_from_name(forced)));
    return processor();
}

/// Throws std::bad_alloc where there are not some more addresses.
void require_addresses() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    void* probe = ::mmap(nullptr, kCodeBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED) throw std::bad_alloc();
    ::munmap(probe, kCodeBytes);
}

constinit ForkMutex making_mutex;
constinit std::atomic<bool> ended{false};
constinit std::atomic<int> multiplying{0};

void forget_multiplying() { multiplying = 0; }

/// oneDNN keeps lists and caches as static objects that are made on first use and destroyed when the process ends, last
/// made first. This is called before those that were made before it was registered are.
void end() {
    const std::lock_guard lock(making_mutex);
    ended = true;
    const timespec moment{0, 50'000};
    for (int i = 0; i < 20'000 && multiplying > 0; ++i) ::nanosleep(&moment, nullptr);
}

/// Registered again and again: something may have been made since.
void at_end_of_process() {
    constexpr int kMost = 4096;
    static constinit std::atomic<int> registered{0};
    if (registered < kMost && ++registered <= kMost) static_cast<void>(std::atexit(end));
}

}  // namespace

Session::Session() : before_(omp_get_max_threads()) {
    engine();
    attributes();
    if (before_ != 1) omp_set_num_threads(1);
}

Session::~Session() {
    if (before_ != 1) omp_set_num_threads(before_);
}

ForkMutex& making() { return making_mutex; }

Making::Making() {
    making_mutex.lock();
    try {
        if (ended)
            throw Error("[onednn] the process is ending: oneDNN has destroyed what it keeps, nothing can be compiled");
        require_addresses();
        at_end_of_process();
    } catch (...) {
        making_mutex.unlock();
        throw;
    }
}

Making::~Making() {
    at_end_of_process();
    making_mutex.unlock();
}

Multiplying::Multiplying() {
    after_fork(forget_multiplying);
    ++multiplying;
    allowed_ = !ended;
}

Multiplying::~Multiplying() {
    // What it made on the way, once for each kind of product: a few calls are all.
    constexpr int kFirst = 64;
    static constinit std::atomic<int> registered{0};
    if (allowed_ && registered < kFirst && ++registered <= kFirst) static_cast<void>(std::atexit(end));
    --multiplying;
}

const dnnl::engine& engine() {
    static constinit Immortal<const dnnl::engine> cpu;
    return cpu.get(make_engine);
}

const dnnl::primitive_attr& attributes() {
    static constinit Immortal<const dnnl::primitive_attr> attr;
    return attr.get([] {
        dnnl::primitive_attr a;
        a.set_scratchpad_mode(dnnl::scratchpad_mode::user);
        return a;
    });
}

void execute(const dnnl::primitive& primitive, Arguments arguments) {
    dnnl::stream stream(engine());  // a thread's own would be gone where a static object's destructor computes
    std::unordered_map<int, dnnl::memory> given;
    for (const auto& argument : arguments)
        if (argument.second) given.insert(argument);
    primitive.execute(stream, given);
    stream.wait();
}

dnnl::memory wrap(const dnnl::memory::desc& desc, const void* data) {
    return data == nullptr ? dnnl::memory() : dnnl::memory(desc, engine(), const_cast<void*>(data));
}

}  // namespace onednn

bool cap_convolution_library(const Isa& isa) {
    if (dnnl::set_max_cpu_isa(onednn::cap(isa)) != dnnl::status::success) return false;
    onednn::capped = true;
    return true;
}

std::string convolution_library() {
    const dnnl::version_t& version = *dnnl::version();
    const char* runtime = version.cpu_runtime == DNNL_RUNTIME_OMP          ? "OpenMP"
                          : version.cpu_runtime == DNNL_RUNTIME_TBB        ? "TBB"
                          : version.cpu_runtime == DNNL_RUNTIME_THREADPOOL ? "thread pool"
                          : version.cpu_runtime == DNNL_RUNTIME_SEQ        ? "sequential"
                          : version.cpu_runtime == DNNL_RUNTIME_SYCL       ? "SYCL"
                                                                           : "unknown threading";
    return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch) +
           " (" + runtime + ")";
}

}  // namespace keel::kernels
