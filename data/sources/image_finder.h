// Where the images are that a table names: tables come with paths of somebody else's disk.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// Finds files by the names that a table gives them. A folder is listed once, when it is first asked for.
class ImageFinder {
public:
    /// Names are relative to the folders `roots`; of two that hold the same name the first is taken.
    explicit ImageFinder(std::vector<std::string> roots);

    /// Returns the file of that name, or an empty text. It is looked for, in this order and in all roots: as it is,
    /// then without its first folder, its first two, ..., and in each of these folders by its name, by its name in
    /// another case, and by what stands before the ending (`a.dcm` or `a` for a.png).
    std::string find(const std::string& name);

    /// Returns what find() did beside looking names up, and how many files are those of several names.
    std::vector<Remark> remarks() const;

    /// Returns the names of the images in the roots themselves that find() never returned, sorted.
    std::vector<std::string> unused();

private:
    /// What a name may also be, into Folder::names.
    struct Variants {
        std::unordered_map<std::string, std::size_t> lower, stem;
    };
    struct Folder {
        std::vector<std::string> names;      ///< sorted
        std::unique_ptr<Variants> variants;  ///< none before a name is not found as it is
    };
    struct Match {
        std::string file;
        const char* how = nullptr;  ///< what was done to the name; null: nothing
    };
    /// How often something was done, and once.
    struct Example {
        std::int64_t count = 0;
        std::string text;
    };

    Folder& folder(const std::string& path);
    Match find_in(const std::string& directory, const std::string& base);
    Match find_below(const std::string& root, const std::string& rest);
    std::string note(const Match& match, const std::string& name, std::size_t stripped);

    std::vector<std::string> roots_;
    std::unordered_map<std::string, Folder> folders_;
    std::unordered_map<std::string, bool> tops_;          ///< whether the first folders of names are there
    std::unordered_map<std::string, std::int64_t> used_;  ///< how often each file was returned
    std::map<std::string, Example> changes_;
};

}  // namespace keel
