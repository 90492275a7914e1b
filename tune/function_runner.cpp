#include "tune/function_runner.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <new>
#include <system_error>
#include <utility>

#include "engine/paths.h"
#include "engine/system_error.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel::tune {

const std::string& Trial::text(const std::string& key) const {
    const auto found = order_.values.find(key);
    if (found == order_.values.end())
        throw UsageError(fmt::format("[tune] trial {} has no parameter '{}'", index(), excerpt(key)));
    return found->second;
}

double Trial::number(const std::string& key) const {
    const std::string& value = text(key);
    double number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size())
        throw UsageError(fmt::format("[tune] {}: wanted a number, not '{}'", key, excerpt(value)));
    return number;
}

FunctionRunner::FunctionRunner(Objective objective) : objective_(std::move(objective)) {
    if (!objective_) throw UsageError("[tune] a search wants an objective, none came");
}

FunctionRunner::~FunctionRunner() {
    stopping_ = true;
    for (auto& [worker, thread] : threads_) thread.join();
}

FunctionRunner::Ended FunctionRunner::run(const TrialOrder& order) const {
    Ended ended{.end = {.worker = order.worker}};
    try {
        if (const auto score = objective_(Trial(order, stopping_)))
            ended.end.outcome = Outcome{.score = std::isfinite(*score) ? *score : std::nan(""), .epochs = order.epochs};
    } catch (const DivergedError& error) {
        ended.end.outcome = failed_job(Ending::diverged, 0, error.what());
    } catch (const IoError&) {
        ended.failure = std::current_exception();
    } catch (const Error& error) {
        ended.end.outcome = failed_job(Ending::refused, 0, error.what());
    } catch (const std::bad_alloc&) {
        ended.end.outcome = failed_job(Ending::crashed, 0, "out of memory");
    } catch (const std::exception& error) {
        ended.end.outcome = failed_job(Ending::crashed, 0, error.what());
    } catch (...) {
        ended.end.outcome = failed_job(Ending::crashed, 0, "an exception of an unknown kind");
    }
    return ended;
}

void FunctionRunner::start(const TrialOrder& order) {
    make_folders(order.config.out);
    try {
        threads_[order.worker] = std::thread([this, own = order]() mutable {
            own.config.pause_after = pause_of(own);
            Ended ended = run(own);
            const std::lock_guard lock(mutex_);
            ended_.push_back(std::move(ended));
            changed_.notify_one();
        });
    } catch (const std::system_error& error) {
        threads_.erase(order.worker);
        throw_system_error("[tune] no thread for a trial", error.code().value());
    }
}

std::optional<TrialEnd> FunctionRunner::wait(double seconds) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return !ended_.empty(); }))
        return std::nullopt;
    Ended ended = std::move(ended_.front());
    ended_.pop_front();
    lock.unlock();
    const auto thread = threads_.find(ended.end.worker);
    thread->second.join();
    threads_.erase(thread);
    if (ended.failure) std::rethrow_exception(ended.failure);
    return std::move(ended.end);
}

}  // namespace keel::tune
