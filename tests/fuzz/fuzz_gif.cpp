// Files that begin as GIF do.
#include "tests/fuzz/image_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (keel::kGifFormat.matches({data, size})) keel::fuzz::image_file({data, size});
    return 0;
}
