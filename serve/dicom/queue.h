// What a DICOM node holds, in a folder: images that came, answers that are to be sent, what failed. A process may be
// killed at any moment: what was acknowledged is there when the next one starts, and is answered once.
//
//     received/NUMBER-TOKEN.dcm            an image, whole
//     answers/NUMBER-TOKEN-MODEL.*.dcm     its answer, whole once the report is there; then the image is removed
//     done/XX/TOKEN-MODEL                  it was delivered: an empty file, kept for a while
//     received/NUMBER-TOKEN.tries          a byte for each time that its scoring began, so that an image that ends the
//                                          process does not do so for ever
//     failed/...                           an image that could not be scored, an answer that was refused; .txt says why
//
// Numbers count arrivals. A token follows from an image's SOP Instance UID (token_of()), so that names say nothing of
// patients.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/descriptor.h"
#include "engine/files.h"
#include "serve/dicom/answer.h"

namespace keel::dicom_node {

struct QueueLimits {
    std::int64_t waiting = 10'000;                                ///< images that are not answered yet
    std::int64_t tries = 5;                                       ///< of scoring an image that ended the process
    std::chrono::hours remembered = std::chrono::hours(24 * 30);  ///< how long answered images are known
};

/// A file that an image is being written to.
struct Arrival {
    std::string token{}, name{};
    AtomicFile file;
};

/// All methods may be called by several threads at once; they throw IoError where the disk fails.
class Queue {
public:
    /// Opens or makes the folder, takes up what an earlier process left, and forgets what was answered too long ago.
    /// Throws UsageError where another process has it open.
    Queue(std::filesystem::path folder, QueueLimits limits);
    ~Queue();
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    const std::filesystem::path& folder() const { return folder_; }
    bool is_full() const;

    /// Begins a file for an image of this token. Without add() or keep_refused() it is gone again.
    std::unique_ptr<Arrival> arrive(const std::string& token);
    enum class Added { queued, known };
    /// Takes an image, unless it is waiting or was answered by the model of this tag already. When it returns, either
    /// is on the disk.
    Added add(Arrival& arrival, const std::string& model_tag);
    /// Keeps what cannot be scored, for a person to look at.
    void keep_refused(Arrival& arrival, const std::string& why);

    /// An image or an answer that waits.
    struct Waiting {
        std::string token{};
        std::vector<std::filesystem::path> files{};  ///< of an answer the report first
    };
    /// Waits for the next image to score, in the order in which they came; none: close() was called.
    std::optional<Waiting> next_image();
    /// Whether an image was answered by a model, by this process or one before.
    bool is_done(const std::string& token, const std::string& model_tag) const;
    /// Gives an image back that was not scored for a reason that is not its own: it is the next again.
    void put_back(const std::string& token);
    /// Replaces an image by its answer, which waits to be sent from then on.
    void answer(const std::string& token, const std::string& model_tag, const std::vector<AnswerObject>& objects);
    /// Moves an image to failed/. Returns the name of its file there.
    std::string fail(const std::string& token, const std::string& why);
    /// Forgets an image without an answer: one that is none to answer.
    void drop(const std::string& token);

    /// Waits for the next answer to send, for `patience` at most, which is how a sender keeps its connection for a
    /// while; none: nothing came, or close() was called. It stays the next until delivered() or refused().
    std::optional<Waiting> next_answer(std::chrono::milliseconds patience);
    void delivered(const std::string& token);
    /// Moves an answer to failed/. Returns the name of its report there.
    std::string refused(const std::string& token, const std::string& why);

    /// Wakes all who wait; from now on there is nothing next.
    void close();
    bool closed() const;

    struct Counts {
        std::int64_t images = 0, answers = 0;  ///< waiting
    };
    Counts counts() const;

private:
    enum class State { arriving, waiting, scoring, answered };
    struct Entry {
        State state = State::arriving;
        std::string name{};  ///< NUMBER-TOKEN, of an answer with -MODEL
    };

    std::filesystem::path done_file(const std::string& token_and_model) const;
    void take_over_answers();
    void take_over_images();
    void forget_old() const;
    std::vector<std::filesystem::path> answer_files(const std::string& name) const;
    std::string move_to_failed(const std::vector<std::filesystem::path>& files, const std::string& why) const;
    std::filesystem::path received(const std::string& name, const char* ending) const;
    std::string name_of(const std::string& token) const;
    void erase(const std::string& token);

    const std::filesystem::path folder_;
    const QueueLimits limits_;
    Descriptor lock_;
    mutable std::mutex mutex_;  // guards:
    std::condition_variable changed_;
    std::map<std::string, Entry> entries_;  ///< by token
    std::deque<std::string> images_, answers_;
    std::uint64_t next_number_ = 1;
    bool closed_ = false;
};

}  // namespace keel::dicom_node
