#include "data/sources/image_finder.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "data/formats/csv.h"
#include "data/formats/image_format.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::size_t kMostFolders = 32;  // that a name is tried without
constexpr const char* kWithoutFolders = "without their first folders";

/// What stands before the ending, in lower case.
std::string stem_of(std::string_view name) {
    const std::size_t dot = name.rfind('.');
    return lower_case(dot == std::string_view::npos || dot == 0 ? name : name.substr(0, dot));
}

/// Whether what is named without an ending, or with another one, may be meant by it: not the report beside the image.
bool may_be_image(const std::string& name) {
    const std::size_t dot = name.rfind('.');
    const std::string ending = dot == std::string::npos ? "" : lower_case(name.substr(dot));
    return !name.starts_with('.') &&
           (has_image_extension(name) || ending.empty() || ending == ".dcm" || ending == ".dicom");
}

/// Forward slashes alone, no "./" before and no doubled ones.
std::string tidy(std::string_view name) {
    std::string path;
    for (char c : trimmed(name)) {
        if (c == '\\') c = '/';
        if (c == '/' && path.ends_with('/')) continue;
        path += c;
    }
    while (path.starts_with("./")) path.erase(0, 2);
    return path;
}

/// Where the name begins without its first `count` folders; npos where it has no more.
std::size_t begin_without(const std::string& name, std::size_t count) {
    std::size_t at = 0;
    for (; count > 0; --count) {
        at = name.find('/', at);
        if (at == std::string::npos) return at;
        ++at;
    }
    return at;
}

}  // namespace

ImageFinder::ImageFinder(std::vector<std::string> roots) : roots_(std::move(roots)) {}

ImageFinder::Folder& ImageFinder::folder(const std::string& path) {
    const auto [entry, fresh] = folders_.try_emplace(path);
    Folder& listed = entry->second;
    if (!fresh) return listed;
    if (const PathKind kind = kind_of_path(path); kind != PathKind::folder && kind != PathKind::refused) return listed;
    for (FolderEntry& file : list_folder(path))
        if (file.kind != PathKind::folder) listed.names.push_back(std::move(file.name));
    return listed;
}

ImageFinder::Match ImageFinder::find_in(const std::string& directory, const std::string& base) {
    Folder& listed = folder(directory);
    if (std::ranges::binary_search(listed.names, base)) return {directory + "/" + base};
    if (listed.names.empty()) return {};
    if (!listed.variants) {
        listed.variants = std::make_unique<Variants>();
        for (std::size_t i = 0; i < listed.names.size(); ++i) {
            const std::string& name = listed.names[i];
            listed.variants->lower.emplace(lower_case(name), i);
            if (may_be_image(name)) listed.variants->stem.emplace(stem_of(name), i);
        }
    }
    const auto look = [&](const auto& names, const std::string& key, const char* how) {
        const auto found = names.find(key);
        return found == names.end() ? Match{} : Match{directory + "/" + listed.names[found->second], how};
    };
    Match match = look(listed.variants->lower, lower_case(base), "in another case");
    for (const std::string& stem : {lower_case(base), stem_of(base)})
        if (match.file.empty()) match = look(listed.variants->stem, stem, "by what stands before the ending");
    return match;
}

ImageFinder::Match ImageFinder::find_below(const std::string& root, const std::string& rest) {
    const std::size_t slash = rest.rfind('/');
    if (slash == std::string::npos) return find_in(root, rest);
    if (root.empty() && slash == 0) return find_in("/", rest.substr(1));
    // Tables name the folder of their set first, which is seldom there: asked once, not for each of its folders.
    const std::string top = root + "/" + rest.substr(0, rest.find('/', root.empty() ? 1 : 0));
    const auto [known, fresh] = tops_.try_emplace(top, false);
    if (fresh) known->second = is_folder(top);
    if (!known->second) return {};
    return find_in(root.empty() ? rest.substr(0, slash) : root + "/" + rest.substr(0, slash), rest.substr(slash + 1));
}

std::string ImageFinder::note(const Match& match, const std::string& name, std::size_t stripped) {
    const auto count = [&](const char* how) {
        Example& example = changes_[how];
        if (example.count++ == 0) example.text = fmt::format("{} is {}", excerpt(name), match.file);
    };
    if (match.how != nullptr) count(match.how);
    if (stripped > 0) count(kWithoutFolders);
    ++used_[match.file];
    return match.file;
}

std::string ImageFinder::find(const std::string& name) {
    const std::string path = tidy(name);
    if (path.empty() || path.ends_with('/')) return "";
    if (path.starts_with('/'))
        if (const Match match = find_below("", path); !match.file.empty()) return note(match, name, 0);
    const auto attempt = [&](std::size_t root, std::size_t stripped) {
        const std::size_t begin = begin_without(path, stripped);
        return begin == std::string::npos ? Match{} : find_below(roots_[root], path.substr(begin));
    };
    for (std::size_t stripped = 0; stripped < kMostFolders; ++stripped) {
        if (begin_without(path, stripped) == std::string::npos) break;
        for (std::size_t root = 0; root < roots_.size(); ++root) {
            const Match match = attempt(root, stripped);
            if (!match.file.empty()) return note(match, name, stripped);
        }
    }
    return "";
}

std::vector<Remark> ImageFinder::remarks() const {
    std::vector<Remark> remarks;
    for (const auto& [how, example] : changes_)
        remarks.push_back(
            {false, fmt::format("{} names of the table are found {}: {}", example.count, how, example.text)});
    std::int64_t shared = 0;
    std::string first;
    for (const auto& [file, count] : used_) {
        if (count < 2) continue;
        ++shared;
        if (first.empty() || file < first) first = file;
    }
    if (shared > 0)
        remarks.push_back(
            {true, fmt::format("{} images are those of several rows, as {} is of {}", shared, first, used_.at(first))});
    return remarks;
}

std::vector<std::string> ImageFinder::unused() {
    std::vector<std::string> names;
    std::set<std::string> seen;
    for (const std::string& root : roots_)
        for (const std::string& name : folder(root).names)
            if (has_image_extension(name) && seen.insert(name).second && !used_.contains(root + "/" + name))
                names.push_back(name);
    std::ranges::sort(names);
    return names;
}

}  // namespace keel
