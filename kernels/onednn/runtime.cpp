#include "kernels/onednn/runtime.h"

#include <omp.h>

#include <cstdlib>
#include <string>
#include <unordered_map>
#include <utility>

#include "kernels/cpu.h"
#include "kernels/onednn/library.h"
#include "kernels/parallel.h"

namespace keel::kernels {
namespace onednn {
namespace {

/// oneDNN's instruction sets, weakest first: it needs no more than these features for each.
constexpr std::pair<Features, dnnl::cpu_isa> kCaps[] = {
    {Isa::scalar.features, dnnl::cpu_isa::sse41},
    {Isa::avx2.features, dnnl::cpu_isa::avx2},
    {Isa::avx2.features | Features::avx_vnni, dnnl::cpu_isa::avx2_vnni},
    {Isa::avx512.features, dnnl::cpu_isa::avx512_core},
    {Isa::avx512_vnni.features, dnnl::cpu_isa::avx512_core_vnni},
    {Isa::avx512_vnni.features | Features::avx512_bf16, dnnl::cpu_isa::avx512_core_bf16},
    {Isa::avx512_vnni.features | Features::avx512_bf16 | Features::amx_tile | Features::amx_int8 | Features::amx_bf16,
     dnnl::cpu_isa::avx512_core_amx},
};

/// Returns the best of them that stays within an ISA.
dnnl::cpu_isa cap(const Isa& isa) {
    dnnl::cpu_isa best = dnnl::cpu_isa::sse41;
    for (const auto& [features, candidate] : kCaps)
        if (contains(isa.features, features)) best = candidate;
    return best;
}

dnnl::engine make_engine() {
    // From the environment, not from active_isa(): the cap is for good, an IsaScope is not. oneDNN refuses it once it
    // has generated code; where the host program did so before, its own choice stands.
    const char* forced = std::getenv("KEEL_ISA");
    if (forced != nullptr && *forced != '\0' && isa_from_name(forced) != available_isas().back())
        dnnl::set_max_cpu_isa(cap(isa_from_name(forced)));
    return {dnnl::engine::kind::cpu, 0};
}

}  // namespace

Session::Session()
    : threads_(omp_in_parallel() != 0 || sums_are_fixed() ? 1 : thread_count()), before_(omp_get_max_threads()) {
    engine();
    if (before_ != threads_) omp_set_num_threads(threads_);
}

Session::~Session() {
    if (before_ != threads_) omp_set_num_threads(before_);
}

const dnnl::engine& engine() {
    static const dnnl::engine cpu = make_engine();
    return cpu;
}

const dnnl::primitive_attr& attributes() {
    static const dnnl::primitive_attr attr = [] {
        dnnl::primitive_attr a;
        a.set_scratchpad_mode(dnnl::scratchpad_mode::user);
        return a;
    }();
    return attr;
}

void execute(const dnnl::primitive& primitive, Arguments arguments) {
    thread_local dnnl::stream stream(engine());
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

std::string convolution_library() {
    const dnnl::version_t& version = *dnnl::version();
    const char* runtime = version.cpu_runtime == DNNL_RUNTIME_OMP          ? "OpenMP"
                          : version.cpu_runtime == DNNL_RUNTIME_TBB        ? "TBB"
                          : version.cpu_runtime == DNNL_RUNTIME_THREADPOOL ? "thread pool"
                          : version.cpu_runtime == DNNL_RUNTIME_SEQ        ? "sequential"
                                                                           : "unknown threading";
    return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch) +
           " (" + runtime + ")";
}

}  // namespace keel::kernels
