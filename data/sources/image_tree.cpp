#include "data/sources/image_tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "data/formats/image_format.h"
#include "data/sources/sources.h"
#include "engine/files.h"
#include "engine/paths.h"
#include "engine/patience.h"
#include "engine/system_error.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

namespace fs = std::filesystem;

/// What Windows, macOS and network storage leave in folders, in lower case; names with a dot in front are theirs, too.
constexpr std::string_view kLeftBySystems[] = {
    "__macosx",   "thumbs.db",  "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information",
    "lost+found", "__pycache__"};

/// Endings of files that hold no images for sure, and DICOMDIR, a directory of images that lie elsewhere.
constexpr std::string_view kTexts[] = {"txt", "csv",  "tsv", "json", "jsonl", "xml", "md",  "rst",     "html",  "htm",
                                       "pdf", "yaml", "yml", "toml", "ini",   "cfg", "py",  "ipynb",   "m",     "r",
                                       "sh",  "log",  "xls", "xlsx", "docx",  "doc", "lst", "license", "readme"};

/// Returns what follows a name's last dot, in lower case; nothing where it is no ending, as the numbers of
/// "1.2.840.113619" and of "IM000001" are none.
std::string ending_of(std::string_view name) {
    name.remove_prefix(std::min(name.size(), name.rfind('/') + 1));
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return "";
    const std::string ending = lower_case(name.substr(dot + 1));
    return ending.find_first_not_of("0123456789") == std::string::npos ? "" : ending;
}

bool is_text(std::string_view name) {
    const std::string ending = ending_of(name), lower = lower_case(name.substr(name.rfind('/') + 1));
    return std::ranges::find(kTexts, ending.empty() ? std::string_view(lower) : ending) != std::end(kTexts) ||
           lower == "dicomdir";
}

/// Whether a file begins as an image does.
bool begins_as_image(const std::string& path) {
    constexpr std::uint64_t kHead = 512;
    try {
        const InputFile file(path);
        std::vector<std::uint8_t> head(std::min(kHead, file.size()));
        file.read(0, std::as_writable_bytes(std::span(head)));
        return find_image_format(head) != nullptr;
    } catch (const StorageError&) {
        throw;
    } catch (const Error&) {
        return false;  // a pipe, or nothing that can be read
    }
}

class Walk {
public:
    explicit Walk(std::string root) : root_(std::move(root)) {}

    ImageTree run(bool deep) {
        enter("", deep);
        for (auto* names :
             {&tree_.images, &tree_.others, &tree_.texts, &tree_.hidden, &tree_.runs, &tree_.again, &tree_.dangling})
            std::ranges::sort(*names);
        return std::move(tree_);
    }

private:
    std::string path_of(const std::string& inside) const { return inside.empty() ? root_ : root_ + "/" + inside; }

    /// False for a folder that was entered before.
    bool is_new(const std::string& path) {
        struct stat status {};
        patiently([&] {
            if (::stat(path.c_str(), &status) != 0) throw_system_error("[data] cannot list " + path, errno);
        });
        return entered_.emplace(status.st_dev, status.st_ino).second;
    }

    /// `inside` is the folder's path within the root.
    void enter(const std::string& inside, bool deep) {
        const std::string path = path_of(inside);
        if (!is_new(path)) return tree_.again.push_back(inside);
        std::vector<std::string> folders;
        for (const FolderEntry& entry : list_folder(path)) {  // of two ways to one folder the first by name is taken
            const std::string here = inside.empty() ? entry.name : inside + "/" + entry.name;
            if (is_hidden_name(entry.name))
                tree_.hidden.push_back(here);
            else if (entry.kind != PathKind::folder)
                add_file(here, entry.link && entry.kind == PathKind::none, !inside.empty());
            else if (deep)
                folders.push_back(here);
        }
        for (const std::string& folder : folders) {
            if (holds_training_run(path_of(folder)))
                tree_.runs.push_back(folder);
            else
                enter(folder, deep);
        }
    }

    void add_file(const std::string& name, bool dangling, bool nested) {
        const bool image = has_image_extension(name.substr(name.rfind('/') + 1)) ||
                           (ending_of(name).empty() && !is_text(name) && begins_as_image(path_of(name)));
        if (image) {
            tree_.images.push_back(name);
            tree_.nested += nested ? 1 : 0;
            if (dangling) tree_.dangling.push_back(name);
        } else {
            (is_text(name) ? tree_.texts : tree_.others).push_back(name);
        }
    }

    std::string root_;
    ImageTree tree_;
    std::set<std::pair<dev_t, ino_t>> entered_;
};

}  // namespace

bool is_hidden_name(std::string_view name) {
    return name.starts_with('.') || std::ranges::find(kLeftBySystems, lower_case(name)) != std::end(kLeftBySystems);
}

bool leads_back(const std::string& folder, const std::string& root) {
    std::error_code error;
    const std::string to = fs::canonical(folder, error).string(), from = fs::canonical(root, error).string();
    return !error && (from == to || from.starts_with(to.ends_with('/') ? to : to + "/"));
}

bool holds_training_run(const std::string& folder) {
    return is_there(folder + "/config.toml") &&
           (is_there(folder + "/metrics.csv") || is_there(folder + "/checkpoints"));
}

void ImageTree::add(const ImageTree& found, const std::string& folder) {
    for (const auto member : {&ImageTree::images, &ImageTree::others, &ImageTree::texts, &ImageTree::hidden,
                              &ImageTree::runs, &ImageTree::again, &ImageTree::dangling})
        for (const std::string& name : found.*member) (this->*member).push_back(folder + "/" + name);
    nested += found.nested;
}

ImageTree find_images(const std::string& folder) { return Walk(folder).run(true); }

ImageTree find_own_images(const std::string& folder) { return Walk(folder).run(false); }

std::string endings_text(const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 6;
    std::map<std::string, std::int64_t> counts;
    for (const std::string& name : names) ++counts[ending_of(name)];
    std::vector<std::pair<std::string, std::int64_t>> kinds(counts.begin(), counts.end());
    std::ranges::stable_sort(kinds, std::greater<>{}, [](const auto& kind) { return kind.second; });
    std::string text;
    for (std::size_t i = 0; i < std::min(kShown, kinds.size()); ++i)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kinds[i].second,
                            kinds[i].first.empty() ? "without ending" : "." + excerpt(kinds[i].first));
    if (kinds.size() > kShown) text += fmt::format(" and {} more endings", kinds.size() - kShown);
    return text;
}

std::vector<Remark> remarks_on(const ImageTree& tree) {
    std::vector<Remark> remarks;
    const auto add = [&](bool warning, const std::vector<std::string>& names, const std::string& what) {
        if (!names.empty()) remarks.push_back({warning, fmt::format("{} {}: {}", names.size(), what, some_of(names))});
    };
    add(true, tree.others,
        fmt::format("files are ignored, for they are not images of a format that this program reads ({})",
                    endings_text(tree.others)));
    add(true, tree.dangling, "images are links that lead nowhere");
    add(true, tree.again, "links to folders that were entered already are ignored");
    add(true, tree.runs, "folders hold a run of keel train and are ignored");
    if (tree.nested > 0)
        remarks.push_back(
            {false, fmt::format("{} images lie in folders within their class's and are used", tree.nested)});
    add(false, tree.texts, fmt::format("texts and tables are ignored ({})", endings_text(tree.texts)));
    add(false, tree.hidden, "hidden files and folders are ignored");
    return remarks;
}

}  // namespace keel
