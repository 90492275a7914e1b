// The floor under a training step: the time of the model's convolutions alone, each at oneDNN's best (direct algorithm,
// data prepared in the layout that the primitive likes), summed over the model; and Keel's step beside it, in turn. No
// engine that calls these primitives trains faster than the floor.
#include <omp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "bench/model_shapes.h"
#include "bench/seconds_of.h"
#include "engine/quantile.h"
#include "kernels/cpu.h"
#include "kernels/onednn/compat.h"
#include "kernels/onednn/library.h"
#include "kernels/onednn/runtime.h"
#include "kernels/parallel.h"
#include "models/random_training.h"

namespace {

using namespace keel;
using namespace keel::kernels;
using dnnl::memory;

/// Of forward, backward data, backward weights.
using Seconds = std::array<double, 3>;

double sum(const Seconds& s) { return s[0] + s[1] + s[2]; }

memory filled(const memory::desc& desc) {
    memory data(desc, onednn::engine());
    std::fill_n(static_cast<float*>(data.get_data_handle()), desc.get_size() / sizeof(float), 0.5F);
    return data;
}

/// The best of four runs after one that warms up.
double best_seconds(const dnnl::primitive& primitive, const std::vector<std::pair<int, memory::desc>>& arguments) {
    std::unordered_map<int, memory> data;
    for (const auto& [name, desc] : arguments) data.emplace(name, filled(desc));
    dnnl::stream stream(onednn::engine());
    double best = 0;
    for (int run = 0; run < 5; ++run) {
        const double seconds = seconds_of([&] {
            primitive.execute(stream, data);
            stream.wait();
        });
        best = run <= 1 ? seconds : std::min(best, seconds);
    }
    return best;
}

/// Of one convolution with activations in `layout`; `any` leaves it to the primitive.
Seconds floor_of(const Conv2dGeometry& g, memory::format_tag layout) {
    const auto f32 = memory::data_type::f32;
    const onednn::ConvDescs descs{memory::desc({g.n, g.ic, g.ih, g.iw}, f32, layout),
                                  memory::desc({g.oc, g.ic, g.kh, g.kw}, f32, memory::format_tag::any),
                                  memory::desc(),
                                  memory::desc({g.n, g.oc, g.oh(), g.ow()}, f32, layout),
                                  {g.stride_h, g.stride_w},
                                  {0, 0},
                                  {g.pad_h, g.pad_w},
                                  {g.pad_h, g.pad_w}};
    const dnnl::primitive_attr attributes;  // oneDNN brings the scratchpad
    const auto f = onednn::make_forward_pd(onednn::engine(), dnnl::prop_kind::forward_training, descs, attributes);
    const auto w = onednn::make_backward_weights_pd(onednn::engine(), descs, f, attributes);
    Seconds seconds{};
    seconds[0] = best_seconds(
        dnnl::convolution_forward(f),
        {{DNNL_ARG_SRC, f.src_desc()}, {DNNL_ARG_WEIGHTS, f.weights_desc()}, {DNNL_ARG_DST, f.dst_desc()}});
    if (g.ic > 3) {  // nobody asks for the images' gradient
        const auto d = onednn::make_backward_data_pd(onednn::engine(), descs, f, attributes);
        seconds[1] = best_seconds(dnnl::convolution_backward_data(d), {{DNNL_ARG_DIFF_SRC, d.diff_src_desc()},
                                                                       {DNNL_ARG_WEIGHTS, d.weights_desc()},
                                                                       {DNNL_ARG_DIFF_DST, d.diff_dst_desc()}});
    }
    seconds[2] = best_seconds(dnnl::convolution_backward_weights(w), {{DNNL_ARG_SRC, w.src_desc()},
                                                                      {DNNL_ARG_DIFF_WEIGHTS, w.diff_weights_desc()},
                                                                      {DNNL_ARG_DIFF_DST, w.diff_dst_desc()}});
    return seconds;
}

Seconds floor_of(const std::vector<Conv2dGeometry>& convolutions, memory::format_tag layout) {
    std::map<Conv2dGeometry, int> counts;
    for (const Conv2dGeometry& g : convolutions) ++counts[g];
    Seconds total{};
    for (const auto& [g, count] : counts) {
        const Seconds seconds = floor_of(g, layout);
        for (std::size_t i = 0; i < total.size(); ++i) total[i] += count * seconds[i];
    }
    return total;
}

struct Options {
    std::string model = "densenet121";
    std::int64_t batch = 16;
    int rounds = 5, steps = 3, threads = 0;
};

struct Round {
    Seconds blocked, nhwc;
    double step;
    double floor() const { return std::min(sum(blocked), sum(nhwc)); }
};

/// A line of medians: forward, backward data, backward weights, all, and the rate they allow.
void print_floor(const Options& o, const char* name, const std::vector<Round>& rounds, Seconds Round::*floor) {
    std::printf("%-16s", name);
    std::vector<double> all;
    for (const Round& round : rounds) all.push_back(sum(round.*floor));
    for (std::size_t pass = 0; pass < 3; ++pass) {
        std::vector<double> seconds;
        for (const Round& round : rounds) seconds.push_back((round.*floor)[pass]);
        std::printf("%10.3f", median(seconds));
    }
    std::printf("%10.3f%10.2f\n", median(all), static_cast<double>(o.batch) / median(all));
}

void print(const Options& o, const std::vector<Round>& rounds) {
    std::vector<double> steps, ratios;
    for (const Round& round : rounds) {
        steps.push_back(round.step);
        ratios.push_back(round.floor() / round.step);
    }
    std::printf("%s, batch %lld at 224, %d threads, %s, oneDNN %s: medians of %zu rounds\n", o.model.c_str(),
                static_cast<long long>(o.batch), thread_count(), active_isa().name, convolution_library().c_str(),
                rounds.size());
    std::printf("%-16s%10s%10s%10s%10s%10s\n", "seconds", "forward", "bwd data", "weights", "all", "img/s");
    print_floor(o, "floor, blocked", rounds, &Round::blocked);
    print_floor(o, "floor, nhwc", rounds, &Round::nhwc);
    std::printf("%-16s%10s%10s%10s%10.3f%10.2f\n", "step", "", "", "", median(steps),
                static_cast<double>(o.batch) / median(steps));
    std::printf("floor / step: %.3f (%.3f-%.3f)\n", median(ratios), std::ranges::min(ratios), std::ranges::max(ratios));
}

void run(const Options& o) {
    if (o.threads > 0) set_thread_count(o.threads);
    const auto convolutions = o.model == "resnet50"
                                  ? bench::resnet50_convolutions(o.batch)
                                  : bench::densenet121_convolutions(o.batch, bench::TransitionPool::after);
    RandomTraining training(o.model, {}, o.batch, 224, 0);
    for (int i = 0; i < 2; ++i) training.step();
    omp_set_num_threads(thread_count());  // oneDNN divides whole convolutions by itself here
    std::vector<Round> rounds;
    for (int i = 0; i < o.rounds; ++i) {
        Round round{floor_of(convolutions, memory::format_tag::any), floor_of(convolutions, memory::format_tag::nhwc),
                    0};
        std::vector<double> steps;
        training.step();  // the floor's data have gone through the caches
        for (int step = 0; step < o.steps; ++step) steps.push_back(seconds_of([&] { training.step(); }));
        round.step = median(steps);
        rounds.push_back(round);
        std::fprintf(stderr, "round %d: floor %.3f s (blocked), %.3f s (nhwc), step %.3f s: floor / step %.3f\n", i + 1,
                     sum(round.blocked), sum(round.nhwc), round.step, round.floor() / round.step);
    }
    print(o, rounds);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("oneDNN's convolutions alone beside Keel's training step, in turn.", "conv_floor");
    app.add_option("--model", options.model, "densenet121 or resnet50")
        ->check(CLI::IsMember({"densenet121", "resnet50"}))
        ->capture_default_str();
    app.add_option("--batch", options.batch, "Images a step")->check(CLI::Range(1, 4096))->capture_default_str();
    app.add_option("--rounds", options.rounds, "Alternations")->check(CLI::Range(1, 1000))->capture_default_str();
    app.add_option("--steps", options.steps, "Steps timed a round")->check(CLI::Range(1, 1000))->capture_default_str();
    app.add_option("--threads", options.threads, "Compute threads [default: the allowed cores]")
        ->check(CLI::Range(1, 1024));
    CLI11_PARSE(app, argc, argv);
    try {
        run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "conv_floor: %s\n", error.what());
        return 1;
    }
    return 0;
}
