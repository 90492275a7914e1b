#include "engine/safetensors.h"
#include "tests/fuzz/target.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::MemoryFile file({data, size});
    fuzz::accept_or_refuse<InputError>([&] {
        std::int64_t elements = 0;
        for (const NamedTensor& each : read_safetensors(file.path()).tensors) elements += each.tensor.elements();
        fuzz::require(elements <= static_cast<std::int64_t>(size), "more elements than bytes");
    });
    return 0;
}
