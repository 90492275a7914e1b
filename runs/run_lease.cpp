#include "runs/run_lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "engine/patience.h"
#include "engine/system_error.h"
#include "kernels/error.h"
#include "kernels/topology.h"

namespace keel {
namespace fs = std::filesystem;
namespace {

constexpr int kRounds = 100;  // of a lease that changes hands again and again

[[noreturn]] void fail(const char* what, const fs::path& file) {
    const int code = errno;
    throw_system_error(fmt::format("[run] cannot {} {}", what, file.string()), code);
}

/// The contents of a lease's file; none where there is none. Throws IoError.
std::optional<std::string> contents_of(const fs::path& file) {
    int descriptor = -1;
    // A name that another machine gave to another file is stale once.
    for (int tries = 0; tries < 3 && descriptor < 0 && (tries == 0 || errno == ESTALE); ++tries)
        descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 && errno == ENOENT) return std::nullopt;
    if (descriptor < 0) fail("open", file);
    std::array<char, 4 * kLeaseBytes> bytes{};
    const ssize_t got = ::pread(descriptor, bytes.data(), bytes.size(), 0);
    const int error = errno;
    ::close(descriptor);
    errno = error;
    if (got < 0) fail("read", file);
    return std::string(bytes.data(), static_cast<std::size_t>(got));
}

/// A file opened to be written, with `text` in it on the disk. Returns -1, with the reason in errno, where that fails.
int written(const fs::path& file, int flags, const std::string& text) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0666);
    if (descriptor < 0) return -1;
    errno = ENOSPC;  // what a part of it means
    if (::pwrite(descriptor, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
        (::fsync(descriptor) == 0 || errno == EINVAL))
        return descriptor;
    const int error = errno;
    ::close(descriptor);
    if ((flags & O_EXCL) != 0) ::unlink(file.c_str());
    errno = error;
    return -1;
}

/// Whether all processes of a machine see the locks of a file system of this kind.
bool is_local(int descriptor) {
    struct statfs status {};
    if (::fstatfs(descriptor, &status) != 0) return false;
    constexpr std::uint32_t kLocal[] = {0xEF53,       // ext2, ext3, ext4
                                        0x58465342,   // XFS
                                        0x9123683E,   // Btrfs
                                        0xF2F52010,   // F2FS
                                        0x2FC12FC1,   // ZFS
                                        0x01021994};  // tmpfs
    return std::ranges::find(kLocal, static_cast<std::uint32_t>(status.f_type)) != std::end(kLocal);
}

bool has_no_links(int error) {
    return error == EPERM || error == EOPNOTSUPP || error == ENOSYS || error == EMLINK || error == EACCES;
}

}  // namespace

RunLease::RunLease(fs::path folder, LeaseOptions options)
    : folder_(std::move(folder)), file_(file_of(folder_)), options_(std::move(options)), me_(make_holder()) {
    try {
        lock_folder();
        patiently([&] { take(); });
    } catch (...) {
        if (own_ >= 0) ::close(own_);
        if (lock_ >= 0) ::close(lock_);
        throw;
    }
    seen_ = Clock::now();
    thread_ = std::thread([this] { keep_renewing(); });
}

RunLease::~RunLease() {
    {
        const std::lock_guard lock(state_);
        over_ = true;
    }
    changed_.notify_all();
    thread_.join();
    try {
        look();
        if (!lost()) ::unlink(file_.c_str());
    } catch (const Error&) {  // who comes next finds that this process has ended
    }
    if (own_ >= 0) ::close(own_);
    if (lock_ >= 0) ::close(lock_);
}

void RunLease::lock_folder() {
    lock_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // File systems that cannot lock a folder report other errors than that it is locked.
    me_.locked = lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) == 0;
    if (lock_ >= 0 && !me_.locked && errno == EWOULDBLOCK) {
        const auto text = contents_of(file_);
        refuse(text ? read_lease_text(*text) : std::nullopt);
    }
    lock_proves_ = me_.locked && is_local(lock_);
}

