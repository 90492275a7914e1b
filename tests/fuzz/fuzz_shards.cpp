// Indexes of models in several files. Beside the input there are only links, so that no index is accepted.
#include "embed/weights/shards.h"

#include "tests/fuzz/target.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::MemoryFile file({data, size});
    fuzz::accept_or_refuse<InputError>([&] {
        read_shard_index(file.path());
        fuzz::require(false, "an index whose files are links");
    });
    return 0;
}
