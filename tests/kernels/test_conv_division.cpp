// What large teams do of the models' convolutions, by the functions that the kernels divide by.
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "bench/model_shapes.h"
#include "kernels/igemm/division.h"
#include "kernels/igemm/gather_plan.h"
#include "kernels/parallel.h"
#include "kernels/routing/conv_division.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::kernels;

namespace {

constexpr ConvPass kPasses[] = {ConvPass::infer, ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights,
                                ConvPass::quantized};
constexpr ConvPass kTraining[] = {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights};

/// As the engine runs it: in training forward passes and most of backward data feed batch norms.
ConvDivision divided(const Conv2dGeometry& g, ConvPass pass, const Isa& isa, std::int64_t threads) {
    const bool sinks =
        pass == ConvPass::forward || (pass == ConvPass::backward_data && g.stride_h == 1 && g.stride_w == 1);
    return divide_conv(g, pass, {isa, threads, sinks});
}

std::vector<std::vector<Conv2dGeometry>> models(std::int64_t batch) {
    return {bench::resnet50_convolutions(batch), bench::densenet121_convolutions(batch, bench::TransitionPool::before)};
}

/// The share of the team's threads that work, weighted by multiply-adds.
template <class Passes>
double share_of(const std::vector<Conv2dGeometry>& layers, const Passes& passes, std::int64_t threads) {
    double working = 0, all = 0;
    for (const Conv2dGeometry& g : layers)
        for (const ConvPass pass : passes) {
            if (pass == ConvPass::backward_data && g.ic == 3) continue;  // images want no gradient
            const auto macs = static_cast<double>(g.macs());
            working += macs * divided(g, pass, Isa::avx512_vnni, threads).share(threads);
            all += macs;
        }
    return working / all;
}

}  // namespace

TEST_CASE("a team's parts are a convolution's work, each piece of it once", "[division]") {
    for (const Isa& isa : {Isa::avx2, Isa::avx512, Isa::amx})
        for (const std::int64_t threads : {1, 3, 28, 64})
            for (const auto& layers : models(2))
                for (const Conv2dGeometry& g : bench::distinct(layers))
                    for (const ConvPass pass : kPasses) {
                        const ConvDivision division = divided(g, pass, isa, threads);
                        CAPTURE(isa.name, threads, g.ic, g.ih, g.oc, g.kh, g.stride_h, name_of(pass));
                        CHECK(std::ssize(division.macs) <= threads);
                        CHECK(division.chunks >= std::ssize(division.macs));
                        CHECK(std::abs(division.total() / static_cast<double>(g.macs()) - 1) < 1e-9);  // doubles add up
                        CHECK(division.share(threads) <= 1 + 1e-9);
                    }
}

TEST_CASE("the algorithms are those of the kernels", "[division]") {
    const auto square = [](std::int64_t n, std::int64_t size, std::int64_t channels) {
        return bench::square_conv(n, size, channels, channels, 3);
    };
    CHECK(conv_algorithm(square(16, 14, 64), ConvPass::forward, Isa::avx512) == ConvAlgorithm::winograd);
    CHECK(conv_algorithm(square(1, 14, 64), ConvPass::forward, Isa::avx512) == ConvAlgorithm::igemm);
    CHECK(conv_algorithm(square(1, 14, 64), ConvPass::infer, Isa::avx512) == ConvAlgorithm::winograd);
    CHECK(conv_algorithm(square(1, 7, 64), ConvPass::infer, Isa::avx512) == ConvAlgorithm::igemm);
    CHECK(conv_algorithm(square(1, 7, 48), ConvPass::forward, Isa::avx2) == ConvAlgorithm::igemm);
    CHECK(conv_algorithm(square(1, 7, 48), ConvPass::forward, Isa::avx512) == ConvAlgorithm::onednn);
    CHECK(conv_algorithm(bench::square_conv(1, 224, 3, 64, 7, 2), ConvPass::infer, Isa::avx512) ==
          ConvAlgorithm::onednn);
    CHECK(conv_algorithm(square(1, 7, 48), ConvPass::quantized, Isa::amx) == ConvAlgorithm::qconv);
    // On matrix tiles products of bf16 are so fast that transforms pay for many channels, and weights' for many pixels.
    CHECK(conv_algorithm(square(16, 56, 64), ConvPass::forward, Isa::avx512_bf16, true) == ConvAlgorithm::winograd);
    CHECK(conv_algorithm(square(16, 56, 64), ConvPass::forward, Isa::amx, true) == ConvAlgorithm::igemm);
    CHECK(conv_algorithm(square(16, 56, 64), ConvPass::forward, Isa::amx) == ConvAlgorithm::winograd);
    CHECK(conv_algorithm(square(16, 7, 512), ConvPass::forward, Isa::amx, true) == ConvAlgorithm::igemm);
    CHECK(conv_algorithm(square(64, 7, 512), ConvPass::forward, Isa::amx, true) == ConvAlgorithm::winograd);
    CHECK(conv_algorithm(square(16, 7, 512), ConvPass::infer, Isa::amx, true) == ConvAlgorithm::winograd);
    CHECK(conv_algorithm(square(16, 14, 128), ConvPass::infer, Isa::amx, true) == ConvAlgorithm::igemm);
}

