// Files of every image format, decoded as data sets and embedding programs ask for them, and transformed.
#include "tests/fuzz/image_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    keel::fuzz::image_file({data, size});
    return 0;
}
