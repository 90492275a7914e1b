// The installed package as other people's builds find it: outside the tree, by find_package, pkg-config and
// add_subdirectory.
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel::test;

namespace {

namespace fs = std::filesystem;

/// A command of the shell: whether it succeeded, and what it printed.
struct Shell {
    explicit Shell(const std::string& command) {
        const TemporaryFolder folder;
        good = std::system((command + " >" + folder.path() + "/out 2>&1").c_str()) == 0;
        output = read_text(folder / "out");
        INFO(command << "\n" << output);
        CHECK((good || allowed_to_fail()));
    }
    static bool& allowed_to_fail() {
        static bool allowed = false;
        return allowed;
    }
    bool good;
    std::string output;
};

/// Keel as `cmake --install` leaves it, then moved elsewhere: packages are built in one place and used in another.
const std::string& prefix() {
    static const TemporaryFolder folder;
    static const std::string moved = [] {
        const Shell install("cmake --install '" KEEL_BUILD_DIR "' --prefix '" + (folder / "first") + "'");
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

/// A checkpoint and images, and what `keel predict` says of them.
struct Expected {
    /// `batch`: how many of the two images the example predicts at once, and so does the program.
    explicit Expected(int batch) {
        write_small_checkpoint(folder / "model.safetensors");
        for (const std::string& image : write_sample_images(folder.path(), 2)) arguments += " " + image;
        const Shell keel(prefix() + "/bin/keel predict --quiet --json --batch-size " + std::to_string(batch) +
                         " --checkpoint" + arguments);
        const auto result = nlohmann::json::parse(keel.output);
        for (const auto& image : result.at("images"))
            for (const auto& [label, score] : image.at("scores").items())
                by_image[image.at("path")][label] = score.get<float>();
    }

    /// Runs an example and compares what it prints, to the bit.
    void check(const std::string& program) const {
        const Shell run(program + arguments);
        std::istringstream lines(run.output);
        std::string word, image;
        std::size_t scores = 0;
        while (lines >> word) {
            if (by_image.contains(word)) {
                image = word;
                continue;
            }
            REQUIRE(by_image.contains(image));
            std::string number;
            REQUIRE(lines >> number);
            CHECK(by_image.at(image).at(word) == std::strtof(number.c_str(), nullptr));
            ++scores;
        }
        CHECK(scores == 6);
    }

    TemporaryFolder folder;
    std::map<std::string, std::map<std::string, float>> by_image;
    std::string arguments = " " + (folder / "model.safetensors");
};

const std::string kConfigure =
    "cmake -G Ninja -DCMAKE_C_COMPILER='" KEEL_C_COMPILER "' -DCMAKE_CXX_COMPILER='" KEEL_CXX_COMPILER "' ";

}  // namespace

TEST_CASE("Programs find Keel by find_package and predict what keel predict does", "[install]") {
    const TemporaryFolder build;
    // Both examples in one go; each finds the package for itself.
    write_text(build / "CMakeLists.txt",
               "cmake_minimum_required(VERSION 3.25)\nproject(both LANGUAGES C CXX)\n"
               "add_subdirectory(" KEEL_SOURCE_DIR
               "/examples/embed_c c)\n"
               "add_subdirectory(" KEEL_SOURCE_DIR "/examples/embed_cpp cpp)\n");
    const Shell configure(kConfigure + "-S " + build.path() + " -B " + (build / "build") +
                          " -DCMAKE_PREFIX_PATH=" + prefix());
    REQUIRE(configure.good);
    REQUIRE(Shell("cmake --build " + (build / "build")).good);
    Expected(1).check(build / "build/c/embed_c");
    Expected(2).check(build / "build/cpp/embed_cpp");
}

TEST_CASE("Programs find Keel by pkg-config", "[install]") {
    if (std::system("pkg-config --version >/dev/null 2>&1") != 0) {
        WARN("skipped: pkg-config is not installed");
        return;
    }
    const TemporaryFolder build;
    const std::string flags =
        "$(PKG_CONFIG_PATH=" + library_folder() + "/pkgconfig pkg-config --static --cflags --libs keel)";
    const std::string examples = KEEL_SOURCE_DIR "/examples/";
    REQUIRE(Shell(KEEL_C_COMPILER " -std=c99 -Wall -Wextra -pedantic -Werror " + examples + "embed_c/main.c -o " +
                  (build / "embed_c") + " " + flags)
                .good);
    REQUIRE(Shell(KEEL_CXX_COMPILER " -std=c++20 -Wall -Wextra -Werror " + examples + "embed_cpp/main.cpp -o " +
                  (build / "embed_cpp") + " " + flags)
                .good);
    Expected(1).check(build / "embed_c");
    Expected(2).check(build / "embed_cpp");
}

TEST_CASE("Programs contain Keel by add_subdirectory", "[install][slow]") {
    for (const std::string example : {"embed_c", "embed_cpp"}) {
        const TemporaryFolder build;
        REQUIRE(Shell(kConfigure + "-S " KEEL_SOURCE_DIR "/examples/" + example + " -B " + build.path() +
                      " -DCMAKE_BUILD_TYPE=RelWithDebInfo -DKEEL_SOURCE=" KEEL_SOURCE_DIR)
                    .good);
        REQUIRE(Shell("cmake --build " + build.path()).good);
        CHECK_FALSE(fs::exists(build / "keel/cli"));
        Expected(example == "embed_c" ? 1 : 2).check(build / example);
    }
}

TEST_CASE("A project of C alone is told what it lacks", "[install]") {
    const TemporaryFolder project;
    write_text(project / "CMakeLists.txt",
               "cmake_minimum_required(VERSION 3.25)\nproject(c LANGUAGES C)\nfind_package(keel REQUIRED)\n");
    Shell::allowed_to_fail() = true;
    const Shell configure(kConfigure + "-S " + project.path() + " -B " + (project / "build") +
                          " -DCMAKE_PREFIX_PATH=" + prefix());
    Shell::allowed_to_fail() = false;
    CHECK_FALSE(configure.good);
    CHECK_THAT(configure.output, contains("LANGUAGES C CXX"));
}

TEST_CASE("Installed headers include one another as keel/..., and nothing of other libraries", "[install]") {
    int headers = 0;
    for (const auto& entry : fs::recursive_directory_iterator(prefix() + "/include")) {
        if (!entry.is_regular_file()) continue;
        ++headers;
        std::istringstream lines(read_text(entry.path()));
        for (std::string line; std::getline(lines, line);) {
            if (!line.starts_with("#include")) continue;
            INFO(entry.path() << ": " << line);
            const std::string path = line.substr(10, line.find_last_of("\">") - 10);
            if (line[9] == '"')
                CHECK(fs::exists(prefix() + "/include/" + path));
            else
                CHECK(path.find('/') == std::string::npos);  // the standard library's have none
        }
    }
    CHECK(headers > 10);
    CHECK(fs::exists(prefix() + "/include/keel/keel.h"));
}

TEST_CASE("The archive defines no name that is not Keel's", "[install]") {
    // A program may bring its own stb_image, or functions of any name: strong symbols would clash.
    const Shell nm("nm --defined-only --extern-only " + library_folder() + "/libkeel.a");
    std::istringstream lines(nm.output);
    int symbols = 0;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string address, type, name;
        if (!(words >> address >> type >> name) || std::string("TDBRGSC").find(type) == std::string::npos) continue;
        ++symbols;
        INFO(line);
        CHECK((name.starts_with("keel_") || name.starts_with(".gomp_critical_user_keel_") ||
               (name.starts_with("_Z") && name.find("4keel") != std::string::npos)));
    }
    CHECK(symbols > 100);
}
