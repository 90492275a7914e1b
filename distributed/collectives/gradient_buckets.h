// The gradients of a step summed over the ranks: they live in buckets, which go out in the order in which backward
// fills them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "distributed/collectives/allreduce.h"
#include "distributed/collectives/bucket_plan.h"
#include "distributed/world.h"
#include "engine/tensor.h"

namespace keel {

/// When buckets go out: as soon as they are full, while backward goes on, or all at its end.
enum class Overlap : std::uint8_t {
    automatic,  ///< the faster of the two in the first steps, on the slowest rank
    on,
    off
};

struct BucketOptions {
    std::int64_t bucket_bytes = kBucketBytes;
    std::optional<Algorithm> algorithm{};  ///< none: the fastest by prediction, for each bucket
    Wire wire = Wire::f32;
    Overlap overlap = Overlap::automatic;
};

/// The buckets of one model on this rank. All ranks make them and call the same functions in the same order.
class GradientBuckets {
public:
    /// `parameters` are f32 leaves; those that require no gradient are left out. The costs are those of
    /// measure_costs().
    GradientBuckets(World& world, std::vector<NamedTensor> parameters, const CostModel& costs,
                    const BucketOptions& options = {});
    ~GradientBuckets();
    GradientBuckets(const GradientBuckets&) = delete;
    GradientBuckets& operator=(const GradientBuckets&) = delete;

    /// Called before the last backward pass of a step; with gradient accumulation those before it need nothing.
    void begin();
    /// Called after that pass: returns once every gradient is the sum over the ranks, the same bits on all. A parameter
    /// that got none has zeros. The first call learns the order, and throws UsageError, which names the ranks, where
    /// their parameters differ.
    void finish();

    const BucketPlan& plan() const { return plan_; }
    /// Returns whether buckets go out while backward goes on; known after the first steps.
    bool overlaps() const { return overlaps_; }
    Algorithm algorithm_of(const Bucket& bucket) const;
    /// Whether a node had no room for memory that its ranks share (/dev/shm), so that sums are made of messages; known
    /// after the first step.
    bool is_apart() const { return sums_->memory && sums_->memory->apart(); }
    /// Seconds of the last step between begin() and finish() that the calling thread waited or helped to sum, that sums
    /// took on their thread, and how many of those the thread had a processor, which it takes from the compute threads
    /// where no core is kept for it.
    double exposed_seconds() const { return exposed_; }
    double busy_seconds() const { return sums_->busy; }
    double processor_seconds() const { return sums_->processor; }
    /// Returns the traffic of all steps so far.
    Traffic traffic() const { return sums_->allreduce.traffic(); }

private:
    /// What a sum under way needs: it may outlive the buckets, where an exception ends a step half done.
    struct Sums {
        Allreduce allreduce;  // of the communication thread
        std::shared_ptr<SharedMemory> memory;
        double busy = 0, processor = 0;

        template <class Work>
        void timed(Work work);
    };

    void learn();
    void require_equal_plans() const;
    void ready(std::size_t parameter);
    void send_full_buckets();
    void send(std::size_t bucket);
    void choose_overlap(double seconds);
    float* memory() const;

    World& world_;
    std::vector<NamedTensor> parameters_;
    CostModel costs_;
    BucketOptions options_;
    std::shared_ptr<Sums> sums_;
    BucketPlan plan_;
    std::vector<std::size_t> order_;      // parameters as backward completes them
    std::vector<std::size_t> bucket_of_;  // of each parameter
    std::vector<bool> is_ready_;          // parameters of this step
    std::vector<std::int64_t> missing_;   // in each bucket
    std::size_t sent_ = 0;                // buckets of this step
    bool armed_ = false, overlaps_ = false;

    std::chrono::steady_clock::time_point begun_;
    std::array<std::vector<double>, 2> trials_;  // seconds of steps without and with overlap
    double exposed_ = 0;
};

}  // namespace keel
