// What random draws inside a forward pass depend on: the seed, the epoch and the sample, never the thread or the batch.
#pragma once

#include <cstdint>
#include <vector>

namespace keel {

/// Sets the draws of this thread's forward passes for the lifetime of the object; scopes nest.
class RngScope {
public:
    /// samples[i] identifies row i of the batch (e.g. its index in the data set).
    RngScope(std::uint64_t seed, std::uint64_t epoch, std::vector<std::int64_t> samples);
    ~RngScope();
    RngScope(const RngScope&) = delete;
    RngScope& operator=(const RngScope&) = delete;

    /// Returns keys of the next random operator, one a row. Throws UsageError outside a scope or if the batch has
    /// another size.
    static std::vector<std::uint64_t> next_keys(std::int64_t rows);

    /// Returns the epoch of this thread's scope. Throws UsageError outside of one.
    static std::uint64_t epoch();

private:
    std::uint64_t seed_, epoch_;
    std::vector<std::int64_t> samples_;
    std::uint32_t operators_ = 0;
    RngScope* before_;
};

}  // namespace keel
