// Includes inside of data/ run one way: formats <- pipeline <- sources <- {phantom, inspect}; all may include its top,
// which includes none of them.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "tests/support/catch.h"

namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"", {""}},
    {"formats", {"", "formats"}},
    {"pipeline", {"", "formats", "pipeline"}},
    {"sources", {"", "formats", "pipeline", "sources"}},
    {"phantom", {"", "formats", "pipeline", "sources", "phantom"}},
    {"inspect", {"", "formats", "pipeline", "sources", "inspect"}},
};

/// The folder of a path below data/, "" for its top.
std::string folder_of(const std::string& path) {
    const std::size_t slash = path.find('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

}  // namespace

TEST_CASE("includes inside of data/ run one way", "[structure]") {
    const fs::path root = fs::path(KEEL_SOURCE_DIR) / "data";
    const std::string prefix = "#include \"data/";
    std::size_t includes = 0;
    std::set<std::string> folders;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        if (!entry.is_regular_file()) continue;
        const std::string file = fs::relative(entry.path(), root).string(), folder = folder_of(file);
        folders.insert(folder);
        REQUIRE(kMayInclude.contains(folder));
        std::ifstream stream(entry.path());
        for (std::string line; std::getline(stream, line);) {
            if (!line.starts_with(prefix)) continue;
            const std::string target = folder_of(line.substr(prefix.size(), line.rfind('"') - prefix.size()));
            INFO("data/" << file << ": " << line);
            CHECK(kMayInclude.at(folder).contains(target));
            ++includes;
        }
    }
    CHECK(includes > 50);
    CHECK(folders.size() == kMayInclude.size());
}
