#include "train/virtual_shards.h"

#include <mutex>

#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

namespace {

/// The message by which so many ranks are refused; empty if they are not. All must hear the same.
std::string refusal(int ranks, const TrainConfig& config) {
    std::vector<std::string> messages(static_cast<std::size_t>(ranks));
    std::mutex checks;  // Catch2 hears of one thread at a time
    run_worlds({ranks, ranks, {}}, [&](World& world) {
        try {
            const VirtualShards shards(world, config, {}, {});
            const std::lock_guard lock(checks);
            CHECK(shards.count() == config.virtual_shards);
            CHECK(shards.end() - shards.begin() == config.virtual_shards / ranks);
        } catch (const UsageError& error) {
            messages[static_cast<std::size_t>(world.rank())] = error.what();
        }
    });
    for (const std::string& message : messages) CHECK(message == messages[0]);
    return messages[0];
}

}  // namespace

TEST_CASE("Shards want a power of two of them and of ranks, and sums in a fixed order", "[virtual_shards]") {
    TrainConfig config;
    config.virtual_shards = 4;
    for (const int ranks : {1, 2, 4}) CHECK(refusal(ranks, config).empty());
    CHECK_THAT(refusal(3, config), contains("of 4 virtual shards wants a power of two of ranks, 4 at most, not 3"));
    CHECK_THAT(refusal(8, config), contains("not 8"));
    const auto with = [&](auto change) {
        TrainConfig changed = config;
        change(changed);
        return refusal(1, changed);
    };
    CHECK_THAT(with([](TrainConfig& c) { c.virtual_shards = 3; }), contains("a power of two, not 3"));
    CHECK_THAT(with([](TrainConfig& c) { c.wire = "bf16"; }), contains("wants wire f32, not bf16"));
    CHECK_THAT(with([](TrainConfig& c) { c.allreduce = "ring"; }), contains("halving-doubling, not ring"));
    CHECK_THAT(with([](TrainConfig& c) { c.sampler = "independent"; }),
               contains("sharded or balanced, not independent"));
    CHECK_THAT(with([](TrainConfig& c) { c.ghost_batch = 4; }), contains("neither bn-ranks nor ghost-batch"));
    CHECK_THAT(with([](TrainConfig& c) { c.bn_ranks = 0; }), contains("neither bn-ranks nor ghost-batch"));
}

TEST_CASE("Gradients of a rank's shards are summed, statistics averaged over the shards of all", "[virtual_shards]") {
    const ThreadScope one(1);
    TrainConfig config;
    config.virtual_shards = 4;
    for (const int ranks : {1, 2, 4}) {
        std::vector<std::vector<float>> gradients(static_cast<std::size_t>(ranks)), means(gradients);
        run_worlds({ranks, ranks, {}}, [&](World& world) {
            const Tensor weight = Tensor::full({3}, 2), frozen = Tensor::full({5}, 1), mean = Tensor::zeros({2});
            weight.set_requires_grad();
            VirtualShards shards(world, config, {{"w", weight}, {"frozen", frozen}}, {{"mean", mean}});
            for (int step = 0; step < 2; ++step) {  // the second step knows nothing of the first
                weight.set_grad({});
                shards.reset();
                for (int shard = shards.begin(); shard < shards.end(); ++shard) {
                    weight.set_grad(Tensor::full({3}, static_cast<float>(1 << shard)));
                    mean.values<float>()[1] = static_cast<float>(shard);
                    shards.take();
                }
                shards.give_gradients();
                shards.average_statistics();
            }
            const auto rank = static_cast<std::size_t>(world.rank());
            gradients[rank] = {weight.grad().values<float>().begin(), weight.grad().values<float>().end()};
            means[rank] = {mean.values<float>().begin(), mean.values<float>().end()};
        });
        for (int rank = 0; rank < ranks; ++rank) {
            CAPTURE(ranks, rank);
            float sum = 0;
            for (int shard = rank * 4 / ranks; shard < (rank + 1) * 4 / ranks; ++shard)
                sum += static_cast<float>(1 << shard);
            CHECK(gradients[static_cast<std::size_t>(rank)] == std::vector<float>(3, sum));
            CHECK(means[static_cast<std::size_t>(rank)] == std::vector<float>{0, 1.5F});
        }
    }
}

TEST_CASE("A shard of a batch is the samples that belong to it", "[virtual_shards]") {
    Batch batch;
    batch.n = 4;
    batch.image_size = 1;
    batch.channels = 1;
    batch.images = {0, 1, 2, 3};
    batch.labels = {4, 5, 6, 7};
    batch.indices = {8, 9, 10, 11};
    batch.names = {"a", "b", "c", "d"};
    batch.planned = 4;
    batch.parts = {0, 2, 2, 3};
    CHECK(shard_of_batch(batch, 0).names == std::vector<std::string>{"a"});
    CHECK(shard_of_batch(batch, 1).n == 0);
    CHECK(shard_of_batch(batch, 2).names == std::vector<std::string>{"b", "c"});
    CHECK(shard_of_batch(batch, 2).labels == std::vector<std::int32_t>{5, 6});
    CHECK(shard_of_batch(batch, 3).n == 1);
}
