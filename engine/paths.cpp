#include "engine/paths.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>

#include "engine/patience.h"
#include "engine/system_error.h"

namespace keel {
namespace fs = std::filesystem;
namespace {

PathKind kind_of_mode(mode_t mode) {
    if (S_ISREG(mode)) return PathKind::file;
    return S_ISDIR(mode) ? PathKind::folder : PathKind::other;
}

/// What a failed call says of the path, unless the storage is to blame.
PathKind kind_without_answer(const fs::path& path, int code) {
    const SystemFault fault = fault_of(code);
    if (fault == SystemFault::passing) throw_system_error("[files] cannot examine " + path.string(), code);
    return fault == SystemFault::absent ? PathKind::none : PathKind::refused;
}

struct CloseFolder {
    void operator()(DIR* folder) const { ::closedir(folder); }
};

/// What the listing itself says of an entry saves a question about each of a hundred thousand.
FolderEntry entry_of(const fs::path& folder, const dirent& entry) {
    FolderEntry of_entry{entry.d_name, PathKind::none, entry.d_type == DT_LNK};
    if (entry.d_type == DT_UNKNOWN) {
        struct stat own {};
        const fs::path path = folder / of_entry.name;
        if (::lstat(path.c_str(), &own) != 0)
            of_entry.kind = kind_without_answer(path, errno);
        else
            of_entry.link = S_ISLNK(own.st_mode);
    }
    if (entry.d_type == DT_REG)
        of_entry.kind = PathKind::file;
    else if (entry.d_type == DT_DIR)
        of_entry.kind = PathKind::folder;
    else
        of_entry.kind = kind_of_path(folder / of_entry.name);
    return of_entry;
}

/// Returns the next entry; null at the end, and where errno says why not. A long listing is not begun again for an
/// interruption.
const dirent* next_entry(DIR* folder) {
    for (int left = 3;; --left) {
        errno = 0;
        const dirent* const entry = ::readdir(folder);
        if (entry != nullptr || errno == 0 || fault_of(errno) != SystemFault::passing || left == 1) return entry;
    }
}

std::vector<FolderEntry> list_once(const fs::path& folder) {
    const auto fail = [&](int code) { throw_system_error("[files] cannot list " + folder.string(), code); };
    const std::unique_ptr<DIR, CloseFolder> open(::opendir(folder.c_str()));
    if (!open) fail(errno);
    std::vector<FolderEntry> entries;
    for (;;) {
        const dirent* const entry = next_entry(open.get());
        if (entry == nullptr && errno != 0) fail(errno);
        if (entry == nullptr) break;
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") entries.push_back(entry_of(folder, *entry));
    }
    std::ranges::sort(entries, {}, &FolderEntry::name);
    return entries;
}

/// Returns 0 or errno. std::filesystem's own takes a parent that the storage does not answer about for one that is not
/// there, and says so.
int make_once(const fs::path& folder) {
    if (::mkdir(folder.c_str(), 0777) == 0) return 0;
    const int code = errno;
    if (code == ENOENT && folder.has_parent_path() && folder.parent_path() != folder) {
        if (const int above = make_once(folder.parent_path()); above != 0) return above;
        return ::mkdir(folder.c_str(), 0777) == 0 || errno == EEXIST ? 0 : errno;
    }
    // A file system that is read only says so before it says that there is the folder already.
    struct stat status {};
    if (::stat(folder.c_str(), &status) == 0) return S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
    return fault_of(errno) == SystemFault::passing ? errno : code;
}

}  // namespace

PathKind kind_of_path(const fs::path& path) {
    return patiently([&] {
        struct stat status {};
        return ::stat(path.c_str(), &status) == 0 ? kind_of_mode(status.st_mode) : kind_without_answer(path, errno);
    });
}

bool is_taken(const fs::path& path) {
    return patiently([&] {
        struct stat status {};
        return ::lstat(path.c_str(), &status) == 0 || kind_without_answer(path, errno) != PathKind::none;
    });
}

std::vector<FolderEntry> list_folder(const fs::path& folder) {
    return patiently([&] { return list_once(folder); });
}

void make_folders(const fs::path& folder) {
    patiently([&] {
        if (const int code = make_once(folder); code != 0)
            throw_system_error("[files] cannot make the folder " + folder.string(), code);
    });
}

void remove_path(const fs::path& path) {
    patiently([&] {
        if (std::remove(path.c_str()) != 0 && fault_of(errno) != SystemFault::absent)
            throw_system_error("[files] cannot remove " + path.string(), errno);
    });
}

}  // namespace keel