void RunLease::refuse(const std::optional<LeaseHolder>& holder) const {
    throw UsageError(fmt::format("[run] another process is writing to the run in {}{}", folder_.string(),
                                 holder ? ": " + name_of(*holder) : ""));
}

void RunLease::take() {
    for (int round = 0; round < kRounds; ++round) {
        if (create()) return;
        const std::optional<std::string> seen = contents_of(file_);
        if (!seen) continue;  // given back in this moment
        const std::optional<LeaseHolder> holder = read_lease_text(*seen);
        if (own_ >= 0 && holder && holder->token == me_.token) return;  // taken, but the storage did not say so
        const HolderState state = holder ? state_of(*holder, me_, lock_proves_) : HolderState::unknown;
        if (state == HolderState::lives) refuse(holder);
        if (state == HolderState::unknown && !outlasts(*seen, holder)) continue;
        if (!replace(*seen)) continue;
        taken_over_ = fmt::format(
            "[run] {} was left by {}, {}: this run takes it over", folder_.string(),
            holder ? name_of(*holder) : "a process that nothing is known of",
            state == HolderState::ended
                ? "which has ended"
                : fmt::format("which gave no sign of life for {} s; should it live, it ends before it writes",
                              std::chrono::duration_cast<std::chrono::seconds>(options_.silence).count()));
        return;
    }
    throw IoError(fmt::format("[run] {} changes hands all the time", file_.string()));
}

bool RunLease::create() {
    fs::path temporary = file_;
    temporary += fmt::format(".tmp{}-{}", me_.process, me_.token.substr(0, 16));
    const int made = written(temporary, O_TRUNC, lease_text(me_));
    if (made < 0) fail("create", temporary);
    // A link is made exclusively on any version of NFS. Its answer may be lost, and the second one says that the name
    // is taken: the file itself tells.
    const bool linked = ::link(temporary.c_str(), file_.c_str()) == 0;
    const int error = errno;
    struct stat status {};
    const bool is_own = linked || (::fstat(made, &status) == 0 && status.st_nlink == 2);
    ::unlink(temporary.c_str());
    if (is_own) {
        if (own_ >= 0) ::close(own_);
        own_ = made;
        return true;
    }
    ::close(made);
    errno = error;
    if (error == EEXIST) return false;
    if (!has_no_links(error)) fail("create", file_);
    const int exclusive = written(file_, O_EXCL, lease_text(me_));
    if (exclusive < 0 && errno == EEXIST) return false;
    if (exclusive < 0) fail("create", file_);
    if (own_ >= 0) ::close(own_);
    own_ = exclusive;
    return true;
}

bool RunLease::outlasts(const std::string& seen, const std::optional<LeaseHolder>& holder) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.silence).count();
    say(fmt::format("[run] {} says that {} writes to this run: looking for a sign of life of it for {} s",
                    file_.string(), holder ? name_of(*holder) : "a process", seconds));
    const auto until = Clock::now() + options_.silence;
    while (Clock::now() < until) {
        if (options_.give_up && options_.give_up())
            throw LeaseGivenUp(fmt::format("[run] stopped while it waited for the run in {}", folder_.string()));
        std::this_thread::sleep_for(options_.poll);
        std::optional<std::string> now;
        try {
            now = contents_of(file_);
        } catch (const IoError&) {
            continue;
        }
        if (!now) return false;
        if (*now == seen) continue;
        if (const auto living = read_lease_text(*now)) refuse(living);  // else it is half written
    }
    return true;
}

