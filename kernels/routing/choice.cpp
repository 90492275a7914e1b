#include "kernels/routing/choice.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "kernels/bf16.h"
#include "kernels/cpu.h"
#include "kernels/igemm/igemm.h"
#include "kernels/immortal.h"
#include "kernels/onednn/conv.h"
#include "kernels/random.h"
#include "kernels/routing/conv2d.h"

namespace keel::kernels {
namespace {

constexpr int kTurns = 5;

struct Tuning {
    bool on = false;
    std::map<std::pair<Conv2dGeometry, DType>, bool> own;
    std::function<void(const ConvChoice&)> report;
};

constinit ForkMutex tuning_mutex;

Tuning& tuning() {
    static constinit Immortal<Tuning> state;
    return state.get();
}

struct AlignedDelete {
    void operator()(float* data) const { ::operator delete (data, std::align_val_t{64}); }
};

using Floats = std::unique_ptr<float, AlignedDelete>;

/// Denormals or zeros would be timed instead of the kernels.
template <class T>
void fill(T* data, std::int64_t count) {
    Random random(0, Draw::bench);
    for (std::int64_t i = 0; i < count; ++i) data[i] = random.uniform(-1, 1);
}

/// So many elements of either type.
Floats random_elements(std::int64_t count, DType type = DType::f32) {
    Floats data(
        static_cast<float*>(::operator new (static_cast<std::size_t>(count) * sizeof(float), std::align_val_t{64})));
    if (type == DType::bf16)
        fill(reinterpret_cast<Bf16*>(data.get()), count);
    else
        fill(data.get(), count);
    return data;
}

/// A training step's calls for one layer.
class Trial {
public:
    Trial(const Conv2dGeometry& g, DType type, WeightsLayout own, WeightsLayout onednn)
        : g_(g),
          type_(type),
          layouts_{std::move(own), std::move(onednn)},
          src_(random_elements(g.n * g.ih * g.iw * g.ic, type)),
          dst_(random_elements(g.n * g.oh() * g.ow() * g.oc, type)),
          weights_(random_elements(std::max(layout_elements(layouts_[0]), layout_elements(layouts_[1])))),
          diff_weights_(random_elements(std::max(layout_elements(layouts_[0]), layout_elements(layouts_[1])))) {}

    ConvChoice run() {
        std::vector<double> times[2];
        for (int turn = 0; turn <= kTurns; ++turn)
            for (int side = 0; side < 2; ++side) {
                const double ms = step_ms(layouts_[side]);
                if (turn > 0) times[side].push_back(ms);  // the first compiles and warms up
            }
        for (auto& side : times) std::sort(side.begin(), side.end());
        const double own = times[0][kTurns / 2], onednn = times[1][kTurns / 2];
        return {g_, own <= onednn, own, onednn, type_};
    }

private:
    double step_ms(const WeightsLayout& layout) {
        const auto start = std::chrono::steady_clock::now();
        const ConstMap src{src_.get(), 0, type_}, dst{dst_.get(), 0, type_};
        conv2d_forward(g_, true, src, weights_.get(), layout, nullptr, {dst_.get(), 0, type_});
        conv2d_backward_weights(g_, src, dst, diff_weights_.get(), layout, nullptr);
        conv2d_backward_data(g_, dst, weights_.get(), layout, {src_.get(), 0, type_});
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    }

    Conv2dGeometry g_;
    DType type_;
    WeightsLayout layouts_[2];
    Floats src_, dst_, weights_, diff_weights_;
};

}  // namespace

void start_tuning(std::vector<ConvChoice> known, std::function<void(const ConvChoice&)> report) {
    const std::lock_guard lock(tuning_mutex);
    tuning().on = true;
    tuning().report = std::move(report);
    tuning().own.clear();
    for (const ConvChoice& choice : known) tuning().own[{choice.geometry, choice.type}] = choice.own;
}

void stop_tuning() {
    const std::lock_guard lock(tuning_mutex);
    tuning().on = false;
    tuning().report = {};
    tuning().own.clear();
}

bool is_tuning() {
    const std::lock_guard lock(tuning_mutex);
    return tuning().on;
}

bool forwards_own(const Conv2dGeometry& g, const Isa& isa) {
    constexpr int kLeastDepth = 16;  // a line of memory
    return isa != Isa::scalar && g.ic >= kLeastDepth && igemm_forwards(g, igemm_columns(isa));
}

bool prefers_own(const Conv2dGeometry& g, DType type) {
    Tuning& state = tuning();
    const std::lock_guard lock(tuning_mutex);
    if (!state.on) return type == DType::bf16 || active_isa() != Isa::scalar;
    if (const auto found = state.own.find({g, type}); found != state.own.end()) return found->second;
    if (type == DType::bf16 && !onednn::takes_halves(g)) return true;
    const ConvChoice choice = Trial(g, type, panel_layout(g), onednn::preferred_layout(g, true)).run();
    state.own[{g, type}] = choice.own;
    if (state.report) state.report(choice);
    return choice.own;
}

}  // namespace keel::kernels
