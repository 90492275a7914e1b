// Optimizers: SGD with momentum, LARS, Adam and AdamW, over groups of parameters with their own learning rate and
// weight decay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace keel {

/// Parameters that are updated alike.
struct ParameterGroup {
    std::string name{};
    std::vector<NamedTensor> parameters{};
    double lr_multiplier = 1;
    double decay_multiplier = 1;  ///< of the weight decay; 0: none, as is usual for biases and batch norms
};

enum class OptimizerKind { sgd, adam, adamw, lars };

struct OptimizerOptions {
    OptimizerKind kind = OptimizerKind::sgd;
    double weight_decay = 0;
    double momentum = 0.9;  ///< sgd, lars
    bool nesterov = false;  ///< sgd, lars; wants momentum > 0
    double beta1 = 0.9;     ///< adam, adamw
    double beta2 = 0.999;
    double eps = 1e-8;
    /// lars (You, Gitman and Ginsburg 2017), for batches of thousands: SGD whose g + weight_decay * w is multiplied by
    /// trust * |w| / (|g| + weight_decay * |w|), for each parameter that is decayed; the others are left to SGD.
    double trust = 0.001;
};

/// "sgd", "adam", "adamw" or "lars"; throws UsageError for another word.
OptimizerKind optimizer_kind(const std::string& word);

class Optimizer {
public:
    /// Throws UsageError for options out of range, a tensor that is neither f32 nor f64, or two parameters of one name.
    Optimizer(std::vector<ParameterGroup> groups, const OptimizerOptions& options);

    /// One update of every parameter that requires a gradient and has one; the formulas are in
    /// kernels/optimizer/optimizer.h.
    void step(double lr);
    /// Drops the gradients of all parameters.
    void zero_grad() const;

    const std::vector<ParameterGroup>& groups() const { return groups_; }
    const OptimizerOptions& options() const { return options_; }
    /// The parameters of all groups, in order.
    std::vector<NamedTensor> parameters() const;

    /// What a resumed run needs, as handles: `momentum.P` (sgd, lars), or `exp_avg.P`, `exp_avg_sq.P` and `adam_step.P`
    /// (s32 {1}: updates so far), for every parameter P that was updated before.
    std::vector<NamedTensor> state() const;
    /// Returns how many tensors of a parameter's size it keeps for each, from the first step on.
    int tensors_a_parameter() const { return adaptive() ? 2 : options_.momentum > 0 ? 1 : 0; }
    /// Replaces the state by a copy of the tensors above among `tensors`; other names are not looked at. Throws
    /// InputError if one belongs to no parameter, to another kind of optimizer, or does not fit; then nothing has
    /// changed.
    void load_state(const std::vector<NamedTensor>& tensors);

private:
    struct Slot {
        Tensor first, second;     // momentum; or exp_avg and exp_avg_sq. Created with the first update.
        std::int64_t number = 0;  // updates so far
    };

    bool adaptive() const { return options_.kind == OptimizerKind::adam || options_.kind == OptimizerKind::adamw; }
    /// LARS's factor of a parameter's gradient and decay.
    template <class T>
    double trust_of(const Tensor& parameter, const Tensor& gradient, double decay) const;
    template <class T>
    void update(const Tensor& parameter, const Tensor& gradient, double decay, double rate, Slot& slot) const;

    std::vector<ParameterGroup> groups_;
    OptimizerOptions options_;
    std::vector<std::vector<Slot>> slots_;  // by group, by parameter
};

/// True for names that `Optimizer::state` gives.
bool is_optimizer_state(const std::string& name);

}  // namespace keel
