#include "embed/weights/pickle.h"
#include "tests/fuzz/target.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::accept_or_refuse<InputError>([&] {
        const Pickle pickle = read_pickle({data, size});
        fuzz::require(pickle.root != nullptr && pickle.bytes <= size, "a pickle without a value");
        fuzz::require(pickle.values.size() <= 2 * size, "more values than bytes");
    });
    return 0;
}
