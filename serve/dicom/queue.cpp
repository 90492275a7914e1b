#include "serve/dicom/queue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "engine/paths.h"
#include "engine/system_error.h"
#include "kernels/error.h"

namespace keel::dicom_node {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kToken = 32, kNumber = 12;

/// NUMBER-TOKEN and what follows it, of a file's name as this queue makes them.
struct QueueName {
    std::uint64_t number = 0;
    std::string token{}, rest{};
};

std::optional<QueueName> parse_name(const std::string& name) {
    if (name.size() < kNumber + 1 + kToken || name[kNumber] != '-') return std::nullopt;
    QueueName parsed{0, name.substr(kNumber + 1, kToken), name.substr(kNumber + 1 + kToken)};
    const auto [end, error] = std::from_chars(name.data(), name.data() + kNumber, parsed.number);
    if (error != std::errc() || end != name.data() + kNumber) return std::nullopt;
    if (parsed.token.find_first_not_of("0123456789abcdef") != parsed.token.npos) return std::nullopt;
    return parsed;
}

void remove_temporaries(const fs::path& folder) {
    for (const FolderEntry& entry : list_folder(folder))
        if (is_temporary_name(entry.name)) remove_path(folder / entry.name);
}

/// Bytes of a file, 0 where there is none.
std::int64_t size_of(const fs::path& file) {
    struct stat status {};
    return ::stat(file.c_str(), &status) == 0 ? status.st_size : 0;
}

/// Notes a try. It need not survive more than this process; where the disk takes nothing, the try is not counted.
void note_try(const fs::path& file) {
    const Descriptor descriptor(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
    if (descriptor) [[maybe_unused]]
        const auto written = ::write(descriptor.get(), "x", 1);
}

void rename_file(const fs::path& from, const fs::path& to) {
    if (std::rename(from.c_str(), to.c_str()) != 0)
        throw_system_error("[dicom] cannot move " + from.string() + " to " + to.string(), errno);
}

}  // namespace

Queue::Queue(fs::path folder, QueueLimits limits) : folder_(std::move(folder)), limits_(limits) {
    for (const char* part : {"received", "answers", "done", "failed"}) make_folders(folder_ / part);
    const fs::path lock = folder_ / "lock";
    lock_ = Descriptor(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!lock_) throw_system_error("[dicom] cannot open " + lock.string(), errno);
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) throw_system_error("[dicom] cannot lock " + lock.string(), errno);
        throw UsageError("[dicom] another process answers from " + folder_.string() +
                         ": each node wants its own folder");
    }
    for (const char* part : {"received", "answers", "failed"}) remove_temporaries(folder_ / part);
    take_over_answers();
    take_over_images();
    forget_old();
}

Queue::~Queue() = default;

void Queue::take_over_answers() {
    const fs::path answers = folder_ / "answers";
    constexpr std::string_view kReport = ".report.dcm";
    std::vector<std::string> complete;
    for (const FolderEntry& entry : list_folder(answers)) {
        const auto parsed = parse_name(entry.name);
        if (!parsed || !entry.name.ends_with(kReport)) continue;
        const std::string name = entry.name.substr(0, entry.name.size() - kReport.size());
        next_number_ = std::max(next_number_, parsed->number + 1);
        // Killed between the mark that it was delivered and its removal.
        if (is_file(done_file(name.substr(kNumber + 1)))) continue;
        complete.push_back(name);
        if (entries_.emplace(parsed->token, Entry{State::answered, name}).second) answers_.push_back(parsed->token);
    }
    // Parts of answers that no report completes, and what was delivered.
    for (const FolderEntry& entry : list_folder(answers))
        if (parse_name(entry.name) &&
            std::ranges::none_of(complete, [&](const std::string& name) { return entry.name.starts_with(name + '.'); }))
            remove_path(answers / entry.name);
}

void Queue::take_over_images() {
    for (const FolderEntry& entry : list_folder(folder_ / "received")) {
        const auto parsed = parse_name(entry.name);
        if (!parsed || parsed->rest != ".dcm") continue;
        next_number_ = std::max(next_number_, parsed->number + 1);
        const std::string name = entry.name.substr(0, kNumber + 1 + kToken);
        if (size_of(received(name, ".tries")) >= limits_.tries) {
            move_to_failed({received(name, ".dcm")},
                           fmt::format("[dicom] its scoring began {} times and never came to an end", limits_.tries));
        } else if (entries_.emplace(parsed->token, Entry{State::waiting, name}).second) {
            images_.push_back(parsed->token);
            continue;
        } else {
            remove_path(received(name, ".dcm"));  // its answer is complete, or somebody put it back twice
        }
        remove_path(received(name, ".tries"));
    }
}

void Queue::forget_old() const {
    const auto oldest = std::chrono::system_clock::now() - limits_.remembered;
    const auto before = std::chrono::duration_cast<std::chrono::seconds>(oldest.time_since_epoch()).count();
    for (const FolderEntry& part : list_folder(folder_ / "done"))
        for (const FolderEntry& entry : list_folder(folder_ / "done" / part.name)) {
            const fs::path file = folder_ / "done" / part.name / entry.name;
            struct stat status {};
            if (::stat(file.c_str(), &status) == 0 && status.st_mtim.tv_sec < before) remove_path(file);
        }
}

fs::path Queue::done_file(const std::string& token_and_model) const {
    return folder_ / "done" / token_and_model.substr(0, 2) / token_and_model;
}

fs::path Queue::received(const std::string& name, const char* ending) const {
    return folder_ / "received" / (name + ending);
}

bool Queue::is_full() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::int64_t>(entries_.size()) >= limits_.waiting;
}

