// Questions to the file system have one place, engine/paths.h: std::filesystem's own throw what nobody expects, or take
// a storage that does not answer for "not there".
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace {

namespace fs = std::filesystem;

/// Calls that throw std::filesystem_error: those that no std::error_code is given to.
bool throws_file_error(const std::string& line) {
    static const std::regex call(
        "(fs|filesystem)::(exists|is_directory|is_regular_file|file_size|is_empty|create_director(y|ies)|remove|"
        "remove_all|rename|copy|copy_file|canonical|resize_file|last_write_time)\\(([^()]|\\([^()]*\\))*\\)");
    static const std::regex told("(error|ignored|refused|failed|none|status)\\)$"), lists("directory_iterator");
    if (std::regex_search(line, lists)) return true;
    std::smatch found;
    return std::regex_search(line, found, call) && !std::regex_search(found.str(), told);
}

std::vector<std::string> throwing_calls() {
    std::vector<std::string> found;
    const fs::path root = KEEL_SOURCE_DIR;
    for (const char* room : {"engine", "graph", "data", "embed", "train", "runs", "tune", "serve", "cli"})
        for (const auto& file : fs::recursive_directory_iterator(root / room)) {
            std::ifstream lines(file.path());
            if (!file.is_regular_file()) continue;
            for (std::string line; std::getline(lines, line);)
                if (throws_file_error(line)) found.push_back(file.path().string() + ": " + line);
        }
    return found;
}

}  // namespace

TEST_CASE("no room asks the file system by calls that throw other errors than Keel's", "[structure]") {
    for (const std::string& line : throwing_calls()) FAIL_CHECK(line);
}

TEST_CASE("the check of such calls finds them", "[structure]") {
    CHECK(throws_file_error("if (fs::exists(path / file)) return;"));
    CHECK(throws_file_error("std::filesystem::create_directories(folder_.parent_path());"));
    CHECK(throws_file_error("for (const auto& entry : fs::directory_iterator(folder, error))"));
    CHECK_FALSE(throws_file_error("fs::create_directories(folder, error);"));
    CHECK_FALSE(throws_file_error("if (is_there(path)) return;"));
}
