// Label tables in NIH's layout, beside an image that they may name.
#include "data/dataset.h"
#include "tests/fuzz/target.h"
#include "tests/support/temporary_folder.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::TemporaryFolder folder;
    static const bool made = [] {
        test::write_text(folder / "images/a.png", "only its name counts");
        test::write_text(folder / "images/b.png", "");
        return true;
    }();
    fuzz::require(made, "no folder");
    test::write_text(folder / "Data_Entry.csv", {reinterpret_cast<const char*>(data), size});
    fuzz::accept_or_refuse<InputError>([&] {
        const auto dataset = open_dataset("nih:" + folder.path());
        std::int64_t samples = 0;
        for (const Split split : kSplits)
            for (const Sample& sample : dataset->samples(split)) {
                fuzz::require(sample.file == folder / "images/a.png" || sample.file == folder / "images/b.png",
                              "a sample of no image");
                ++samples;
            }
        fuzz::require(samples >= 1, "no samples");
    });
    return 0;
}
