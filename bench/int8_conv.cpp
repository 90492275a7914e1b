// int8 convolutions of a model, layer by layer: Keel's kernels, oneDNN's beside them, and the peak of the machine's
// multiply-adds of bytes, measured in turn. The last line is the whole model: its operations over the sum of its
// layers' times.
#include <immintrin.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/model_shapes.h"
#include "bench/seconds_of.h"
#include "engine/quantile.h"
#include "kernels/cpu.h"
#include "kernels/error.h"
#include "kernels/onednn/compat.h"
#include "kernels/onednn/runtime.h"
#include "kernels/parallel.h"
#include "kernels/qconv/qconv.h"
#include "kernels/simd/tiles.h"

namespace {

using namespace keel;
using namespace keel::kernels;
using dnnl::memory;

constexpr int kChains = 10;  // sums in flight: one or two a cycle, with results after 4 or 5 cycles
constexpr std::int64_t kRounds = 100'000;

__attribute__((target("avx512f,avx512vnni"))) void multiply_add_bytes() {
    __m512i sums[kChains], a = _mm512_set1_epi32(0x01020304), b = a;
    for (__m512i& sum : sums) sum = a;
    for (std::int64_t i = 0; i < kRounds; ++i)
        for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, b);
    for (__m512i sum : sums) __asm__ volatile("" : : "v"(sum));
}

__attribute__((target("avx2,avxvnni"))) void multiply_add_bytes_of_256_bits() {
    __m256i sums[kChains], a = _mm256_set1_epi32(0x01020304), b = a;
    for (__m256i& sum : sums) sum = a;
    for (std::int64_t i = 0; i < kRounds; ++i)
        for (__m256i& sum : sums) sum = _mm256_dpbusd_avx_epi32(sum, a, b);
    for (__m256i sum : sums) __asm__ volatile("" : : "x"(sum));
}

__attribute__((target("avx2"))) void multiply_add_halves() {
    __m256i sums[kChains], a = _mm256_set1_epi32(0x01020304), b = a;
    for (__m256i& sum : sums) sum = a;
    for (std::int64_t i = 0; i < kRounds; ++i)
        for (__m256i& sum : sums) {
            __asm__ volatile("" : "+x"(a));  // else the product is made once
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
        }
    for (__m256i sum : sums) __asm__ volatile("" : : "x"(sum));
}

constexpr std::int64_t kTileRounds = kRounds / 8;  // of four tiles of sums

__attribute__((target("amx-tile,amx-int8"))) void multiply_add_tiles() {
    simd::TileShapes shapes;
    for (int tile = 0; tile < simd::kTiles; ++tile) shapes.set(tile, simd::kTileRows, simd::kTileRowBytes);
    simd::Tiles::configure(shapes);
    for (std::int64_t i = 0; i < kTileRounds; ++i) {
        simd::Tiles::dot_bytes<0, 4, 6>();
        simd::Tiles::dot_bytes<1, 4, 7>();
        simd::Tiles::dot_bytes<2, 5, 6>();
        simd::Tiles::dot_bytes<3, 5, 7>();
    }
    simd::Tiles::release();
}

/// Whether the kernels, and so the peak, are those of AMX.
bool on_tiles() { return active_isa().includes(Isa::amx); }

/// The multiply-adds that the kernels are made of, and how many a call has.
struct Peak {
    void (*run)();
    std::int64_t products;
};

Peak peak() {
    const Isa& isa = active_isa();
    if (on_tiles()) return {multiply_add_tiles, 4 * 16 * 16 * 64 * kTileRounds};
    if (isa.includes(Isa::avx512_vnni)) return {multiply_add_bytes, 64 * kChains * kRounds};
    if (isa.includes(Isa::avx_vnni)) return {multiply_add_bytes_of_256_bits, 32 * kChains * kRounds};
    return {multiply_add_halves, 16 * kChains * kRounds};
}

/// Operations a second of the whole pool.
double peak_of(double seconds) { return 2 * static_cast<double>(peak().products * thread_count()) / seconds; }

