#include "data/sources/split_folders.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "data/sources/image_tree.h"
#include "data/sources/sources.h"
#include "engine/text.h"

namespace keel {
namespace {

constexpr std::pair<std::string_view, Split> kSplitWords[] = {
    {"train", Split::train}, {"training", Split::train}, {"trn", Split::train},    {"val", Split::val},
    {"valid", Split::val},   {"validation", Split::val}, {"validate", Split::val}, {"validating", Split::val},
    {"dev", Split::val},     {"test", Split::test},      {"testing", Split::test}, {"tst", Split::test},
};
constexpr std::string_view kEndings[] = {"set", "data", "images", "imgs", "split", "folder"};

/// The spellings that Keel writes itself: they go before others of the same split.
bool is_own_spelling(const std::string& name) {
    return name == "train" || name == "val" || name == "valid" || name == "test";
}

bool has_folders(const std::string& path) { return !list_directories(path).empty(); }

}  // namespace

std::optional<Split> split_of_folder(std::string_view name) {
    std::string word;
    for (const char c : lower_case(name))
        if (c != '_' && c != '-' && c != ' ' && c != '.') word += c;
    for (const std::string_view ending : kEndings)
        if (word.ends_with(ending)) word.resize(word.size() - ending.size());
    const auto* found = std::ranges::find(kSplitWords, word, [](const auto& entry) { return entry.first; });
    return found == std::end(kSplitWords) ? std::nullopt : std::optional(found->second);
}

SplitFolders find_split_folders(const std::string& path) {
    SplitFolders folders;
    for (const std::string& name : list_directories(path)) {
        if (const auto split = split_of_folder(name))
            folders.names[static_cast<std::size_t>(*split)].push_back(name);
        else
            folders.others.push_back(name);
    }
    for (auto& names : folders.names) std::stable_partition(names.begin(), names.end(), is_own_spelling);
    const auto& train = folders.of(Split::train);
    // A class may be called train, beside others; then there are images in it and no folders.
    folders.divided =
        folders.others.empty()
            ? !train.empty() || !folders.of(Split::val).empty() || !folders.of(Split::test).empty()
            : std::ranges::any_of(train, [&](const std::string& name) { return has_folders(path + "/" + name); });
    return folders;
}

}  // namespace keel
