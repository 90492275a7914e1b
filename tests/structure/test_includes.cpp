// The tree is the table of contents: includes run one way, no folders include one another in a ring, and
// some libraries stay behind walls.
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <utility>
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
    {"tune", {"kernels", "engine", "graph", "models", "data", "distributed", "embed", "train", "runs", "tune"}},
    {"serve", {"kernels", "engine", "graph", "models", "data", "embed", "serve"}},
    {"cli",
     {"kernels", "engine", "graph", "models", "data", "distributed", "embed", "train", "runs", "tune", "serve", "cli"}},
    {"bench", {"kernels", "engine", "graph", "models", "data", "distributed", "bench"}},
    {"python", {}},  // what is installed alone, as <keel/...>
};

/// What the names of libraries' headers hold, and where the files begin that alone include them; a library's parts have
/// walls of their own.
const std::vector<std::pair<std::string, std::string>> kWalls = {
    {"dnnl", "kernels/onednn/"},
    {"dcmtk/dcmjpeg/", "data/formats/dicom/codecs/"},
    {"dcmtk/dcmnet/", "serve/dicom/net/"},
    {"dcmtk/dcmdata/", "serve/dicom/net/"},
    {"charls/", "data/formats/dicom/codecs/"},
    {"openjpeg.h", "data/formats/dicom/codecs/"},
    {"tiffio", "data/formats/tiff"},
    {"webp/", "data/formats/webp"},
    {"gif_lib", "data/formats/gif"},
    {"pybind11", "python/src/"},
    {"boost/", "serve/http/"},
    {"openssl/", "serve/http/"},
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
    if (path.find("..") != std::string::npos)
        return file + " includes " + path + ", which is not written from the root";
    if ((target == "tests" || kMayInclude.contains(target)) && path.find('/') != std::string::npos &&
        !kMayInclude.at(folder).contains(target))
        return file + " includes " + path +
               ", against the one way kernels <- engine <- graph <- {models, data, distributed} <- embed <- train <- "
               "runs <- {tune, serve} <- cli";
    for (const auto& [library, wall] : kWalls)
        if (path.find(library) != std::string::npos && !file.starts_with(wall))
            return file + " includes " + path + ", which only " + wall + " may";
    return "";
}

/// Calls each(file as a path from the root, line) for every line of C++ below a folder.
template <class Each>
void for_lines(const std::string& folder, Each each) {
    const fs::path root = KEEL_SOURCE_DIR;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
        const std::string extension = entry.path().extension().string();
        if (extension != ".h" && extension != ".cpp") continue;
        std::ifstream stream(entry.path());
        for (std::string line; std::getline(stream, line);) each(fs::relative(entry.path(), root).string(), line);
    }
}

std::string folder_of(const std::string& file) { return fs::path(file).parent_path().string(); }

/// Which folders include which others, and a line that does so: by folder, then by folder included.
using FolderGraph = std::map<std::string, std::map<std::string, std::string>>;

void add_include(FolderGraph& graph, const std::string& file, const std::string& line) {
    const std::string path = included_path(line), from = folder_of(file), to = folder_of(path);
    if (line.find('"') == std::string::npos || to.empty() || from == to) return;
    graph[from].emplace(to, file + " includes " + path);
}

/// The includes of a ring through `folder`, one after the other; empty if there is none.
std::vector<std::string> ring_through(const FolderGraph& graph, const std::string& folder) {
    std::map<std::string, std::string> came_from;  // breadth first, so that the ring is a shortest one
    std::vector<std::string> queue{folder};
    for (std::size_t i = 0; i < queue.size(); ++i) {
        const auto found = graph.find(queue[i]);
        if (found == graph.end()) continue;
        for (const auto& [to, include] : found->second) {
            if (!came_from.emplace(to, queue[i]).second) continue;
            queue.push_back(to);
        }
    }
    std::vector<std::string> ring;
    if (!came_from.contains(folder)) return ring;
    std::string to = folder;
    do {
        const std::string from = came_from.at(to);
        ring.insert(ring.begin(), graph.at(from).at(to));
        to = from;
    } while (to != folder);
    return ring;
}

FolderGraph graph_of(std::initializer_list<std::pair<const char*, const char*>> includes) {
    FolderGraph graph;
    for (const auto& [file, included] : includes)
        add_include(graph, file, std::string("#include \"") + included + "\"");
    return graph;
}

}  // namespace

