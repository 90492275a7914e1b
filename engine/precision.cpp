#include "engine/precision.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <vector>

#include "engine/quantile.h"
#include "engine/tensor.h"
#include "kernels/cpu.h"
#include "kernels/random.h"
#include "kernels/routing/conv2d.h"

namespace keel {
namespace {

thread_local Precision current_precision = Precision::f32;

/// A layer of medium size, as its three passes run in training.
class TimedLayer {
public:
    explicit TimedLayer(DType maps)
        : type_(maps), src_(random({kGeometry.n, kGeometry.ih, kGeometry.iw, kGeometry.ic}).to(maps)) {
        dst_ = Tensor::zeros({kGeometry.n, kGeometry.oh(), kGeometry.ow(), kGeometry.oc}, maps);
        weights_ = random({kGeometry.oc, kGeometry.ic, kGeometry.kh, kGeometry.kw});
        weights_.set_layout(kernels::panel_layout(kGeometry));
        diff_weights_ = weights_.empty_like();
    }

    /// Returns the milliseconds of a step.
    double step() const {
        const auto start = std::chrono::steady_clock::now();
        const kernels::Map src = map(src_), dst = map(dst_);
        const kernels::ConstMap from(src.data, src.ld, src.type), diff_dst(dst.data, dst.ld, dst.type);
        kernels::conv2d_forward(kGeometry, true, from, weights_.data<float>(), weights_.layout(), nullptr, dst);
        kernels::conv2d_backward_weights(kGeometry, from, diff_dst, diff_weights_.data<float>(), weights_.layout(),
                                         nullptr);
        kernels::conv2d_backward_data(kGeometry, diff_dst, weights_.data<float>(), weights_.layout(), src);
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    }

private:
    static constexpr kernels::Conv2dGeometry kGeometry{1, 128, 14, 14, 128, 3, 3, 1, 1, 1, 1};

    static Tensor random(const Dims& dims) {
        const Tensor tensor = Tensor::empty(dims);
        Random draws(0, Draw::bench);
        for (float& value : tensor.values<float>()) value = draws.uniform(-1, 1);
        return tensor;
    }

    kernels::Map map(const Tensor& tensor) const {
        return dispatch_map("precision", type_,
                            [&]<class T>(T) { return kernels::Map(tensor.data<T>(), tensor.ld(), type_); });
    }

    DType type_;
    Tensor src_, dst_, weights_, diff_weights_;
};

/// Returns the medians of alternating turns, so that what else the machine does meets both.
std::array<double, 2> step_milliseconds() {
    constexpr int kTurns = 5;
    const TimedLayer layers[] = {TimedLayer(DType::f32), TimedLayer(DType::bf16)};
    std::array<std::vector<double>, 2> times;
    for (int turn = 0; turn <= kTurns; ++turn)
        for (std::size_t i = 0; i < 2; ++i)
            if (const double ms = layers[i].step(); turn > 0) times[i].push_back(ms);  // the first warms up
    return {median(times[0]), median(times[1])};
}

}  // namespace

std::string_view name(Precision precision) { return precision == Precision::bf16 ? "bf16" : "f32"; }

Precision precision_of(std::string_view word) {
    if (word == "f32") return Precision::f32;
    if (word == "bf16") return Precision::bf16;
    if (word == "auto") return multiplies_bf16() ? Precision::bf16 : Precision::f32;
    throw UsageError(fmt::format("[precision] wanted f32, bf16 or auto, got \"{}\"", word));
}

bool multiplies_bf16() { return active_isa().includes(Isa::avx512_bf16); }

std::string imitation_warning(Precision precision) {
    if (precision != Precision::bf16 || multiplies_bf16()) return "";
    const auto [f32, bf16] = step_milliseconds();
    return fmt::format(
        "no instructions for bf16 ({} is used), so it is imitated: a convolution takes {:.1f} times as long as in f32 "
        "here ({:.2f} ms for {:.2f} ms); f32 or auto is faster",
        active_isa().name, bf16 / f32, bf16, f32);
}

PrecisionScope::PrecisionScope(Precision precision) : before_(current_precision) { current_precision = precision; }
PrecisionScope::~PrecisionScope() { current_precision = before_; }

Precision PrecisionScope::current() { return current_precision; }

DType PrecisionScope::map_type(DType type) {
    return type == DType::f32 && current_precision == Precision::bf16 ? DType::bf16 : type;
}

}  // namespace keel
