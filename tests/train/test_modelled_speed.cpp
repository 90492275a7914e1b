// The model of speed over steps that are recorded here.
#include "train/modelled_speed.h"

#include <memory>

#include "distributed/communicator.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

ModelledSpeed modelled(const std::string& node, const std::string& mode, const std::string& precision,
                       std::int64_t batch, std::int64_t threads, const std::string& model = "resnet20") {
    World world([] { return std::shared_ptr<Communicator>(self_communicator()); });
    StepTimingOptions timing{.model = model, .mode = mode};
    timing.precision = precision;
    timing.batch = batch;
    timing.image_size = 32;
    return model_speed({timing, node, threads}, world);
}

}  // namespace

TEST_CASE("a step is modelled on a processor that is not at hand", "[speed]") {
    const int threads = thread_count();
    const ModelledSpeed step = modelled("sapphire_rapids", "train", "f32", 2, 3, "resnet18");
    CHECK(thread_count() == threads);
    CHECK(step.node.name == "sapphire_rapids");
    CHECK(step.precision == "f32");
    CHECK(step.options.threads == 3);
    CHECK(step.step_measured == 0);
    int passes[3] = {};
    for (const speed::ModelledSpan& span : step.step.spans) {
        if (span.algorithm.empty()) continue;
        CHECK(span.seconds > 0);
        passes[0] += span.kind.starts_with("conv2d_forward");
        passes[1] += span.kind.starts_with("conv2d_backward_data");
        passes[2] += span.kind.starts_with("conv2d_backward_weights");
    }
    CHECK(passes[0] == 20);
    CHECK(passes[1] == 19);  // images want no gradient
    CHECK(passes[2] == 20);
}

TEST_CASE("all cores of a node work where nothing else is said, in its own numbers", "[speed]") {
    const ModelledSpeed halves = modelled("sapphire_rapids", "infer", "auto", 1, 0);
    CHECK(halves.options.threads == 56);
    CHECK(halves.precision == "bf16");
    CHECK(modelled("ice_lake", "infer", "auto", 1, 0).precision == "f32");
    const ModelledSpeed bytes = modelled("sapphire_rapids", "int8", "f32", 1, 2);
    CHECK(bytes.precision == "int8");
    CHECK(bytes.options.numbers == speed::Numbers::int8);
}

TEST_CASE("more images than are tried are drawn", "[speed]") {
    const ModelledSpeed few = modelled("zen4", "infer", "f32", 16, 2), many = modelled("zen4", "infer", "f32", 160, 2);
    CHECK(many.step.seconds > 8 * few.step.seconds);
    CHECK(many.step.seconds < 12 * few.step.seconds);
}

TEST_CASE("what cannot be modelled is refused", "[speed]") {
    CHECK_THROWS_AS(modelled("pentium", "infer", "f32", 1, 2), UsageError);
    CHECK_THROWS_AS(modelled("zen4", "int8", "bf16", 1, 2), UsageError);
    CHECK_THROWS_AS(modelled("zen4", "guess", "f32", 1, 2), UsageError);
}