void run_peak() {
    parallel_for(thread_count(), 1, [](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) peak().run();
    });
}

/// Keel's, with the factors of a real layer.
class Own {
public:
    explicit Own(const Conv2dGeometry& g)
        : conv_(g),
          src_(static_cast<std::size_t>(g.n * g.ih * g.iw * g.ic), 3),
          dst_(static_cast<std::size_t>(g.n * g.oh() * g.ow() * g.oc)),
          packed_(conv_.packed_bytes() + 64) {
        const std::vector<std::int8_t> weights(static_cast<std::size_t>(g.weights_elements()), 1);
        const std::vector<float> factors(static_cast<std::size_t>(g.oc), 0.01F);
        conv_.pack({weights.data(), factors.data(), factors.data(), nullptr}, aligned());
    }
    void run() {
        const Conv2dGeometry& g = conv_.plan().g;
        QconvOperands o;
        o.src = {src_.data(), g.ic};
        o.packed = aligned();
        o.dst = {dst_.data(), g.oc};
        conv_.run(g.n, o);
    }

private:
    std::byte* aligned() {
        void* begin = packed_.data();
        std::size_t room = packed_.size();
        return static_cast<std::byte*>(std::align(64, conv_.packed_bytes(), begin, room));
    }
    Qconv conv_;
    std::vector<std::uint8_t> src_, dst_;
    std::vector<std::byte> packed_;
};

/// oneDNN's, with no scales at all, in the layouts that it likes best.
class Onednn {
public:
    explicit Onednn(const Conv2dGeometry& g) {
        const auto any = memory::format_tag::any;
        const ForwardPd pd =
            onednn::make_forward_pd(onednn::engine(), dnnl::prop_kind::forward_inference,
                                    {{{g.n, g.ic, g.ih, g.iw}, memory::data_type::u8, memory::format_tag::nhwc},
                                     {{g.oc, g.ic, g.kh, g.kw}, memory::data_type::s8, any},
                                     {{g.oc}, memory::data_type::f32, memory::format_tag::x},
                                     {{g.n, g.oc, g.oh(), g.ow()}, memory::data_type::u8, memory::format_tag::nhwc},
                                     {g.stride_h, g.stride_w},
                                     {g.dilation_h - 1, g.dilation_w - 1},
                                     {g.pad_h, g.pad_w},
                                     {g.pad_h, g.pad_w}},
                                    dnnl::primitive_attr());
        name_ = pd.impl_info_str();
        primitive_ = dnnl::convolution_forward(pd);
        for (const auto& [argument, desc] :
             std::vector<std::pair<int, memory::desc>>{{DNNL_ARG_SRC, pd.src_desc()},
                                                       {DNNL_ARG_WEIGHTS, pd.weights_desc()},
                                                       {DNNL_ARG_BIAS, pd.bias_desc()},
                                                       {DNNL_ARG_DST, pd.dst_desc()}}) {
            const auto entry = data_.emplace(argument, memory(desc, onednn::engine()));
            std::fill_n(static_cast<char*>(entry.first->second.get_data_handle()), desc.get_size(), char{1});
        }
    }
    void run() {
        primitive_.execute(stream_, data_);
        stream_.wait();
    }
    const std::string& name() const { return name_; }

private:
    using ForwardPd = onednn::ForwardPd;
    dnnl::primitive primitive_;
    dnnl::stream stream_{onednn::engine()};
    std::unordered_map<int, memory> data_;
    std::string name_;
};

struct Times {
    double own = 0, onednn = 0, peak = 0;
};

