#include "engine/rng_scope.h"

#include <string>

#include "kernels/error.h"
#include "kernels/random.h"

namespace keel {
namespace {

thread_local RngScope* current = nullptr;

}  // namespace

RngScope::RngScope(std::uint64_t seed, std::uint64_t epoch, std::vector<std::int64_t> samples)
    : seed_(seed), epoch_(epoch), samples_(std::move(samples)), before_(current) {
    current = this;
}

RngScope::~RngScope() { current = before_; }

std::uint64_t RngScope::epoch() {
    if (current == nullptr) throw UsageError("[rng_scope] a random operator ran outside of any RngScope");
    return current->epoch_;
}

std::vector<std::uint64_t> RngScope::next_keys(std::int64_t rows) {
    const std::uint64_t epoch_now = epoch();
    const auto& samples = current->samples_;
    if (rows != static_cast<std::int64_t>(samples.size()))
        throw UsageError("[rng_scope] the scope names " + std::to_string(samples.size()) + " samples, the batch has " +
                         std::to_string(rows));
    const std::uint32_t op = current->operators_++;
    std::vector<std::uint64_t> keys(samples.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto sample = static_cast<std::uint64_t>(samples[i]);
        const Philox4 words =
            philox4x32({op, static_cast<std::uint32_t>(epoch_now), static_cast<std::uint32_t>(sample),
                        static_cast<std::uint32_t>(sample >> 32)},
                       current->seed_ ^ (std::uint64_t{static_cast<std::uint32_t>(Draw::dropout)} << 56));
        keys[i] = (std::uint64_t{words[1]} << 32) | words[0];
    }
    return keys;
}

}  // namespace keel