TEST_CASE("backward data of a stride is as many convolutions, of all taps", "[division]") {
    const Conv2dGeometry g = bench::square_conv(2, 28, 32, 64, 3, 2);
    std::int64_t taps = 0, points = 0;
    for (const igemm::BackwardGather& gather : igemm::backward_gathers(g)) {
        taps += std::ssize(gather.kernel_taps);
        points += gather.conv.points();
    }
    CHECK(taps == 9);
    CHECK(points == 2 * 28 * 28);
    CHECK(igemm::backward_gathers(bench::square_conv(2, 28, 32, 64, 3)).size() == 1);
}

TEST_CASE("most of a team of 28 and of 56 works", "[division]") {
    struct Bar {
        std::int64_t batch, threads;
        double share;
    };
    for (const auto& [batch, threads, share] :
         {Bar{16, 28, 0.95}, Bar{1, 28, 0.85}, Bar{16, 56, 0.93}, Bar{64, 28, 0.94}, Bar{64, 56, 0.92}})
        for (const auto& layers : models(batch)) {
            CAPTURE(batch, threads, layers.size());
            CHECK(share_of(layers, kTraining, threads) >= share);
            CHECK(share_of(layers, std::array{ConvPass::infer}, threads) >= share);
        }
    for (const auto& layers : models(16)) CHECK(share_of(layers, std::array{ConvPass::quantized}, 28) >= 0.9);
    for (const auto& layers : models(1)) CHECK(share_of(layers, std::array{ConvPass::quantized}, 28) >= 0.75);
}

TEST_CASE("sums of gradients of weights depend on the layer, and on the team where that saves a hundredth of a step",
          "[division]") {
    const auto work_of = [](const Conv2dGeometry& g, const Isa& isa) {
        const std::int64_t columns = tile_of(isa).columns;
        return conv_algorithm(g, ConvPass::backward_weights, isa) == ConvAlgorithm::winograd
                   ? winograd_weights_work(g, columns)
                   : igemm_weights_work(g, columns);
    };
    const TileShape tile = tile_of(Isa::avx512_vnni);
    for (const auto& [threads, bar] : {std::pair{1, 0.95}, {2, 0.9}, {4, 0.9}, {8, 0.6}, {28, 0.05}}) {
        double same = 0, all = 0;
        for (const auto& layers : models(16))
            for (const Conv2dGeometry& g : layers) {
                if (g.ic == 3) continue;  // oneDNN's
                const WeightsWork work = work_of(g, Isa::avx512_vnni);
                const std::int64_t own = groups_of_sums(work);
                CAPTURE(threads, g.ic, g.ih, g.oc, g.kh, own);
                CHECK(own == groups_of_sums(work_of(g, Isa::avx2)));
                CHECK(own * g.weights_elements() <= std::max<std::int64_t>(1 << 20, g.weights_elements()));
                CHECK(plan_weights(work, tile, threads, true).groups == own);
                const WeightsPlan plan = plan_weights(work, tile, threads, false);
                CHECK(plan.parts() <= kMostParts);
                if (plan.groups == own) same += static_cast<double>(g.macs());
                all += static_cast<double>(g.macs());
            }
        CHECK(same / all >= bar);
    }
}
