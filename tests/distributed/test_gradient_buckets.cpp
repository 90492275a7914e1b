// Gradients of ranks that are threads, against one rank that sees all samples.
#include "distributed/collectives/gradient_buckets.h"

#include <atomic>
#include <cmath>

#include "distributed/thread_communicator.h"
#include "engine/autograd.h"
#include "engine/ops.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/random.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;

namespace {

Tensor integers(const Dims& dims, std::uint64_t seed) {
    Tensor tensor = Tensor::empty(dims);
    Random random(seed, Draw::synthesize);
    for (float& value : tensor.values<float>()) value = static_cast<float>(random.below(7)) - 3;
    return tensor;
}

/// Three parameters; the second one is used twice, the last one in some steps only.
struct Net {
    Tensor a = integers({24, 16}, 1).set_requires_grad(), b = integers({16, 24}, 2).set_requires_grad(),
           unused = integers({5}, 3).set_requires_grad(), frozen = integers({16}, 4);

    std::vector<NamedTensor> parameters() const { return {{"a", a}, {"b", b}, {"unused", unused}, {"frozen", frozen}}; }
    void backward_of(std::int64_t first, std::int64_t rows, bool uses_all) const {
        const Tensor all = integers({32, 16}, 5);
        const Tensor src = Tensor::from<float>(
            all.values<float>().subspan(static_cast<std::size_t>(first * 16), static_cast<std::size_t>(rows * 16)),
            {rows, 16});
        Tensor dst = linear(linear(linear(src, a, {}), b, {}), a, {});
        if (uses_all) dst = linear(dst, integers({5, 24}, 6), unused);
        backward(dst, Tensor::full(dst.dims(), 1));
    }
};

std::vector<float> gradients(const Net& net) {
    std::vector<float> all;
    for (const auto& [name, tensor] : net.parameters())
        if (tensor.grad())
            all.insert(all.end(), tensor.grad().values<float>().begin(), tensor.grad().values<float>().end());
    return all;
}

void clear(const Net& net) {
    for (const auto& [name, tensor] : net.parameters()) tensor.set_grad({});
}

}  // namespace

TEST_CASE("gradients are sums over the ranks and live in the buckets", "[buckets]") {
    const ThreadScope one(1);
    Net alone;
    alone.backward_of(0, 32, true);
    const std::vector<float> truth = gradients(alone);
    clear(alone);
    alone.backward_of(0, 32, false);
    const std::vector<float> without = gradients(alone);
    for (const Overlap overlap : {Overlap::on, Overlap::off, Overlap::automatic})
        for (const int per_node : {1, 2, 4})
            for (const std::int64_t bytes : {std::int64_t{1}, std::int64_t{1600}, kBucketBytes}) {
                CAPTURE(static_cast<int>(overlap), per_node, bytes);
                std::atomic<int> wrong{0}, copied{0};
                run_worlds({4, per_node, {}}, [&](World& world) {
                    Net net;
                    GradientBuckets buckets(world, net.parameters(), CostModel{},
                                            {.bucket_bytes = bytes, .algorithm = {}, .overlap = overlap});
                    for (int step = 0; step < 10; ++step) {
                        const bool uses_all = step != 3;
                        buckets.begin();
                        net.backward_of(8 * world.rank(), 8, uses_all);
                        buckets.finish();
                        auto got = gradients(net);
                        if (!uses_all) {
                            for (std::size_t i = without.size(); i < got.size(); ++i) wrong += got[i] != 0;
                            got.resize(without.size());
                        }
                        wrong += got != (uses_all ? truth : without);
                        for (const auto& [name, tensor] : net.parameters())
                            if (tensor.grad()) copied += !tensor.grad().same_view(tensor.grad_home());
                        clear(net);
                    }
                    wrong += std::ssize(buckets.plan().buckets) != (bytes == 1 ? 3 : bytes == kBucketBytes ? 1 : 2);
                });
                CHECK(wrong == 0);
                CHECK(copied == 0);
            }
}

TEST_CASE("gradients of several backward passes are summed once", "[buckets]") {
    const ThreadScope one(1);
    Net alone;
    alone.backward_of(0, 32, true);
    const std::vector<float> truth = gradients(alone);
    std::atomic<int> wrong{0};
    run_worlds({2, 2, {}}, [&](World& world) {
        Net net;
        GradientBuckets buckets(world, net.parameters(), CostModel{}, {.algorithm = {}, .overlap = Overlap::on});
        for (int step = 0; step < 3; ++step) {
            net.backward_of(16 * world.rank(), 8, true);
            buckets.begin();
            net.backward_of(16 * world.rank() + 8, 8, true);
            buckets.finish();
            wrong += gradients(net) != truth;
            clear(net);
        }
    });
    CHECK(wrong == 0);
}

TEST_CASE("ranks with other parameters are told apart", "[buckets]") {
    CHECK_THROWS_WITH(
        run_worlds({2, 1, {}},
                   [&](World& world) {
                       const Tensor weights = integers({2, world.rank() == 1 ? 5 : 4}, 1).set_requires_grad();
                       GradientBuckets buckets(world, {{"w", weights}}, CostModel{});
                       buckets.begin();
                       const Tensor dst = linear(integers({3, weights.dim(1)}, 2), weights, {});
                       backward(dst, Tensor::full(dst.dims(), 1));
                       buckets.finish();
                   }),
        keel::test::contains("rank 1 has another"));
}
