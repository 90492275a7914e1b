// Who may write to a run's folder, on file systems that several machines see: their locks of folders are often each
// machine's own (NFS has none for folders), so that a file says it, made exclusively and renewed as a sign of life.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "kernels/error.h"
#include "runs/lease_holder.h"

namespace keel {

struct LeaseOptions {
    std::chrono::milliseconds renew{5000};
    /// Without a sign of life for so long a holder that cannot be looked at is given up. More than the minute for which
    /// a client of NFS may believe what it saw last.
    std::chrono::milliseconds silence{90'000};
    std::chrono::milliseconds poll{500};            ///< between two looks at a holder's file
    std::function<bool()> give_up{};                ///< asked while it waits: true ends that by LeaseGivenUp
    std::function<void(const std::string&)> say{};  ///< is told what takes long or fails, on either thread
};

/// The wait for a lease was given up.
struct LeaseGivenUp : Error {
    using Error::Error;
};

class RunLease {
public:
    /// Locks the folder, where the file system can, and makes its lease. Where there is a lease already: takes it over
    /// if its holder has ended, or has given no sign of life for `silence` (only seconds that went by here count:
    /// clocks of machines differ). Throws UsageError if the holder lives, IoError where the folder takes no file.
    explicit RunLease(std::filesystem::path folder, LeaseOptions options = {});
    /// Gives it back, unless somebody else has it.
    ~RunLease();
    RunLease(const RunLease&) = delete;
    RunLease& operator=(const RunLease&) = delete;

    /// Whom it was taken from and why, a sentence; empty: from nobody.
    const std::string& taken_over() const { return taken_over_; }

    /// From now on what takes long or fails is told to `say`.
    void tell(std::function<void(const std::string&)> say);

    /// Returns whether it is known that somebody else has the lease now.
    bool lost() const;

    /// Called before something is written that must not be two processes': reads the file. Throws UsageError if
    /// somebody else has taken the lease, IoError if the file cannot be read and has not been for long.
    void require();

    static std::filesystem::path file_of(const std::filesystem::path& folder) { return folder / "writer.lease"; }

private:
    using Clock = std::chrono::steady_clock;

    void lock_folder();
    void take();
    /// Makes the file, with what it says, where there is none; false where there is one.
    bool create();
    /// Replaces a file that still says what was `seen`; false where it does not.
    bool replace(const std::string& seen);
    /// Waits until the holder may be taken for gone; false where the file changed hands or went meanwhile. Throws
    /// UsageError at its sign of life.
    bool outlasts(const std::string& seen, const std::optional<LeaseHolder>& holder);
    [[noreturn]] void refuse(const std::optional<LeaseHolder>& holder) const;
    void keep_renewing();
    void renew();
    /// Reads the file and notes whose it is; makes it anew where it is gone. Throws IoError where it cannot be read.
    void look();
    void say(const std::string& text) const;

    std::filesystem::path folder_, file_;
    LeaseOptions options_;
    LeaseHolder me_;
    std::string taken_over_;
    int lock_ = -1;
    bool lock_proves_ = false;

    std::mutex disk_;           // held while the file is looked at; guards what follows up to the next one
    int own_ = -1;              // the file, as this one made it
    Clock::time_point seen_{};  // when it was read, and this one's

    mutable std::mutex state_;
    std::condition_variable changed_;
    bool over_ = false;
    std::string lost_to_;
    std::thread thread_;
};

}  // namespace keel