Times time_layer(const Conv2dGeometry& g, int rounds, std::string& name) {
    Own own(g);
    Onednn onednn(g);
    name = onednn.name();
    own.run();
    onednn.run();
    const double once = seconds_of([&] { own.run(); });
    const int repeats = std::clamp(static_cast<int>(0.01 / once), 1, 1000);  // at least 10 ms of each
    std::vector<double> owns, onednns, peaks;
    const auto timed = [&](auto& side) {
        return seconds_of([&] {
                   for (int i = 0; i < repeats; ++i) side.run();
               }) /
               repeats;
    };
    for (int i = 0; i < rounds; ++i) {
        peaks.push_back(seconds_of(run_peak));
        owns.push_back(timed(own));
        onednns.push_back(timed(onednn));
    }
    return {median(owns), median(onednns), median(peaks)};
}

std::string text(const Conv2dGeometry& g) {
    char line[64];
    std::snprintf(line, sizeof line, "%dx%d s%d %4lldx%-4lld %4lld-%-4lld", g.kh, g.kw, g.stride_h,
                  static_cast<long long>(g.ih), static_cast<long long>(g.iw), static_cast<long long>(g.ic),
                  static_cast<long long>(g.oc));
    return line;
}

void run_model(const std::string& name, const std::vector<Conv2dGeometry>& layers, int rounds) {
    std::printf("%s, batch %lld\n%-28s %10s %8s %10s %8s  %s\n", name.c_str(), static_cast<long long>(layers.front().n),
                "kernel/map/channels", "Keel GOP/s", "of peak", "oneDNN", "of peak", "oneDNN's kernel");
    std::map<Conv2dGeometry, int> counts;
    for (const Conv2dGeometry& g : layers) ++counts[g];
    Times total;
    double operations = 0, at_peak = 0;
    for (const auto& [g, count] : counts) {
        std::string implementation;
        const Times t = time_layer(g, rounds, implementation);
        const double ops = 2.0 * static_cast<double>(g.macs()), peak = peak_of(t.peak);
        std::printf("%s x%-2d %10.0f %7.0f%% %10.0f %7.0f%%  %s\n", text(g).c_str(), count, 1e-9 * ops / t.own,
                    100 * ops / t.own / peak, 1e-9 * ops / t.onednn, 100 * ops / t.onednn / peak,
                    implementation.c_str());
        std::fflush(stdout);
        operations += count * ops;
        total.own += count * t.own;
        total.onednn += count * t.onednn;
        at_peak += count * ops / peak;
    }
    std::printf(
        "all %zu layers: Keel %.1f ms (%.0f GOP/s, %.1f%% of peak), oneDNN %.1f ms (%.1f%% of peak), peak %.0f "
        "GOP/s\n\n",
        layers.size(), 1e3 * total.own, 1e-9 * operations / total.own, 100 * at_peak / total.own, 1e3 * total.onednn,
        100 * at_peak / total.onednn, 1e-9 * operations / at_peak);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("int8 convolutions of a model's layers: Keel, oneDNN, and the share of the measured peak");
    std::string model = "resnet50", only;
    std::int64_t batch = 16;
    int rounds = 5, threads = 0;
    app.add_option("--model", model)->check(CLI::IsMember({"resnet50", "densenet121"}))->capture_default_str();
    app.add_option("--batch", batch)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--rounds", rounds, "Turns, of which the median counts")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--only", only, "Layers whose line holds this text, e.g. '3x3 s1'");
    app.add_option("--threads", threads, "0: the allowed cores")->check(CLI::NonNegativeNumber);
    CLI11_PARSE(app, argc, argv);
    if (!active_isa().includes(Isa::avx2)) {
        std::fprintf(stderr,
                     "int8_conv: the peak is that of AMX, AVX512-VNNI or AVX2, of which this machine has none\n");
        return 2;
    }
    if (threads > 0) set_thread_count(threads);
    omp_set_num_threads(thread_count());  // oneDNN divides whole convolutions by itself here
    std::vector<Conv2dGeometry> layers = model == "resnet50"
                                             ? bench::resnet50_convolutions(batch)
                                             : bench::densenet121_convolutions(batch, bench::TransitionPool::before);
    std::erase_if(layers, [&](const Conv2dGeometry& g) { return text(g).find(only) == std::string::npos; });
    if (!layers.empty()) run_model(model, layers, rounds);
    return 0;
}