std::unique_ptr<Arrival> Queue::arrive(const std::string& token) {
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(mutex_);
        number = next_number_++;
    }
    const std::string name = fmt::format("{:0{}}-{}", number, kNumber, token);
    return std::unique_ptr<Arrival>(new Arrival{token, name, AtomicFile(received(name, ".dcm"))});
}

Queue::Added Queue::add(Arrival& arrival, const std::string& model_tag) {
    {
        std::unique_lock lock(mutex_);
        // Somebody else's copy of this image is not on the disk yet: only then may the sender be told that it is.
        changed_.wait(lock, [&] {
            const auto found = entries_.find(arrival.token);
            return found == entries_.end() || found->second.state != State::arriving;
        });
        if (entries_.contains(arrival.token)) return Added::known;
        if (is_done(arrival.token, model_tag)) return Added::known;
        entries_[arrival.token] = {State::arriving, arrival.name};
    }
    try {
        arrival.file.commit();
    } catch (...) {
        erase(arrival.token);
        throw;
    }
    const std::lock_guard lock(mutex_);
    entries_[arrival.token].state = State::waiting;
    images_.push_back(arrival.token);
    changed_.notify_all();
    return Added::queued;
}

void Queue::keep_refused(Arrival& arrival, const std::string& why) {
    arrival.file.commit();
    move_to_failed({received(arrival.name, ".dcm")}, why);
}

std::optional<Queue::Waiting> Queue::next_image() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !images_.empty(); });
    if (closed_) return std::nullopt;
    const std::string token = images_.front();
    images_.pop_front();
    Entry& entry = entries_.at(token);
    entry.state = State::scoring;
    note_try(received(entry.name, ".tries"));
    return Waiting{token, {received(entry.name, ".dcm")}};
}

bool Queue::is_done(const std::string& token, const std::string& model_tag) const {
    return is_file(done_file(token + '-' + model_tag));
}

void Queue::put_back(const std::string& token) {
    remove_path(received(name_of(token), ".tries"));
    const std::lock_guard lock(mutex_);
    entries_.at(token).state = State::waiting;
    images_.push_front(token);
    changed_.notify_all();
}

std::string Queue::name_of(const std::string& token) const {
    const std::lock_guard lock(mutex_);
    return entries_.at(token).name;
}

void Queue::erase(const std::string& token) {
    const std::lock_guard lock(mutex_);
    entries_.erase(token);
    changed_.notify_all();
}

void Queue::answer(const std::string& token, const std::string& model_tag, const std::vector<AnswerObject>& objects) {
    const std::string image = name_of(token), name = image + '-' + model_tag;
    // The report last: where it is, the answer is whole.
    for (auto object = objects.rbegin(); object != objects.rend(); ++object)
        write_file_atomically(folder_ / "answers" / (name + '.' + object->name), object->file);
    remove_path(received(image, ".tries"));
    remove_path(received(image, ".dcm"));
    const std::lock_guard lock(mutex_);
    entries_[token] = {State::answered, name};
    answers_.push_back(token);
    changed_.notify_all();
}

std::string Queue::move_to_failed(const std::vector<fs::path>& files, const std::string& why) const {
    // The report last: as long as it is where it was, the answer is tried again.
    for (auto file = files.rbegin(); file != files.rend(); ++file)
        rename_file(*file, folder_ / "failed" / file->filename());
    // Makes the renames durable as well, which are in the same folder.
    write_file_atomically(folder_ / "failed" / files.front().filename().replace_extension(".txt"), why + "\n");
    return (folder_ / "failed" / files.front().filename()).string();
}

std::string Queue::fail(const std::string& token, const std::string& why) {
    const std::string name = name_of(token), moved = move_to_failed({received(name, ".dcm")}, why);
    remove_path(received(name, ".tries"));
    erase(token);
    return moved;
}

void Queue::drop(const std::string& token) {
    const std::string name = name_of(token);
    remove_path(received(name, ".tries"));
    remove_path(received(name, ".dcm"));
    erase(token);
}

std::vector<fs::path> Queue::answer_files(const std::string& name) const {
    std::vector<fs::path> files;
    for (const char* object : {"report.dcm", "heatmap.dcm", "marks.dcm"})
        if (const fs::path file = folder_ / "answers" / (name + '.' + object); is_file(file)) files.push_back(file);
    return files;
}

std::optional<Queue::Waiting> Queue::next_answer(std::chrono::milliseconds patience) {
    std::string token, name;
    {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [&] { return closed_ || !answers_.empty(); });
        if (closed_ || answers_.empty()) return std::nullopt;
        token = answers_.front();
        name = entries_.at(token).name;
    }
    return Waiting{token, answer_files(name)};
}

void Queue::delivered(const std::string& token) {
    const std::string name = name_of(token);
    const fs::path done = done_file(name.substr(kNumber + 1));
    make_folders(done.parent_path());
    write_file_atomically(done, "");
    std::vector<fs::path> files = answer_files(name);
    std::ranges::reverse(files);
    for (const fs::path& file : files) remove_path(file);
    const std::lock_guard lock(mutex_);
    std::erase(answers_, token);
    entries_.erase(token);
    changed_.notify_all();
}

std::string Queue::refused(const std::string& token, const std::string& why) {
    const std::string moved = move_to_failed(answer_files(name_of(token)), why);
    const std::lock_guard lock(mutex_);
    std::erase(answers_, token);
    entries_.erase(token);
    changed_.notify_all();
    return moved;
}

void Queue::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

bool Queue::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

Queue::Counts Queue::counts() const {
    const std::lock_guard lock(mutex_);
    const auto answers = static_cast<std::int64_t>(answers_.size());
    return {static_cast<std::int64_t>(entries_.size()) - answers, answers};
}

}  // namespace keel::dicom_node
