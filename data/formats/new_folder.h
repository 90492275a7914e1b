// A folder of many files that has its name only once it is complete.
#pragma once

#include <filesystem>
#include <string>

namespace keel {

/// What is written, for messages and for what may be replaced.
struct FolderKind {
    const char* who;     ///< begins messages: "synth"
    const char* what;    ///< "phantom set"
    const char* marker;  ///< the file that every such folder holds
};

/// Written beside its place, as NAME.partial (of a process that was killed it stays, until the next one). Without a
/// commit the destructor removes it, and the place keeps what it had.
class NewFolder {
public:
    /// Throws UsageError if something is at `directory` that may not be replaced: anything but an empty folder without
    /// `force`, with it anything that does not hold the marker. IoError where the system refuses.
    NewFolder(const std::string& directory, const FolderKind& kind, bool force);
    ~NewFolder();
    NewFolder(const NewFolder&) = delete;
    NewFolder& operator=(const NewFolder&) = delete;

    const std::filesystem::path& path() const { return partial_; }
    /// Makes all of it durable and gives it its name. Throws IoError; a folder that was to be replaced is then back.
    void commit();

private:
    std::filesystem::path target_, partial_;
    bool committed_ = false;
};

}  // namespace keel
