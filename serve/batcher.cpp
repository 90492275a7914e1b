#include "serve/batcher.h"

#include <algorithm>
#include <exception>
#include <future>
#include <iterator>
#include <utility>

#include "kernels/error.h"
#include "kernels/topology.h"

namespace keel::serve {
namespace {

constexpr double kForgetting = 0.3;  // how much the last batch weighs in what batches take
constexpr Clock::duration kLongestWait = std::chrono::milliseconds(500);

Clock::duration of_seconds(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

double seconds_between(TimePoint a, TimePoint b) { return std::chrono::duration<double>(b - a).count(); }

/// Moves what was said of images [offset, offset + count) of a batch to the end of an answer.
void append(ImageScorer::Scores& to, const ImageScorer::Scores& batch, std::size_t offset, std::size_t from,
            std::size_t count, std::size_t labels) {
    const auto take = [&](const auto& src, auto& dst) {
        if (src.empty()) return;
        const auto begin = src.begin() + static_cast<std::ptrdiff_t>(offset * labels);
        dst.insert(dst.end(), begin, begin + static_cast<std::ptrdiff_t>(count * labels));
    };
    take(batch.probabilities, to.probabilities);
    take(batch.calls, to.calls);
    for (const NoAnswer& one : batch.none) {
        const auto image = static_cast<std::size_t>(one.image);
        if (image >= offset && image < offset + count)
            to.none.push_back({static_cast<std::int64_t>(image - offset + from), one.why});
    }
}

/// Computes the heatmaps that a request wishes; those of images without an answer are empty.
std::vector<HeatGrid> heat_of_images(const ScoreRequest& request, const ImageScorer::Scores& scores) {
    std::vector<HeatGrid> heat(request.images.size());
    const std::size_t labels = request.model->labels().size();
    for (std::size_t i = 0; i < heat.size(); ++i) {
        if (std::ranges::find(scores.none, static_cast<std::int64_t>(i), &NoAnswer::image) != scores.none.end())
            continue;
        const auto begin = scores.probabilities.begin() + static_cast<std::ptrdiff_t>(i * labels);
        const std::int64_t highest = std::max_element(begin, begin + static_cast<std::ptrdiff_t>(labels)) - begin;
        heat[i] = request.model->heat(request.images[i].front(), request.heat->label.value_or(highest));
    }
    return heat;
}

void check_request(const ScoreRequest& request) {
    if (!request.model || request.images.empty()) throw UsageError("[serve] a request wants a model and images");
    const std::size_t models = request.model->scorer().models().size();
    for (const ImageScorer::Inputs& inputs : request.images)
        if (inputs.size() != models)
            throw UsageError("[serve] wanted an input for each of " + std::to_string(models) + " models, got " +
                             std::to_string(inputs.size()));
}

}  // namespace

Batcher::Batcher(const BatchLimits& limits, std::function<void(const BatchRecord&)> on_batch)
    : limits_(limits), on_batch_(std::move(on_batch)), alive_(Clock::now().time_since_epoch().count()) {
    if (limits.max_batch < 1 || limits.max_queue < 1 || limits.max_delay < Clock::duration::zero())
        throw UsageError("[serve] a batch and a queue hold at least one image, and no delay is below 0");
    thread_ = std::thread([this] { compute_loop(); });
}

Batcher::~Batcher() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

Batcher::Queue& Batcher::queue_of(const std::shared_ptr<const ServedModel>& model) {
    const auto found = queues_.find(model.get());
    if (found != queues_.end() && !found->second.of.expired()) return found->second;
    // Models that were replaced are gone by now; the new one may lie where an old one lay.
    std::erase_if(queues_, [](const auto& entry) { return entry.second.of.expired(); });
    Queue& queue = queues_[model.get()];
    queue.of = model;
    return queue;
}

std::optional<Fate> Batcher::submit(ScoreRequest request) {
    check_request(request);
    const auto images = std::ssize(request.images);
    const auto pending = std::make_shared<Pending>();
    const TimePoint now = Clock::now();
    {
        const std::lock_guard lock(mutex_);
        if (draining_ || stopping_) return Fate::stopping;
        if (images_ + images > limits_.max_queue) return Fate::refused;
        Queue& queue = queue_of(request.model);
        if (request.deadline != TimePoint::max()) {
            const double own = queue.seconds_an_image * static_cast<double>(images);
            const double busy = std::max(0.0, seconds_between(now, busy_until_));
            if (now + of_seconds(busy + seconds_waiting() + own) > request.deadline) return Fate::refused;
        }
        if (queue.images == 0) queue.served = fair_start(queue.served, last_turn_);
        pending->request = std::move(request);
        pending->came = now;
        queue.pending.push_back(pending);
        queue.images += images;
        images_ += images;
    }
    changed_.notify_one();
    return std::nullopt;
}

Answer Batcher::score(ScoreRequest request) {
    std::promise<Answer> promise;
    std::future<Answer> answer = promise.get_future();
    request.done = [&promise](Answer given) { promise.set_value(std::move(given)); };
    if (const std::optional<Fate> refusal = submit(std::move(request))) return {.fate = *refusal};
    return answer.get();
}

void Batcher::drain() {
    std::unique_lock lock(mutex_);
    draining_ = true;
    idle_.wait(lock, [&] { return images_ == 0 && !computing_; });
}

std::int64_t Batcher::waiting() const {
    const std::lock_guard lock(mutex_);
    return images_;
}

double Batcher::seconds_waiting() const {
    double seconds = 0;
    for (const auto& [model, queue] : queues_) seconds += queue.seconds_an_image * static_cast<double>(queue.images);
    return seconds;
}

Clock::duration Batcher::expected_wait() const {
    const std::lock_guard lock(mutex_);
    return of_seconds(std::max(0.0, seconds_between(Clock::now(), busy_until_)) + seconds_waiting());
}

std::optional<std::size_t> Batcher::next_turn(std::vector<Queue*>& queues, TimePoint& wake) {
    std::vector<QueueView> views;
    queues.clear();
    for (auto& [model, queue] : queues_) {
        queues.push_back(&queue);
        views.push_back({.images = queue.images,
                         .oldest = queue.pending.empty() ? TimePoint::max() : queue.pending.front()->came,
                         .coming = queue.coming,
                         .served = queue.served});
    }
    const BatchDecision decision = decide_batch(views, limits_, Clock::now());
    wake = decision.wake;
    return decision.queue;
}

std::vector<Batcher::Slice> Batcher::take(Queue& queue, TimePoint now, Finished& finished) {
    std::vector<Slice> slices;
    const auto most = static_cast<std::size_t>(limits_.max_batch);
    const double batch = queue.seconds_an_image * static_cast<double>(std::min(queue.images, limits_.max_batch));
    const TimePoint end = now + of_seconds(batch);
    for (std::size_t images = 0; images < most && !queue.pending.empty();) {
        const std::shared_ptr<Pending> first = queue.pending.front();
        const ScoreRequest& request = first->request;
        const std::size_t left = request.images.size() - first->next;
        const bool cancelled = request.cancelled && request.cancelled->load();
        if (first->over || cancelled || end > request.deadline) {
            queue.pending.pop_front();
            queue.images -= static_cast<std::int64_t>(left);
            images_ -= static_cast<std::int64_t>(left);
            if (first->over) continue;
            first->over = true;
            first->answer.fate = cancelled ? Fate::cancelled : Fate::overdue;
            finished.push_back(first);
            continue;
        }
        const std::size_t count = std::min(left, most - images);
        if (first->next == 0) first->answer.queued = now - first->came;
        slices.push_back({first, first->next, count});
        first->next += count;
        images += count;
        queue.images -= static_cast<std::int64_t>(count);
        images_ -= static_cast<std::int64_t>(count);
        if (count == left) queue.pending.pop_front();
    }
    return slices;
}

void Batcher::compute(const std::vector<Slice>& slices, Finished& finished) {
    const ServedModel& model = *slices.front().of->request.model;
    std::vector<ImageScorer::Inputs> inputs;
    for (const Slice& slice : slices)
        for (std::size_t i = 0; i < slice.count; ++i) inputs.push_back(slice.of->request.images[slice.from + i]);
    const TimePoint begin = Clock::now();
    const auto fail = [&](Pending& pending, const char* why) {
        pending.answer.fate = Fate::failed;
        pending.answer.why = why;
    };
    ImageScorer::Scores scores;
    std::string failure;
    try {
        scores = model.scorer().score(inputs);
    } catch (const std::exception& error) {
        failure = error.what();
    }
    const TimePoint end = Clock::now();
    std::size_t offset = 0;
    for (const Slice& slice : slices) {
        Pending& pending = *slice.of;
        pending.answer.computed += end - begin;
        pending.answer.batch = std::max(pending.answer.batch, std::ssize(inputs));
        if (!failure.empty()) {
            fail(pending, failure.c_str());
        } else {
            append(pending.answer.scores, scores, offset, slice.from, slice.count, model.labels().size());
            offset += slice.count;
            if (slice.from + slice.count < pending.request.images.size()) continue;
            pending.answer.fate = Clock::now() > pending.request.deadline ? Fate::overdue : Fate::answered;
            try {
                if (pending.request.heat && pending.answer.fate == Fate::answered)
                    pending.answer.heat = heat_of_images(pending.request, pending.answer.scores);
            } catch (const std::exception& error) {
                fail(pending, error.what());
            }
        }
        finished.push_back(slice.of);
    }
    if (on_batch_) on_batch_({model, std::ssize(inputs), seconds_between(begin, end)});
}

void Batcher::finish(const Finished& finished) {
    for (const std::shared_ptr<Pending>& pending : finished)
        if (pending->request.done) pending->request.done(std::move(pending->answer));
}

void Batcher::stop(Finished& finished) {
    for (auto& [model, queue] : queues_) {
        for (const std::shared_ptr<Pending>& pending : queue.pending) {
            if (std::exchange(pending->over, true)) continue;
            pending->answer.fate = Fate::stopping;
            finished.push_back(pending);
        }
        queue.pending.clear();
        queue.images = 0;
    }
    images_ = 0;
}

void Batcher::compute_loop() {
    use_process_cpus();
    std::unique_lock lock(mutex_);
    std::vector<Queue*> queues;
    while (!stopping_) {
        alive_ = Clock::now().time_since_epoch().count();
        TimePoint wake = TimePoint::max();
        const std::optional<std::size_t> turn = next_turn(queues, wake);
        if (!turn) {
            if (images_ == 0) idle_.notify_all();
            changed_.wait_until(lock, std::min(wake, Clock::now() + kLongestWait));
            continue;
        }
        Queue& queue = *queues[*turn];
        last_turn_ = queue.served;
        Finished finished;
        const TimePoint begin = Clock::now();
        const std::vector<Slice> slices = take(queue, begin, finished);
        const std::shared_ptr<const ServedModel> model = queue.of.lock();  // it stays as long as what is known of it
        std::size_t images = 0;
        for (const Slice& slice : slices) images += slice.count;
        busy_until_ = begin + of_seconds(queue.seconds_an_image * static_cast<double>(images));
        computing_ = true;
        lock.unlock();
        if (!slices.empty()) compute(slices, finished);
        const double seconds = seconds_between(begin, Clock::now());
        lock.lock();
        if (!slices.empty()) {
            queue.served += seconds;
            const double one = seconds / static_cast<double>(images);
            queue.seconds_an_image += (queue.seconds_an_image > 0 ? kForgetting : 1.0) * (one - queue.seconds_an_image);
        }
        for (const std::shared_ptr<Pending>& pending : finished) pending->over = true;
        lock.unlock();
        finish(finished);
        finished.clear();
        lock.lock();
        computing_ = false;
        busy_until_ = {};
    }
    Finished finished;
    stop(finished);
    lock.unlock();
    finish(finished);
}

Batcher::Coming::Coming(Batcher& batcher, std::shared_ptr<const ServedModel> model)
    : batcher_(&batcher), model_(std::move(model)) {
    const std::lock_guard lock(batcher_->mutex_);
    ++batcher_->queue_of(model_).coming;
}

Batcher::Coming::Coming(Coming&& other) noexcept
    : batcher_(std::exchange(other.batcher_, nullptr)), model_(std::move(other.model_)) {}

Batcher::Coming& Batcher::Coming::operator=(Coming&& other) noexcept {
    std::swap(batcher_, other.batcher_);
    std::swap(model_, other.model_);
    return *this;
}

Batcher::Coming::~Coming() {
    if (batcher_ == nullptr) return;
    bool waited_for = false;
    {
        const std::lock_guard lock(batcher_->mutex_);
        Queue& queue = batcher_->queue_of(model_);
        waited_for = --queue.coming == 0 && queue.images > 0;
    }
    if (waited_for) batcher_->changed_.notify_one();
}

}  // namespace keel::serve
