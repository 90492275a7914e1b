// Choices of kernels as --tuning keeps them, measured on this very machine.
#include "engine/conv_tuning.h"
#include "tests/fuzz/target.h"
#include "tests/support/temporary_folder.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::string frame = [] {
        const test::TemporaryFolder folder;
        save_conv_choices(folder / "none", {});
        return test::read_text(folder / "none");
    }();
    std::string text = frame;
    text.replace(text.find("[]"), 2, reinterpret_cast<const char*>(data), size);
    const fuzz::MemoryFile file({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    fuzz::accept_or_refuse<InputError>([&] { load_conv_choices(file.path()); });
    return 0;
}
