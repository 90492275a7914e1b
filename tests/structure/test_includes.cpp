// The tree is the table of contents: includes run one way, and the convolution library stays behind its wall.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace {

namespace fs = std::filesystem;

/// What each folder may include, beside the standard library and its dependencies.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"kernels", {"kernels"}},
    {"engine", {"kernels", "engine"}},
    {"graph", {"kernels", "engine", "graph"}},
    {"models", {"kernels", "engine", "graph", "models"}},
    {"data", {"kernels", "engine", "data"}},
    {"distributed", {"kernels", "engine", "distributed"}},
    {"embed", {"kernels", "engine", "graph", "models", "data", "embed"}},
    {"train", {"kernels", "engine", "graph", "models", "data", "distributed", "embed", "train"}},
    {"runs", {"kernels", "engine", "graph", "models", "data", "distributed", "embed", "train", "runs"}},
    {"cli", {"kernels", "engine", "graph", "models", "data", "distributed", "embed", "train", "runs", "cli"}},
    {"bench", {"kernels", "engine", "graph", "models", "data", "distributed", "bench"}},
};

/// The path that a line includes, empty if it includes none.
std::string included_path(const std::string& line) {
    const auto skip = [&](std::size_t from) { return line.find_first_not_of(" \t", from); };
    const std::size_t hash = skip(0);
    if (hash == std::string::npos || line[hash] != '#') return "";
    const std::size_t word = skip(hash + 1);
    if (word == std::string::npos || line.compare(word, 7, "include") != 0) return "";
    const std::size_t open = line.find_first_of("\"<", word);
    if (open == std::string::npos) return "";
    const std::size_t close = line.find_first_of("\">", open + 1);
    return close == std::string::npos ? "" : line.substr(open + 1, close - open - 1);
}

/// What is wrong with this line of `file` (a path from the root), empty if nothing is.
std::string violation(const std::string& file, const std::string& line) {
    const std::string path = included_path(line);
    if (path.empty()) return "";
    const std::string folder = file.substr(0, file.find('/')), target = path.substr(0, path.find('/'));
    if (path.find("..") != std::string::npos) return file + " includes " + path + ", which is not written from the root";
    if ((target == "tests" || kMayInclude.contains(target)) && path.find('/') != std::string::npos &&
        !kMayInclude.at(folder).contains(target))
        return file + " includes " + path +
               ", against the one way kernels <- engine <- graph <- {models, data, distributed} <- embed <- train <- runs <- cli";
    if (path.find("dnnl") != std::string::npos && !file.starts_with("kernels/onednn/"))
        return file + " includes " + path + ", which only kernels/onednn may";
    return "";
}

}  // namespace

TEST_CASE("includes run one way", "[structure]") {
    const fs::path root = KEEL_SOURCE_DIR;
    std::size_t includes = 0;
    for (const auto& [folder, allowed] : kMayInclude) {
        if (!fs::exists(root / folder)) continue;
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            const std::string extension = entry.path().extension().string();
            if (extension != ".h" && extension != ".cpp") continue;
            std::ifstream stream(entry.path());
            for (std::string line; std::getline(stream, line);) {
                if (!included_path(line).empty()) ++includes;
                CHECK(violation(fs::relative(entry.path(), root).string(), line) == "");
            }
        }
    }
    CHECK(includes > 100);  // the walk found the tree
}

TEST_CASE("the check of includes finds what it should", "[structure]") {
    CHECK(violation("engine/x.cpp", "#include \"kernels/cpu.h\"") == "");
    CHECK(violation("engine/x.cpp", "#include <vector>") == "");
    CHECK(violation("cli/x.cpp", "#include \"data/pipeline/loader.h\"") == "");
    CHECK(violation("kernels/onednn/x.cpp", "#include <dnnl.hpp>") == "");
    CHECK(violation("kernels/x.cpp", "// as \"engine/tensor.h\" does") == "");
    CHECK(violation("kernels/x.cpp", "#include \"engine/tensor.h\"") != "");
    CHECK(violation("kernels/x.cpp", "  #  include \"engine/tensor.h\"  // why") != "");
    CHECK(violation("engine/x.cpp", "#include \"models/registry.h\"") != "");
    CHECK(violation("models/x.cpp", "#include \"data/pipeline/loader.h\"") != "");
    CHECK(violation("data/x.cpp", "#include \"models/registry.h\"") != "");
    CHECK(violation("data/x.cpp", "#include \"distributed/ring.h\"") != "");
    CHECK(violation("data/x.cpp", "#include \"train/option.h\"") != "");
    CHECK(violation("models/x.cpp", "#include \"embed/keel.h\"") != "");
    CHECK(violation("embed/x.cpp", "#include \"cli/output.h\"") != "");
    CHECK(violation("engine/x.cpp", "#include \"tests/support/catch.h\"") != "");
    CHECK(violation("engine/x.cpp", "#include \"../kernels/cpu.h\"") != "");
    CHECK(violation("engine/x.cpp", "#include <dnnl.hpp>") != "");
    CHECK(violation("kernels/conv/x.cpp", "#include <oneapi/dnnl/dnnl.hpp>") != "");
}
