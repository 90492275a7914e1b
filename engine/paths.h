// What lies where: questions to the file system that tell "it is not there" from "the storage does not answer".
// std::filesystem's own calls throw what nobody expects, or take any error for "not there".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace keel {

enum class PathKind {
    none,  ///< nothing, or a link that leads nowhere
    file,  ///< a regular file
    folder,
    other,   ///< a pipe, a device, ...
    refused  ///< not to be seen: permissions, a loop of links, ...; opening it says why
};

/// Returns what a path leads to, links followed. Throws StorageError where the storage does not answer.
PathKind kind_of_path(const std::filesystem::path& path);

/// True unless there is nothing by that name; a link that leads nowhere is something.
bool is_taken(const std::filesystem::path& path);

inline bool is_folder(const std::filesystem::path& path) { return kind_of_path(path) == PathKind::folder; }
inline bool is_file(const std::filesystem::path& path) { return kind_of_path(path) == PathKind::file; }
/// True where there is something to open; it may be refused.
inline bool is_there(const std::filesystem::path& path) { return kind_of_path(path) != PathKind::none; }

struct FolderEntry {
    std::string name{};
    PathKind kind = PathKind::none;  ///< what it leads to
    bool link = false;
};

/// Returns what is in a folder, by name, without . and .. Throws IoError where it cannot be listed to its end.
std::vector<FolderEntry> list_folder(const std::filesystem::path& folder);

/// Makes a folder and those above it. Throws IoError.
void make_folders(const std::filesystem::path& folder);

/// Removes a file, a link or an empty folder; one that is not there is as good. Throws IoError.
void remove_path(const std::filesystem::path& path);

}  // namespace keel
