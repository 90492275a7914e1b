// Files of torch.save, the archive and the stream.
#include "embed/weights/torch_file.h"
#include "tests/fuzz/target.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::MemoryFile file({data, size});
    if (!is_torch_file(file.path())) return 0;
    fuzz::accept_or_refuse<InputError>([&] {
        for (const NamedTensor& each : read_torch_file(file.path()).tensors)
            fuzz::require(each.tensor.elements() > 0, "a tensor without elements");
    });
    return 0;
}
