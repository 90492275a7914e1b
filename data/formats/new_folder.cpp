#include "data/formats/new_folder.h"

#include <system_error>

#include <fmt/core.h>

#include "engine/files.h"
#include "kernels/error.h"

namespace keel {
namespace {

namespace fs = std::filesystem;

void check_target(const std::string& directory, const FolderKind& kind, bool force) {
    if (!fs::exists(directory)) return;
    if (!fs::is_directory(directory)) throw UsageError(fmt::format("[{}] {} is not a folder", kind.who, directory));
    if (fs::is_empty(directory)) return;
    if (!force)
        throw UsageError(fmt::format("[{}] {} is not empty; --force replaces a {}", kind.who, directory, kind.what));
    if (!fs::exists(fs::path(directory) / kind.marker))
        throw UsageError(
            fmt::format("[{}] {} has no {}: only a {} is replaced", kind.who, directory, kind.marker, kind.what));
}

}  // namespace

NewFolder::NewFolder(const std::string& directory, const FolderKind& kind, bool force) {
    if (directory.empty()) throw UsageError(fmt::format("[{}] the directory has no name", kind.who));
    check_target(directory, kind, force);
    const fs::path absolute = fs::absolute(directory).lexically_normal();
    target_ = absolute.has_filename() ? absolute : absolute.parent_path();
    partial_ = target_.string() + ".partial";
    fs::remove_all(partial_);
    fs::create_directories(partial_);
}

NewFolder::~NewFolder() {
    std::error_code ignored;
    if (!committed_) fs::remove_all(partial_, ignored);
}

void NewFolder::commit() {
    const fs::path old = target_.string() + ".replaced";
    const bool replaces = fs::exists(target_);
    if (replaces) {
        fs::remove_all(old);
        fs::rename(target_, old);
    }
    try {
        rename_folder(partial_, target_);
    } catch (...) {
        std::error_code ignored;
        if (replaces) fs::rename(old, target_, ignored);
        throw;
    }
    committed_ = true;
    if (replaces) fs::remove_all(old);
}

}  // namespace keel
