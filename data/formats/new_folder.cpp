#include "data/formats/new_folder.h"

#include <system_error>

#include <fmt/core.h>

#include "engine/files.h"
#include "engine/paths.h"
#include "engine/patience.h"
#include "engine/system_error.h"
#include "kernels/error.h"

namespace keel {
namespace {

namespace fs = std::filesystem;

void check_target(const std::string& directory, const FolderKind& kind, bool force) {
    if (!is_there(directory)) return;
    if (!is_folder(directory)) throw UsageError(fmt::format("[{}] {} is not a folder", kind.who, directory));
    if (list_folder(directory).empty()) return;
    if (!force)
        throw UsageError(fmt::format("[{}] {} is not empty; --force replaces a {}", kind.who, directory, kind.what));
    if (!is_there(fs::path(directory) / kind.marker))
        throw UsageError(
            fmt::format("[{}] {} has no {}: only a {} is replaced", kind.who, directory, kind.marker, kind.what));
}

void remove_tree(const fs::path& folder) {
    patiently([&] {
        std::error_code error;
        fs::remove_all(folder, error);
        if (error) throw_system_error("[files] cannot remove " + folder.string(), error.value());
    });
}

}  // namespace

NewFolder::NewFolder(const std::string& directory, const FolderKind& kind, bool force) {
    if (directory.empty()) throw UsageError(fmt::format("[{}] the directory has no name", kind.who));
    check_target(directory, kind, force);
    const fs::path absolute = fs::absolute(directory).lexically_normal();
    target_ = absolute.has_filename() ? absolute : absolute.parent_path();
    partial_ = target_.string() + ".partial";
    remove_tree(partial_);
    make_folders(partial_);
}

NewFolder::~NewFolder() {
    std::error_code ignored;
    if (!committed_) fs::remove_all(partial_, ignored);
}

void NewFolder::commit() {
    const fs::path old = target_.string() + ".replaced";
    const bool replaces = is_there(target_);
    if (replaces) {
        remove_tree(old);
        std::error_code error;
        fs::rename(target_, old, error);
        if (error) throw_system_error("[files] cannot rename " + target_.string(), error.value());
    }
    try {
        rename_folder(partial_, target_);
    } catch (...) {
        std::error_code ignored;
        if (replaces) fs::rename(old, target_, ignored);
        throw;
    }
    committed_ = true;
    std::error_code ignored;  // what stays of the old folder goes with the next replacement
    if (replaces) fs::remove_all(old, ignored);
}

}  // namespace keel
