#include "tune/search_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/descriptor.h"
#include "engine/files.h"
#include "engine/patience.h"
#include "engine/system_error.h"
#include "kernels/error.h"
#include "tune/search_line.h"

namespace keel::tune {
namespace {

constexpr std::uint64_t kStateLimit = std::uint64_t{1} << 28;  // bytes; a trial has some hundreds

[[noreturn]] void fail_at(const char* what, const std::filesystem::path& file) {
    const int code = errno;
    throw_system_error(fmt::format("[tune] cannot {} {}", what, file.string()), code);
}

}  // namespace

SearchState::SearchState(const std::filesystem::path& folder, const SearchPlan& plan, const TrainConfig& config,
                         const std::string& space_text, const std::string& space_origin, const Budget& budget)
    : file_(file_of(folder)) {
    check_plan(plan);
    facts_ = {.plan = plan,
              .config = config,
              .space_text = space_text,
              .space = read_space(space_text, space_origin, config),
              .rungs = rungs_of(plan, config),
              .budget = budget};
    const std::string text = search_line(head_object(plan, config, space_text)) + search_line(budget_object(budget));
    write_file_atomically(file_, text);
    size_ = text.size();
}

SearchState::SearchState(const std::filesystem::path& folder) : file_(file_of(folder)) {
    const std::string text = read_file(file_, kStateLimit);
    std::size_t good = 0;
    facts_ = read_facts(text, file_.string(), &good);
    size_ = good;
    cut_ = good < text.size();
}

void SearchState::append(const std::string& lines) {
    patiently([&] {
        Descriptor file(::open(file_.c_str(), O_WRONLY | O_CLOEXEC));
        if (!file) fail_at("open", file_);
        // What a power cut, or a disk that was full, left of a line.
        if (::ftruncate(file.get(), static_cast<off_t>(size_)) != 0) fail_at("cut", file_);
        if (::lseek(file.get(), static_cast<off_t>(size_), SEEK_SET) < 0) fail_at("write to", file_);
        for (std::string_view left = lines; !left.empty();) {
            const ssize_t count = ::write(file.get(), left.data(), left.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) fail_at("write to", file_);
            left.remove_prefix(static_cast<std::size_t>(count));
        }
        if ((::fsync(file.get()) != 0 && errno != EINVAL) || !file.close()) fail_at("write to", file_);
    });
    size_ += lines.size();
}

void SearchState::set_budget(const Budget& budget) {
    append(search_line(budget_object(budget)));
    facts_.budget = budget;
}

void SearchState::add_trial(const Point& point) {
    append(search_line(trial_object(static_cast<int>(facts_.points.size()), facts_.space, point)));
    facts_.points.push_back(point);
}

void SearchState::add_outcome(const Job& job, const Outcome& outcome, const Spent& spent) {
    append(search_line(outcome_object(job, outcome)) + search_line(spent_object(spent)));
    facts_.outcomes.emplace(job, outcome);
    facts_.order.push_back(job);
    facts_.spent = spent;
}

void SearchState::set_spent(const Spent& spent) {
    append(search_line(spent_object(spent)));
    facts_.spent = spent;
}

}  // namespace keel::tune