TEST_CASE("includes run one way", "[structure]") {
    std::size_t includes = 0;
    for (const auto& [folder, allowed] : kMayInclude) {
        if (!fs::exists(fs::path(KEEL_SOURCE_DIR) / folder)) continue;
        for_lines(folder, [&](const std::string& file, const std::string& line) {
            if (!included_path(line).empty()) ++includes;
            CHECK(violation(file, line) == "");
        });
    }
    CHECK(includes > 100);  // the walk found the tree
}

TEST_CASE("no folders include one another in a ring", "[structure]") {
    FolderGraph graph;
    for (const auto& entry : fs::directory_iterator(KEEL_SOURCE_DIR)) {
        const std::string folder = entry.path().filename().string();
        if (!entry.is_directory() || folder.front() == '.' || folder.starts_with("build")) continue;
        for_lines(folder, [&](const std::string& file, const std::string& line) { add_include(graph, file, line); });
    }
    CHECK(graph.size() > 20);
    for (const auto& [folder, included] : graph) CHECK(ring_through(graph, folder) == std::vector<std::string>{});
}

TEST_CASE("the check of rings finds them", "[structure]") {
    using Ring = std::vector<std::string>;
    const FolderGraph line = graph_of({{"kernels/igemm/a.h", "kernels/conv/c.h"},
                                       {"kernels/routing/r.cpp", "kernels/igemm/a.h"},
                                       {"kernels/routing/r.cpp", "kernels/conv/c.h"},
                                       {"kernels/conv/c.h", "kernels/error.h"},
                                       {"kernels/conv/c.cpp", "kernels/conv/c.h"}});
    for (const auto& [folder, included] : line) CHECK(ring_through(line, folder) == Ring{});

    const FolderGraph two =
        graph_of({{"kernels/conv/c.cpp", "kernels/igemm/a.h"}, {"kernels/igemm/a.h", "kernels/conv/c.h"}});
    CHECK(ring_through(two, "kernels/conv") ==
          Ring{"kernels/conv/c.cpp includes kernels/igemm/a.h", "kernels/igemm/a.h includes kernels/conv/c.h"});

    const FolderGraph three =
        graph_of({{"a/x.h", "b/y.h"}, {"b/y.h", "c/z.h"}, {"c/z.h", "a/x.h"}, {"d/w.h", "a/x.h"}});
    CHECK(ring_through(three, "a").size() == 3);
    CHECK(ring_through(three, "c").size() == 3);
    CHECK(ring_through(three, "d").empty());  // it leads to a ring and is not of it

    const FolderGraph within = graph_of({{"engine/e.cpp", "engine/ops/o.h"}, {"engine/ops/o.h", "engine/e.h"}});
    CHECK(ring_through(within, "engine").size() == 2);
}

TEST_CASE("the check of includes finds what it should", "[structure]") {
    CHECK(violation("engine/x.cpp", "#include \"kernels/cpu.h\"") == "");
    CHECK(violation("engine/x.cpp", "#include <vector>") == "");
    CHECK(violation("cli/x.cpp", "#include \"data/loader.h\"") == "");
    CHECK(violation("kernels/onednn/x.cpp", "#include <dnnl.hpp>") == "");
    CHECK(violation("kernels/x.cpp", "// as \"engine/tensor.h\" does") == "");
    CHECK(violation("kernels/x.cpp", "#include \"engine/tensor.h\"") != "");
    CHECK(violation("kernels/x.cpp", "  #  include \"engine/tensor.h\"  // why") != "");
    CHECK(violation("engine/x.cpp", "#include \"models/registry.h\"") != "");
    CHECK(violation("models/x.cpp", "#include \"data/loader.h\"") != "");
    CHECK(violation("data/x.cpp", "#include \"models/registry.h\"") != "");
    CHECK(violation("data/x.cpp", "#include \"distributed/ring.h\"") != "");
    CHECK(violation("data/x.cpp", "#include \"cli/options.h\"") != "");
    CHECK(violation("models/x.cpp", "#include \"embed/keel.h\"") != "");
    CHECK(violation("embed/x.cpp", "#include \"cli/output.h\"") != "");
    CHECK(violation("engine/x.cpp", "#include \"tests/support/catch.h\"") != "");
    CHECK(violation("engine/x.cpp", "#include \"../kernels/cpu.h\"") != "");
    CHECK(violation("data/formats/dicom/codecs/x.cpp", "#include <dcmtk/dcmjpeg/djdijg8.h>") == "");
    CHECK(violation("data/formats/dicom/x.cpp", "#include <dcmtk/dcmjpeg/djdijg8.h>") != "");
    CHECK(violation("engine/x.cpp", "#include <dnnl.hpp>") != "");
    CHECK(violation("kernels/conv/x.cpp", "#include <oneapi/dnnl/dnnl.hpp>") != "");
}
