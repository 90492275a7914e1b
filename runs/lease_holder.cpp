#include "runs/lease_holder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <system_error>

#include "engine/files.h"
#include "engine/json.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace fs = std::filesystem;
namespace {

/// The contents of a file of /proc; empty where it cannot be read.
std::string proc_text(const fs::path& file) {
    try {
        return read_file(file, 1 << 16);
    } catch (const Error&) {
        return "";
    }
}

std::string first_word(const std::string& text) {
    std::istringstream in(text);
    std::string word;
    in >> word;
    return word;
}

struct ProcessStat {
    char state = '?';
    std::int64_t start = 0;
};

/// The line of /proc/N/stat: its second field is a name in brackets, which may hold spaces and brackets itself.
ProcessStat stat_of(const std::string& line) {
    const std::size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) return {};
    std::istringstream fields(line.substr(name_end + 1));
    ProcessStat stat;
    fields >> stat.state;
    constexpr int kStartField = 22, kFirstField = 4;
    std::string skipped;
    for (int field = kFirstField; field < kStartField; ++field) fields >> skipped;
    if (!(fields >> stat.start)) stat.start = 0;
    return stat;
}

std::string draw_token() {
    std::array<std::uint64_t, 2> bits{};
    if (::getrandom(bits.data(), sizeof bits, GRND_NONBLOCK) != sizeof bits) {
        bits[0] = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
        bits[1] = static_cast<std::uint64_t>(::getpid());
    }
    return fmt::format("{:016x}{:016x}", bits[0], bits[1]);
}

/// The batch system's name of the job, for people.
std::string job_name() {
    for (const char* variable : {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"})
        if (const char* text = std::getenv(variable)) return excerpt(text);
    return "";
}

}  // namespace

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", parts);
}

LeaseHolder make_holder(const fs::path& proc) {
    LeaseHolder me;
    me.token = draw_token();
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) == 0) me.host = excerpt(host.data());
    me.boot = excerpt(first_word(proc_text(proc / "sys/kernel/random/boot_id")));
    std::error_code error;
    me.pid_namespace = fs::read_symlink(proc / "self/ns/pid", error).string();
    me.process = ::getpid();
    me.process_start = stat_of(proc_text(proc / "self/stat")).start;
    me.job = job_name();
    me.since = me.renewed = utc_now();
    return me;
}

std::string lease_text(const LeaseHolder& holder) {
    std::string text = valid_json_text({{"token", holder.token},
                                        {"host", holder.host},
                                        {"boot", holder.boot},
                                        {"pid_namespace", holder.pid_namespace},
                                        {"process", holder.process},
                                        {"process_start", holder.process_start},
                                        {"job", holder.job},
                                        {"locked", holder.locked},
                                        {"since", holder.since},
                                        {"renewed", holder.renewed},
                                        {"renewals", holder.renewals}});
    text.resize(kLeaseBytes - 1, ' ');
    return text + "\n";
}

std::optional<LeaseHolder> read_lease_text(std::string_view text) {
    const Json json = try_parse_json(text);
    if (!json.is_object()) return std::nullopt;
    LeaseHolder holder;
    bool good = true;
    const auto take_text = [&](const char* key, std::string& into) {
        if (good = good && json.contains(key) && json[key].is_string(); good)
            if (const auto word = json[key].get<std::string>(); !word.empty()) into = excerpt(word);
    };
    const auto take_number = [&](const char* key, std::int64_t& into) {
        if (good = good && json.contains(key) && json[key].is_number_integer(); good)
            into = json[key].get<std::int64_t>();
    };
    take_text("token", holder.token);
    take_text("host", holder.host);
    take_text("boot", holder.boot);
    take_text("pid_namespace", holder.pid_namespace);
    take_number("process", holder.process);
    take_number("process_start", holder.process_start);
    take_text("job", holder.job);
    take_text("since", holder.since);
    take_text("renewed", holder.renewed);
    take_number("renewals", holder.renewals);
    holder.locked = json.contains("locked") && json["locked"].is_boolean() && json["locked"].get<bool>();
    if (!good || holder.token.empty()) return std::nullopt;
    return holder;
}

std::string name_of(const LeaseHolder& holder) {
    return fmt::format("process {} on {}{}, since {}", holder.process, holder.host.empty() ? "a machine" : holder.host,
                       holder.job.empty() ? "" : fmt::format(" (job {})", holder.job), holder.since);
}

HolderState state_of(const LeaseHolder& holder, const LeaseHolder& me, bool lock_proves, const fs::path& proc) {
    const bool same_machine = !holder.boot.empty() && holder.boot == me.boot;
    if (!same_machine) return HolderState::unknown;
    if (lock_proves && holder.locked) return HolderState::ended;
    const bool same_numbers = !holder.pid_namespace.empty() && holder.pid_namespace == me.pid_namespace;
    if (!same_numbers || holder.process <= 0) return HolderState::unknown;
    const std::string line = proc_text(proc / std::to_string(holder.process) / "stat");
    if (line.empty()) {
        // /proc may hide the processes of other users.
        const bool gone = ::kill(static_cast<pid_t>(holder.process), 0) != 0 && errno == ESRCH;
        return gone ? HolderState::ended : HolderState::unknown;
    }
    const ProcessStat stat = stat_of(line);
    const bool dead = stat.state == 'Z' || stat.state == 'X' || stat.start != holder.process_start;
    return dead ? HolderState::ended : HolderState::lives;
}

}  // namespace keel
