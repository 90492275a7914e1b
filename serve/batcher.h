// Requests for models, computed together: images of several requests for one model are one batch. One thread computes,
// with the whole team (kernels/parallel.h), so that batches do not take each other's cores.
//
//     Batcher batcher(limits);
//     ScoreRequest request{.model = table.find("chexnet"), .images = {scorer.load("00000001_000.png")}};
//     const Answer answer = batcher.score(std::move(request));
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/batch_plan.h"
#include "serve/served_model.h"

namespace keel::serve {

enum class Fate {
    answered,
    refused,    ///< the queue is full, or the answer would come after the deadline
    stopping,   ///< the server takes no more
    overdue,    ///< the deadline passed, or would have before the end
    cancelled,  ///< by who asked
    failed,     ///< `why` says it
};

struct Answer {
    Fate fate = Fate::failed;
    ImageScorer::Scores scores{};  ///< of each image of the request
    std::vector<HeatGrid> heat{};  ///< of each image, where it was asked for
    std::string why{};             ///< for people, where there is no answer
    Clock::duration queued{};      ///< from submit() until the first image was computed
    Clock::duration computed{};    ///< of the batches that its images were in
    std::int64_t batch = 0;        ///< images of the largest of these
};

/// A wish of images' heatmaps: of one label, or each image's highest-scoring one.
struct HeatWish {
    std::optional<std::int64_t> label{};
};

struct ScoreRequest {
    std::shared_ptr<const ServedModel> model{};
    std::vector<ImageScorer::Inputs> images{};  ///< at least one
    std::optional<HeatWish> heat{};
    TimePoint deadline = TimePoint::max();
    std::shared_ptr<const std::atomic<bool>> cancelled{};  ///< may be null; true: nobody wants the answer any more
    /// Gets the answer, once, on the thread that computes: to be quick, and not to throw. submit() itself never calls
    /// it.
    std::function<void(Answer answer)> done{};
};

/// What was computed at once.
struct BatchRecord {
    const ServedModel& model;
    std::int64_t images;
    double seconds;
};

class Batcher {
public:
    /// `on_batch` may be null; it is called on the thread that computes.
    explicit Batcher(const BatchLimits& limits, std::function<void(const BatchRecord&)> on_batch = {});
    /// Stops: what waits is refused as stopping.
    ~Batcher();
    Batcher(const Batcher&) = delete;
    Batcher& operator=(const Batcher&) = delete;

    /// Takes a request, or returns why not: refused or stopping, and `done` is not called then. Throws UsageError for a
    /// request without a model or images, or whose inputs are not one for each of its models.
    std::optional<Fate> submit(ScoreRequest request);
    /// Submits a request and waits for its answer; `done` is not looked at.
    Answer score(ScoreRequest request);

    /// Says, as long as it lives, that a request for a model is on its way: a batch may wait for it.
    class Coming {
    public:
        Coming() = default;
        Coming(Batcher& batcher, std::shared_ptr<const ServedModel> model);
        Coming(Coming&& other) noexcept;
        Coming& operator=(Coming&& other) noexcept;
        ~Coming();

    private:
        Batcher* batcher_ = nullptr;
        std::shared_ptr<const ServedModel> model_;
    };

    /// Takes no more requests, and returns once all that were taken are answered.
    void drain();

    std::int64_t waiting() const;  ///< images
    /// Returns how long an image that came now would wait, by what batches took so far.
    Clock::duration expected_wait() const;
    /// Returns when the computing thread last came round: a server whose thread hangs should be started anew.
    TimePoint last_sign_of_life() const { return TimePoint(Clock::duration(alive_.load())); }

private:
    struct Pending {
        ScoreRequest request;
        Answer answer;
        TimePoint came;
        std::size_t next = 0;  ///< image that was not given to a batch yet
        bool over = false;     ///< it has an answer
    };
    struct Queue {
        std::weak_ptr<const ServedModel> of;
        std::deque<std::shared_ptr<Pending>> pending;
        std::int64_t images = 0, coming = 0;
        double served = 0;            ///< seconds, see fair_start()
        double seconds_an_image = 0;  ///< a moving mean; 0: nothing was computed yet
    };
    /// Images [from, from + count) of a request.
    struct Slice {
        std::shared_ptr<Pending> of;
        std::size_t from, count;
    };
    using Finished = std::vector<std::shared_ptr<Pending>>;

    Queue& queue_of(const std::shared_ptr<const ServedModel>& model);
    double seconds_waiting() const;
    void compute_loop();
    std::optional<std::size_t> next_turn(std::vector<Queue*>& queues, TimePoint& wake);
    std::vector<Slice> take(Queue& queue, TimePoint now, Finished& finished);
    void compute(const std::vector<Slice>& slices, Finished& finished);
    void stop(Finished& finished);
    static void finish(const Finished& finished);

    const BatchLimits limits_;
    const std::function<void(const BatchRecord&)> on_batch_;
    mutable std::mutex mutex_;  // guards:
    std::condition_variable changed_, idle_;
    std::map<const ServedModel*, Queue> queues_;
    std::int64_t images_ = 0;  ///< that wait
    double last_turn_ = 0;     ///< what the queue whose turn it was last had had before
    bool computing_ = false, draining_ = false, stopping_ = false;
    TimePoint busy_until_{};  ///< of the batch that computes, by what such batches took
    std::atomic<Clock::rep> alive_{0};
    std::thread thread_;
};

}  // namespace keel::serve
