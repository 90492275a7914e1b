// What the installed package holds, and what it says where something is missing.
#include <filesystem>
#include <sstream>
#include <string>

#include "tests/embed/install/installed.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel::test;

namespace {

namespace fs = std::filesystem;

/// A project whose CMakeLists.txt is `text`, configured against the package in `package`.
ShellResult configure(const std::string& text, const std::string& package) {
    const TemporaryFolder project;
    write_text(project / "CMakeLists.txt", "cmake_minimum_required(VERSION 3.25)\n" + text);
    return shell(configure_command() + "-S " + project.path() + " -B " + (project / "build") +
                 " -DCMAKE_PREFIX_PATH=" + package);
}

/// The strong names that an archive defines, one a line: "TYPE NAME".
std::string defined_names(const std::string& archive) {
    std::istringstream lines(output_of("nm --defined-only --extern-only " + library_folder() + "/" + archive));
    std::string names;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string address, type, name;
        if ((words >> address >> type >> name) && std::string("TDBRGSC").find(type) != std::string::npos)
            names += name + "\n";
    }
    return names;
}

}  // namespace

TEST_CASE("A project of C alone is told what it lacks", "[install]") {
    const ShellResult result = configure("project(c LANGUAGES C)\nfind_package(keel REQUIRED)\n", prefix());
    CHECK_FALSE(result.good);
    CHECK_THAT(result.output, contains("LANGUAGES C CXX"));
}

TEST_CASE("A package without MPI says so to those who want its ranks, and serves the others", "[install]") {
    const TemporaryFolder folder;
    fs::copy(prefix(), folder / "keel", fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(folder / "keel"))
        if (entry.path().filename().string().starts_with("keelDistributedTargets")) fs::remove(entry.path());
    const ShellResult refused =
        configure("project(x LANGUAGES CXX)\nfind_package(keel REQUIRED COMPONENTS distributed)\n", folder / "keel");
    CHECK_FALSE(refused.good);
    CHECK_THAT(refused.output, contains("built without MPI"));
    const ShellResult optional = configure(
        "project(x LANGUAGES CXX)\nfind_package(keel REQUIRED OPTIONAL_COMPONENTS distributed)\n"
        "if(TARGET keel::distributed OR keel_distributed_FOUND OR NOT TARGET keel::keel)\n"
        "  message(FATAL_ERROR \"wrong\")\nendif()\n",
        folder / "keel");
    INFO(optional.output);
    CHECK(optional.good);
}

TEST_CASE("A component that is there is told, together with others or alone", "[install]") {
    const ShellResult result = configure(
        "project(x LANGUAGES CXX)\nfind_package(keel REQUIRED)\n"
        "if(TARGET keel::tune OR keel_tune_FOUND)\n  message(FATAL_ERROR \"nobody asked\")\nendif()\n"
        "find_package(keel REQUIRED COMPONENTS tune OPTIONAL_COMPONENTS distributed)\n"
        "if(NOT TARGET keel::tune OR NOT keel_tune_FOUND)\n  message(FATAL_ERROR \"wrong\")\nendif()\n",
        prefix());
    INFO(result.output);
    CHECK(result.good);
}

TEST_CASE("A component that Keel has not is refused", "[install]") {
    const ShellResult result =
        configure("project(x LANGUAGES CXX)\nfind_package(keel REQUIRED COMPONENTS serving)\n", prefix());
    CHECK_FALSE(result.good);
    CHECK_THAT(result.output, contains("no component 'serving'") && contains("distributed") && contains("'tune'"));
    // Who could do without is told as well.
    const ShellResult asked = configure(
        "project(x LANGUAGES CXX)\nfind_package(keel COMPONENTS serving)\n"
        "if(keel_FOUND OR keel_serving_FOUND OR TARGET keel::keel)\n  message(FATAL_ERROR \"wrong\")\nendif()\n",
        prefix());
    CHECK(asked.good);
    CHECK_THAT(asked.output, contains("no component 'serving'"));
    const ShellResult optional = configure(
        "project(x LANGUAGES CXX)\nfind_package(keel REQUIRED OPTIONAL_COMPONENTS serving)\n"
        "if(keel_serving_FOUND OR NOT TARGET keel::keel)\n  message(FATAL_ERROR \"wrong\")\nendif()\n",
        prefix());
    CHECK(optional.good);
    CHECK_THAT(optional.output, contains("no component 'serving'"));
}

TEST_CASE("The archives define no name that is not Keel's", "[install]") {
    // A program may bring its own stb_image, or functions of any name: strong symbols would clash.
    for (const std::string archive : {"libkeel.a", "libkeel_distributed.a", "libkeel_tune.a"}) {
        if (archive == "libkeel_distributed.a" && !has_distributed()) continue;
        std::istringstream names(defined_names(archive));
        int count = 0;
        for (std::string name; std::getline(names, name); ++count) {
            INFO(archive << ": " << name);
            CHECK((name.starts_with("keel_") || name.starts_with(".gomp_critical_user_keel_") ||
                   (name.starts_with("_Z") && name.find("4keel") != std::string::npos)));
        }
        CHECK(count > (archive == "libkeel.a" ? 100 : 3));
    }
}

TEST_CASE("A shared library that holds the archives exports the C functions and nothing else of Keel", "[install]") {
    const TemporaryFolder folder;
    // -z defs: what keel::tune leaves out of its rooms is wanted by none of what it holds.
    output_of("'" KEEL_CXX_COMPILER "' -shared -Wl,-z,defs -o " + (folder / "all.so") + " -Wl,--whole-archive " +
              library_folder() + "/libkeel_tune.a " + library_folder() +
              "/libkeel.a -Wl,--no-whole-archive $(PKG_CONFIG_PATH=" + library_folder() +
              "/pkgconfig pkg-config --static --libs keel)");
    std::istringstream lines(output_of("nm --dynamic --defined-only " + (folder / "all.so")));
    int functions = 0;
    for (std::string address, type, name; lines >> address >> type >> name; functions += name.starts_with("keel_")) {
        INFO(name);
        if (type == "T") CHECK(name.starts_with("keel_"));
        for (const char* kind : {"_ZN", "_ZNK", "_ZTIN", "_ZTSN", "_ZTVN"})
            for (const char* foreign : {"4dnnl", "8nlohmann", "3fmt", "6spdlog", "4keel"})
                CHECK_FALSE(name.starts_with(std::string(kind) + foreign));
    }
    CHECK(functions > 15);
}

TEST_CASE("Only the archive of the component distributed wants MPI", "[install]") {
    CHECK_THAT(output_of("nm --undefined-only " + library_folder() + "/libkeel.a"),
               contains("dnnl") && !contains(" MPI_") && !contains("ompi_"));
    if (has_distributed())
        CHECK_THAT(output_of("nm --undefined-only " + library_folder() + "/libkeel_distributed.a"), contains(" MPI_"));
}
