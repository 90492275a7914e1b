// Inference by a team on two memory nodes, of a machine that is made up: the same bits, from each node's own copy.
#include "graph/copied.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "graph/build/builder.h"
#include "graph/ops/quant_conv.h"
#include "graph/runtime.h"
#include "kernels/replicas.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/gradcheck.h"
#include "tests/support/isa.h"
#include "tests/support/two_nodes.h"

using namespace keel;
using namespace keel::graph;
using namespace keel::test;

namespace {

constexpr std::int64_t kImages = 4;

Tensor copied_weights(const Dims& dims, std::uint64_t seed) { return uniform(dims, seed, -0.5, 0.5).to(DType::f32); }

/// A convolution for each family of kernels: few channels, 3x3 by Winograd's algorithm, 1x1, depthwise, groups, and a
/// linear layer.
Graph all_kernels() {
    Builder b(12, 12, 3);
    const Value few = b.relu(b.conv("few", b.src(), copied_weights({32, 3, 3, 3}, 1), {}, {.pad = 1}));
    const Value wide = b.conv("wide", few, copied_weights({32, 32, 3, 3}, 2), {}, {.pad = 1});
    const Value point = b.conv("point", wide, copied_weights({64, 32, 1, 1}, 3), {}, {});
    const Value strided = b.conv("strided", point, copied_weights({64, 64, 3, 3}, 4), {}, {.stride = 2, .pad = 1});
    const Value deep = b.conv("deep", strided, copied_weights({64, 1, 3, 3}, 5), {}, {.pad = 1, .groups = 64});
    const Value grouped =
        b.relu(b.conv("grouped", deep, copied_weights({64, 16, 3, 3}, 6), {}, {.pad = 1, .groups = 4}));
    return b.finish(b.linear("linear", grouped, copied_weights({5, 64 * 36}, 7), {}));
}

std::vector<float> run_images(const Runtime& runtime, const Tensor& images) {
    const std::int64_t n = images.dim(0);
    std::vector<float> dst(static_cast<std::size_t>(n * runtime.graph().map(runtime.graph().dst).elements()));
    runtime.run(n, images.data<float>(), dst.data());
    return dst;
}

std::vector<float> run_alone_on(const TwoNodes& two, int node, const Runtime& runtime, const Tensor& images) {
    std::vector<float> result;
    two.alone_on(node, [&] { result = run_images(runtime, images); });
    return result;
}

bool copies_are_equal() { return std::ranges::equal(kernels::copies_on(0), kernels::copies_on(1)); }

/// Zeros a node's copies while it lives.
class Spoilt {
public:
    explicit Spoilt(int node) : copies_(kernels::copies_on(node)), before_(copies_.begin(), copies_.end()) {
        std::ranges::fill(copies_, std::byte{0});
    }
    ~Spoilt() { std::ranges::copy(before_, copies_.begin()); }
    Spoilt(const Spoilt&) = delete;
    Spoilt& operator=(const Spoilt&) = delete;

private:
    std::span<std::byte> copies_;
    std::vector<std::byte> before_;
};

/// Holds what is made on two nodes against what is made on one.
void check_on_two_nodes(const Graph& graph, Precision precision, const Tensor& images) {
    const std::vector<float> wanted = run_images(Runtime(graph, kImages, precision), images);
    CHECK(kernels::copies_on(0).empty());
    {
        const TwoNodes two;
        const Runtime runtime(graph, kImages, precision);
        REQUIRE(!kernels::copies_on(0).empty());
        CHECK(copies_are_equal());
        for (int i = 0; i < 5; ++i) CHECK(run_images(runtime, images) == wanted);
        // Where one node's copies are spoilt, the other one's thread does not notice: it reads none of them.
        for (const int node : {0, 1}) {
            const Spoilt spoilt(1 - node);
            CHECK(run_alone_on(two, node, runtime, images) == wanted);
            CHECK(run_alone_on(two, 1 - node, runtime, images) != wanted);
        }
        // Nor does the team's first thread, while the second one, once it has a part, does.
        const Spoilt spoilt(1);
        bool differs = false;
        for (int i = 0; i < 2000 && !differs; ++i) differs = run_images(runtime, images) != wanted;
        CHECK(differs);
    }
    CHECK(kernels::copies_on(0).empty());
}

}  // namespace

