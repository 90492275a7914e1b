#include "engine/precision.h"

#include <algorithm>
#include <thread>

#include "engine/arena.h"
#include "engine/nn/layers.h"
#include "kernels/cpu.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

/// Bytes that a small network's maps take until backward has passed.
std::size_t bytes_kept(Precision precision) {
    const PrecisionScope scope(precision);
    nn::Conv2d first(3, 32, 3, {.pad = 1}), second(32, 32, 3, {.pad = 1});
    nn::BatchNorm2d norm(32, true);
    for (const nn::Conv2d* layer : {&first, &second})
        layer->weight().assign(Tensor::full(layer->weight().dims(), 0.01));
    const Tensor src = uniform({2, 32, 32, 3}, 1).to(DType::f32);
    const std::size_t before = Arena::global().statistics().in_use;
    const Tensor dst = second.after(norm, first(src));
    CHECK(dst.dtype() == PrecisionScope::map_type(DType::f32));
    const std::size_t kept = Arena::global().statistics().in_use - before;
    backward(dst, Tensor::full(dst.dims(), 1, dst.dtype()));
    CHECK(first.weight().grad().dtype() == DType::f32);
    CHECK(norm.weight().grad().dtype() == DType::f32);
    return kept;
}

}  // namespace

TEST_CASE("precision: what words mean depends on the instruction set", "[precision]") {
    CHECK(precision_of("f32") == Precision::f32);
    CHECK(precision_of("bf16") == Precision::bf16);
    CHECK_THROWS_WITH(precision_of("fp16"), contains("wanted f32, bf16 or auto, got \"fp16\""));
    for (const Isa& isa : available_isas()) {
        const IsaScope scope(isa);
        const bool multiplies = contains(isa.features, Features::avx512_bf16);
        CHECK(multiplies_bf16() == multiplies);
        CHECK(precision_of("auto") == (multiplies ? Precision::bf16 : Precision::f32));
        CHECK(imitation_warning(Precision::f32).empty());
        if (multiplies) CHECK(imitation_warning(Precision::bf16).empty());
    }
    const IsaScope scope(available_isas()[1 % available_isas().size()]);
    CHECK_THAT(imitation_warning(Precision::bf16), contains("times as long as in f32"));
}

TEST_CASE("precision scopes nest, and are a thread's own", "[precision]") {
    CHECK(PrecisionScope::current() == Precision::f32);
    const PrecisionScope outer(Precision::bf16);
    CHECK(PrecisionScope::map_type(DType::f32) == DType::bf16);
    CHECK(PrecisionScope::map_type(DType::f64) == DType::f64);
    {
        const PrecisionScope inner(Precision::f32);
        CHECK(PrecisionScope::map_type(DType::f32) == DType::f32);
    }
    CHECK(PrecisionScope::current() == Precision::bf16);
    std::thread([] { CHECK(PrecisionScope::current() == Precision::f32); }).join();
}

TEST_CASE("layers take bf16 from the first convolution to the last linear layer", "[precision]") {
    const PrecisionScope scope(Precision::bf16);
    nn::Conv2d conv(3, 32, 3, {.pad = 1}, true);
    nn::Linear linear(32, 2);
    conv.weight().assign(uniform(conv.weight().dims(), 1).to(DType::f32));
    linear.weight().assign(uniform(linear.weight().dims(), 2).to(DType::f32));
    const Tensor src = uniform({2, 6, 6, 3}, 3).to(DType::f32), map = conv(src);
    CHECK(map.dtype() == DType::bf16);
    CHECK(relu(map).dtype() == DType::bf16);
    CHECK(linear(global_avg_pool(map)).dtype() == DType::f32);
    CHECK(linear(cast(global_avg_pool(map), DType::bf16)).dtype() == DType::f32);
    // What the first one reads is f32, and computed in f32.
    const PrecisionScope f32(Precision::f32);
    const Tensor rounded = conv(src).to(DType::bf16);
    CHECK(std::ranges::equal(map.to(DType::f32).values<float>(), rounded.to(DType::f32).values<float>()));
}

TEST_CASE("maps of bf16 keep half of the memory", "[precision]") {
    const std::size_t f32 = bytes_kept(Precision::f32), bf16 = bytes_kept(Precision::bf16);
    INFO(f32 << " and " << bf16 << " bytes");
    // Beside maps there are the f32 numbers of 32 channels and the weights' panels.
    CHECK(static_cast<double>(bf16) < 0.55 * static_cast<double>(f32));
}
