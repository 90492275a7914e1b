// What teams of many threads would do of the convolutions of ResNet50 and DenseNet121, layer by layer in every
// direction: how many chunks there are, how many threads get some, and what share of the team works. Nothing is
// measured: these are the pure functions that the kernels divide their work by.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/model_shapes.h"
#include "kernels/cpu.h"
#include "kernels/routing/conv_division.h"

namespace {

using namespace keel;
using namespace keel::kernels;

constexpr ConvPass kPasses[] = {ConvPass::infer, ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights,
                                ConvPass::quantized};

struct Weighted {
    double working = 0, macs = 0, busiest = 0;
};

void print_layer(const Conv2dGeometry& g, ConvPass pass, const ConvDivision& d, std::int64_t threads) {
    const double mean = d.total() / static_cast<double>(d.macs.size());
    std::printf("%dx%d s%d %4lld %4lld-%-4lld  %-16s %-8s %7lld chunks %3zu parts  even %.2f  share %.2f\n", g.kh, g.kw,
                g.stride_h, static_cast<long long>(g.ih), static_cast<long long>(g.ic), static_cast<long long>(g.oc),
                std::string(name_of(pass)).c_str(), std::string(name_of(d.algorithm)).c_str(),
                static_cast<long long>(d.chunks), d.macs.size(), mean / d.largest(), d.share(threads));
}

void print_model(const std::string& name, const std::vector<Conv2dGeometry>& layers, const Isa& isa,
                 std::int64_t threads, bool all) {
    Weighted sums[std::size(kPasses)];
    for (const Conv2dGeometry& g : bench::distinct(layers))
        for (std::size_t i = 0; i < std::size(kPasses); ++i) {
            const ConvPass pass = kPasses[i];
            if (pass == ConvPass::backward_data && g.ic == 3) continue;  // images want no gradient
            const bool sinks =
                pass == ConvPass::forward || (pass == ConvPass::backward_data && g.stride_h == 1 && g.stride_w == 1);
            const ConvDivision d = divide_conv(g, pass, {isa, threads, sinks});
            if (all) print_layer(g, pass, d, threads);
            const double macs = static_cast<double>(g.macs() * std::count(layers.begin(), layers.end(), g));
            sums[i].working += macs * d.share(threads);
            sums[i].macs += macs;
            sums[i].busiest += macs / d.share(threads);
        }
    std::printf("%-11s batch %2lld, %2lld threads, share that works by multiply-adds (by time):", name.c_str(),
                static_cast<long long>(layers.front().n), static_cast<long long>(threads));
    for (std::size_t i = 0; i < std::size(kPasses); ++i)
        std::printf("  %s %.3f (%.3f)", std::string(name_of(kPasses[i])).c_str(), sums[i].working / sums[i].macs,
                    sums[i].macs / sums[i].busiest);
    std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("how the convolutions of both models are divided among large teams; nothing is measured");
    std::vector<std::int64_t> threads{20, 28, 56, 64}, batches{1, 16, 64};
    std::string isa = "avx512_vnni";
    bool totals = false;
    app.add_option("--threads", threads)->delimiter(',')->check(CLI::Range(1, 1024));
    app.add_option("--batch", batches)->delimiter(',')->check(CLI::Range(1, 4096));
    app.add_option("--isa", isa, "whose register tiles")->capture_default_str();
    app.add_flag("--totals", totals, "no layers");
    CLI11_PARSE(app, argc, argv);
    for (const std::int64_t batch : batches)
        for (const std::int64_t team : threads) {
            print_model("resnet50", bench::resnet50_convolutions(batch), isa_from_name(isa), team, !totals);
            print_model("densenet121", bench::densenet121_convolutions(batch, bench::TransitionPool::before),
                        isa_from_name(isa), team, !totals);
        }
    return 0;
}
