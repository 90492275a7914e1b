#include "tests/embed/install/installed.h"

#include <cstdlib>
#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace keel::test {
namespace fs = std::filesystem;

ShellResult shell(const std::string& command) {
    const TemporaryFolder folder;
    ShellResult result;
    result.good = std::system(("(" + command + ") >'" + (folder / "out") + "' 2>&1").c_str()) == 0;
    result.output = read_text(folder / "out");
    return result;
}

std::string output_of(const std::string& command) {
    const ShellResult result = shell(command);
    INFO(command << "\n" << result.output);
    REQUIRE(result.good);
    return result.output;
}

const std::string& prefix() {
    static const TemporaryFolder folder;
    static const std::string moved = [] {
        output_of("cmake --install '" KEEL_BUILD_DIR "' --prefix '" + (folder / "first") + "'");
        fs::rename(folder / "first", folder / "second");
        return folder / "second";
    }();
    return moved;
}

std::string library_folder() {
    for (const auto& entry : fs::recursive_directory_iterator(prefix()))
        if (entry.path().filename() == "libkeel.a") return entry.path().parent_path();
    FAIL("no libkeel.a was installed");
    return "";
}

bool has_distributed() { return fs::exists(library_folder() + "/libkeel_distributed.a"); }

std::string configure_command() {
    return "cmake -G Ninja -DCMAKE_C_COMPILER='" KEEL_C_COMPILER "' -DCMAKE_CXX_COMPILER='" KEEL_CXX_COMPILER "' ";
}

}  // namespace keel::test
