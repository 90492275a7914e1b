// The headers that programs include (cmake/public_headers.txt): whole, in the package, described, and clean for
// compilers that warn of more than Keel's own builds do.
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/embed/install/installed.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel::test;

namespace {

namespace fs = std::filesystem;

bool of_distributed(const std::string& header) { return header.starts_with("distributed/mpi/"); }

bool of_component(const std::string& header) { return of_distributed(header) || header.starts_with("tune/"); }

/// The list, without the headers of a component that this package lacks.
std::vector<std::string> public_headers() {
    std::istringstream lines(read_text(KEEL_SOURCE_DIR "/cmake/public_headers.txt"));
    std::vector<std::string> headers;
    for (std::string line; std::getline(lines, line);)
        if (!line.empty() && line[0] != '#' && (has_distributed() || !of_distributed(line))) headers.push_back(line);
    return headers;
}

/// Compiles each header as a program of its own that includes it twice; returns the messages.
std::string compiled_alone(const std::string& compiler, const std::vector<std::string>& headers) {
    const TemporaryFolder folder;
    std::string list;
    for (const std::string& header : headers) list += header + "\n";
    write_text(folder / "list", list);
    write_text(folder / "compile",
               "printf '#include <keel/%s>\\n#include <keel/%s>\\n' \"$1\" \"$1\" | " + compiler +
                   " -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror -x c++ -I '" +
                   prefix() + "/include' -\n");
    return shell("xargs -P 2 -I '{}' sh '" + (folder / "compile") + "' '{}' <'" + (folder / "list") + "'").output;
}

}  // namespace

TEST_CASE("All public headers compile together, without a warning", "[install]") {
    CHECK(compiled_alone("'" KEEL_CXX_COMPILER "'", {"keel.hpp", "keel.h", "tune/tune.h", "tune/fit/fit.h"}) == "");
}

TEST_CASE("Each public header compiles alone, without a warning", "[install][slow]") {
    CHECK(compiled_alone("'" KEEL_CXX_COMPILER "'", public_headers()) == "");
}

TEST_CASE("Each public header compiles alone with Clang, without a warning", "[install][slow]") {
    if (!shell("clang++-14 --version").good) {
        WARN("skipped: clang++-14 is not installed");
        return;
    }
    std::vector<std::string> headers = public_headers();
    headers.insert(headers.end(), {"keel.hpp", "keel.h"});
    CHECK(compiled_alone("clang++-14", headers) == "");
}

TEST_CASE("The C header is C", "[install]") {
    output_of("echo '#include <keel/keel.h>' | '" KEEL_C_COMPILER
              "' -std=c99 -fsyntax-only -Wall -Wextra -Wconversion -pedantic -Werror -x c -I '" +
              prefix() + "/include' -");
}

TEST_CASE("Installed headers include one another as keel/..., and nothing of other libraries", "[install]") {
    std::size_t headers = 0;
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
    CHECK(headers > public_headers().size());
}

TEST_CASE("keel.hpp includes every public header but those of components", "[install]") {
    const std::string all = read_text(prefix() + "/include/keel/keel.hpp");
    for (const std::string& header : public_headers()) {
        INFO(header);
        CHECK(fs::exists(prefix() + "/include/keel/" + header));
        CHECK((all.find("\"keel/" + header + "\"") != std::string::npos) == !of_component(header));
    }
}

TEST_CASE("docs/api.md has a row for each public header, and no other", "[install]") {
    std::set<std::string> listed, described;
    std::istringstream lines(read_text(KEEL_SOURCE_DIR "/cmake/public_headers.txt"));
    for (std::string line; std::getline(lines, line);)
        if (!line.empty() && line[0] != '#') listed.insert(line);
    std::istringstream rows(read_text(KEEL_SOURCE_DIR "/docs/api.md"));
    for (std::string row; std::getline(rows, row);)
        if (row.starts_with("| `") && row.find(".h` |") != std::string::npos)
            described.insert(row.substr(3, row.find('`', 3) - 3));
    CHECK(described == listed);
}
