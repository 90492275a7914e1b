// The images of a folder and of the folders within it, and what else lies there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// What lies in a folder and below: paths within it, sorted.
struct ImageTree {
    std::vector<std::string> images;    ///< files whose names end as an image's do; of names without an ending, those
                                        ///< that begin as an image does
    std::vector<std::string> others;    ///< files that may hold something, but are no images by their names
    std::vector<std::string> texts;     ///< tables, notes, programs
    std::vector<std::string> hidden;    ///< what systems leave: names that begin with a dot, __MACOSX, Thumbs.db, ...
    std::vector<std::string> runs;      ///< folders that hold a run of `keel train`; not entered
    std::vector<std::string> again;     ///< links to folders that were entered already
    std::vector<std::string> dangling;  ///< of the images, links that lead nowhere
    std::int64_t nested = 0;            ///< images that lie in folders within the folder

    /// Adds what was found in the folder `folder` of this one.
    void add(const ImageTree& found, const std::string& folder);
};

/// Looks through a folder and those within it. Links are followed; each folder is entered once. Throws IoError where a
/// folder cannot be read.
ImageTree find_images(const std::string& folder);

/// Returns the files of a folder alone, without those within it. Throws IoError.
ImageTree find_own_images(const std::string& folder);

/// Whether a folder is a link to the folder `root` that it lies in, or to one above that.
bool leads_back(const std::string& folder, const std::string& root);

/// Whether a name is one that systems leave behind: ".ipynb_checkpoints", "._a.png", "__MACOSX", "Thumbs.db".
bool is_hidden_name(std::string_view name);

/// Whether a folder holds a run of `keel train`.
bool holds_training_run(const std::string& folder);

/// Returns the names' endings, the most frequent first: "12 .tif, 3 .webp and 2 without ending".
std::string endings_text(const std::vector<std::string>& names);

/// Returns what to say of all that was found, but of the images: what is not used and why.
std::vector<Remark> remarks_on(const ImageTree& tree);

}  // namespace keel