TEST_CASE("A team on two nodes predicts the same bits, each thread from its node's weights", "[copied]") {
    if (!TwoNodes::possible()) return;
    const Tensor images = random_images(kImages, 12, 3, 1);
    for_each_isa([&] {
        for (const Precision precision : {Precision::f32, Precision::bf16})
            check_on_two_nodes(all_kernels(), precision, images);
    });
}

TEST_CASE("So does a quantized graph, whose shifts are replaced in all copies", "[copied]") {
    if (!TwoNodes::possible()) return;
    const Network network("resnet20", 28);
    const Graph graph = network.quantized().graph;
    const Tensor& images = network.batches.front();
    for_each_isa([&] { check_on_two_nodes(graph, Precision::f32, images); });

    const auto of_quantized = std::ranges::find_if(
        graph.nodes, [](const Node& node) { return node.as<QuantConv>() != nullptr && node.dst.c == 16; });
    const auto step = static_cast<std::size_t>(of_quantized - graph.nodes.begin());
    const std::vector<float> shift(16, 3);
    Runtime one(graph, kImages);
    one.set_shift(step, shift);
    const std::vector<float> wanted = run_images(one, images);
    const TwoNodes two;
    Runtime runtime(graph, kImages);
    CHECK(run_images(runtime, images) != wanted);
    runtime.set_shift(step, shift);
    CHECK(copies_are_equal());
    for (const int node : {0, 1}) CHECK(run_alone_on(two, node, runtime, images) == wanted);
    CHECK(run_images(runtime, images) == wanted);
}

TEST_CASE("Graphs come and go on teams of any size, wherever these sit, and in a child of fork()", "[copied][fork]") {
    if (!TwoNodes::possible()) return;
    const Tensor images = random_images(kImages, 12, 3, 1);
    auto before = std::make_unique<Runtime>(all_kernels(), kImages);
    const std::vector<float> wanted = run_images(*before, images);
    std::optional<Runtime> during;
    {
        const TwoNodes two;
        during.emplace(all_kernels(), kImages);
        for (const int threads : {1, 3, 2, 7}) {
            const ThreadScope team(threads);
            const Runtime own(all_kernels(), kImages);
            for (const Runtime* runtime : std::initializer_list<const Runtime*>{before.get(), &*during, &own})
                CHECK(run_images(*runtime, images) == wanted);
        }
        std::atomic<int> wrong = 0;
        std::vector<std::thread> callers;
        for (int i = 0; i < 3; ++i)
            callers.emplace_back([&] {
                for (int j = 0; j < 5; ++j) {
                    wrong += run_images(*during, images) == wanted ? 0 : 1;
                    wrong += run_images(Runtime(all_kernels(), kImages), images) == wanted ? 0 : 1;
                }
            });
        const pid_t child = ::fork();
        if (child == 0)
            std::_Exit(run_images(*during, images) == wanted &&
                               run_images(Runtime(all_kernels(), kImages), images) == wanted
                           ? 0
                           : 1);
        int status = 1;
        CHECK((::waitpid(child, &status, 0) == child && status == 0));
        for (std::thread& caller : callers) caller.join();
        CHECK(wrong == 0);
    }
    // The team is where it was before; what was made meanwhile goes on as it is.
    before.reset();
    CHECK(run_images(*during, images) == wanted);
    CHECK(copies_are_equal());
    during.reset();
    CHECK(kernels::copies_on(1).empty());
}

TEST_CASE("What is no weight of several nodes stays where it is", "[copied]") {
    const Tensor plain = copied_weights({3, 5}, 1);
    CHECK(copied_to_nodes(plain).data<float>() == plain.data<float>());
    if (!TwoNodes::possible()) return;
    const TwoNodes two;
    const Tensor copied = copied_to_nodes(plain);
    CHECK(copied.data<float>() != plain.data<float>());
    CHECK(std::ranges::equal(copied.values<float>(), plain.values<float>()));
    CHECK(copied.dims() == plain.dims());
}