bool RunLease::replace(const std::string& seen) {
    fs::path temporary = file_;
    temporary += fmt::format(".tmp{}-{}", me_.process, me_.token.substr(0, 16));
    const int made = written(temporary, O_TRUNC, lease_text(me_));
    if (made < 0) fail("create", temporary);
    if (contents_of(file_) != seen) {
        ::unlink(temporary.c_str());
        ::close(made);
        return false;
    }
    if (::rename(temporary.c_str(), file_.c_str()) != 0) {
        const int error = errno;
        ::unlink(temporary.c_str());
        ::close(made);
        errno = error;
        fail("replace", file_);
    }
    own_ = made;
    if (lock_proves_) return true;  // nobody else is here
    // Of two that replaced it in the same moment the later one has it.
    std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(options_.renew, std::chrono::seconds(1)));
    const std::optional<std::string> now = contents_of(file_);
    const std::optional<LeaseHolder> holder = now ? read_lease_text(*now) : std::nullopt;
    if (!holder || holder->token != me_.token) refuse(holder);
    return true;
}

void RunLease::keep_renewing() {
    use_process_cpus();
    bool failing = false;
    std::unique_lock lock(state_);
    while (!changed_.wait_for(lock, options_.renew, [this] { return over_; })) {
        lock.unlock();
        try {
            renew();
            if (std::exchange(failing, false)) say(fmt::format("[run] {} is renewed again", file_.string()));
        } catch (const std::exception& error) {
            if (!std::exchange(failing, true))
                say(fmt::format("{}: without this sign of life another process may take the run over after {} s",
                                error.what(),
                                std::chrono::duration_cast<std::chrono::seconds>(options_.silence).count()));
        }
        lock.lock();
        if (!lost_to_.empty()) return;
    }
}

void RunLease::renew() {
    look();
    if (lost()) return;
    const std::lock_guard lock(disk_);
    me_.renewed = utc_now();
    ++me_.renewals;
    const std::string text = lease_text(me_);
    // In place: a full disk takes it, and a file that another process has put there instead stays as it is.
    if (::pwrite(own_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) && ::fdatasync(own_) == 0)
        return;
    const int error = errno;
    if (error == ESTALE)  // looked at again by its name the next time
        if (const int again = ::open(file_.c_str(), O_RDWR | O_CLOEXEC); again >= 0)
            ::close(std::exchange(own_, again));
    errno = error;
    fail("renew", file_);
}

void RunLease::look() {
    const std::lock_guard lock(disk_);
    const std::optional<std::string> now = contents_of(file_);
    if (!now) {
        // Somebody tidied up: the run goes on, and its folder with it.
        std::error_code refused;
        fs::create_directories(folder_, refused);
        if (create()) seen_ = Clock::now();
        return;
    }
    const std::optional<LeaseHolder> holder = read_lease_text(*now);
    if (holder && holder->token == me_.token) {
        seen_ = Clock::now();
    } else if (holder) {
        const std::lock_guard state(state_);
        lost_to_ = name_of(*holder);
    } else {
        struct stat named {
        }, own{};
        const bool is_own = ::stat(file_.c_str(), &named) == 0 && ::fstat(own_, &own) == 0 &&
                            named.st_ino == own.st_ino && named.st_dev == own.st_dev;
        if (!is_own) throw IoError(fmt::format("[run] {} is no lease", file_.string()));
    }
}

bool RunLease::lost() const {
    const std::lock_guard lock(state_);
    return !lost_to_.empty();
}

void RunLease::require() {
    try {
        if (!lost()) look();
    } catch (const IoError&) {
        const std::lock_guard lock(disk_);
        if (Clock::now() - seen_ > options_.silence / 2) throw;
    }
    const std::lock_guard lock(state_);
    if (!lost_to_.empty())
        throw UsageError(
            fmt::format("[run] the run in {} was taken over by {}, while this process gave no sign of life: it ends "
                        "here and writes nothing more",
                        folder_.string(), lost_to_));
}

void RunLease::tell(std::function<void(const std::string&)> say) {
    const std::lock_guard lock(state_);
    options_.say = std::move(say);
}

void RunLease::say(const std::string& text) const {
    std::unique_lock lock(state_);
    const auto say = options_.say;
    lock.unlock();
    if (say) say(text);
}

}  // namespace keel
