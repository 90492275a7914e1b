// Archives of numpy arrays: zip, deflate, npy, and what MedMNIST puts into them.
#include "data/dataset.h"
#include "tests/fuzz/target.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::MemoryFile file({data, size});
    fuzz::accept_or_refuse<InputError>([&] {
        const auto dataset = open_dataset("medmnist:" + file.path());
        for (const Split split : kSplits)
            for (std::int64_t i = 0; i < dataset->size(split); ++i) {
                const Image image = dataset->load(split, i);
                fuzz::require(image.channels == dataset->channels() && !image.pixels.empty(),
                              "an image of other channels");
            }
    });
    return 0;
}
