#include "engine/optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string_view>

#include "kernels/eltwise/eltwise.h"
#include "kernels/optimizer/optimizer.h"
#include "kernels/profile.h"
#include "kernels/reduce/reduce.h"

namespace keel {
namespace {

constexpr std::string_view kMomentum = "momentum.", kExpAvg = "exp_avg.", kExpAvgSq = "exp_avg_sq.",
                           kAdamStep = "adam_step.";
constexpr std::array kPrefixes{kMomentum, kExpAvg, kExpAvgSq, kAdamStep};

std::string prefixed(std::string_view prefix, const std::string& name) { return std::string(prefix) + name; }

void check(const OptimizerOptions& o) {
    const auto beta = [](double value) { return value >= 0 && value < 1; };
    const auto not_negative = [](double value) { return value >= 0 && std::isfinite(value); };
    if (!not_negative(o.weight_decay)) throw UsageError("[optimizer] weight_decay must be 0 or more");
    if (!beta(o.momentum)) throw UsageError("[optimizer] momentum must be in [0, 1)");
    if (!beta(o.beta1) || !beta(o.beta2)) throw UsageError("[optimizer] beta1 and beta2 must be in [0, 1)");
    if (!(o.trust > 0) || !std::isfinite(o.trust)) throw UsageError("[optimizer] trust must be positive");
    if (!(o.eps > 0) || !std::isfinite(o.eps)) throw UsageError("[optimizer] eps must be positive");
    if (o.nesterov && o.momentum == 0 && (o.kind == OptimizerKind::sgd || o.kind == OptimizerKind::lars))
        throw UsageError("[optimizer] nesterov wants momentum > 0");
}

/// `gradient` in the memory order of `parameter`.
Tensor matched(const NamedTensor& parameter, const Tensor& gradient) {
    const Tensor& weights = parameter.tensor;
    if (gradient.dims() != weights.dims() || gradient.dtype() != weights.dtype())
        throw UsageError("[optimizer] the gradient of " + parameter.name + " has dims " + gradient.dims().text() +
                         ", the parameter " + weights.dims().text());
    if (gradient.dense() && kernels::same_layout(gradient.layout(), weights.layout())) return gradient;
    Tensor copy = weights.empty_like();
    copy.assign(gradient);
    return copy;
}

/// State tensors begin as zeros, and follow their parameter when it changes its layout.
void match_state(Tensor& state, const Tensor& parameter) {
    if (!state)
        state = parameter.zeros_like();
    else
        state.set_layout(parameter.layout());
}

}  // namespace

OptimizerKind optimizer_kind(const std::string& word) {
    if (word == "sgd") return OptimizerKind::sgd;
    if (word == "adam") return OptimizerKind::adam;
    if (word == "adamw") return OptimizerKind::adamw;
    if (word == "lars") return OptimizerKind::lars;
    throw UsageError("[optimizer] wanted sgd, adam, adamw or lars, got \"" + word + "\"");
}

bool is_optimizer_state(const std::string& name) {
    return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

Optimizer::Optimizer(std::vector<ParameterGroup> groups, const OptimizerOptions& options)
    : groups_(std::move(groups)), options_(options) {
    check(options_);
    std::set<std::string> names;
    for (const ParameterGroup& group : groups_) {
        if (!(group.lr_multiplier >= 0) || !(group.decay_multiplier >= 0))
            throw UsageError("[optimizer] the multipliers of group " + group.name + " must be 0 or more");
        for (const auto& [name, tensor] : group.parameters) {
            if (!names.insert(name).second) throw UsageError("[optimizer] two parameters are named " + name);
            dispatch_float("optimizer", tensor.dtype(), [](auto) {});
            if (!tensor.dense()) throw UsageError("[optimizer] parameter " + name + " is a view that is not dense");
        }
        slots_.emplace_back(group.parameters.size());
    }
}

template <class T>
double Optimizer::trust_of(const Tensor& parameter, const Tensor& gradient, double decay) const {
    const double w = std::sqrt(kernels::sum_of_squares(parameter.storage_elements(), parameter.data<T>()));
    const double g = std::sqrt(kernels::sum_of_squares(gradient.storage_elements(), gradient.data<T>()));
    return w > 0 && g > 0 ? options_.trust * w / (g + decay * w) : 1;  // a weight of zeros must be able to grow
}

template <class T>
void Optimizer::update(const Tensor& parameter, const Tensor& gradient, double decay, double rate, Slot& slot) const {
    const std::int64_t n = parameter.storage_elements();
    T* const weights = parameter.data<T>();
    const T* const diff = gradient.data<T>();
    if (adaptive()) {
        match_state(slot.first, parameter);
        match_state(slot.second, parameter);
        const kernels::AdamStep step{rate,         options_.beta1, options_.beta2,
                                     options_.eps, decay,          options_.kind == OptimizerKind::adamw,
                                     ++slot.number};
        kernels::adam_update<T>(n, step, diff, slot.first.data<T>(), slot.second.data<T>(), weights);
    } else if (options_.momentum > 0) {
        const bool first = !slot.first;
        match_state(slot.first, parameter);
        kernels::sgd_update<T>(n, {rate, options_.momentum, decay, options_.nesterov, first}, diff,
                               slot.first.data<T>(), weights);
    } else {
        kernels::sgd_update<T>(n, {rate, 0, decay, false, true}, diff, nullptr, weights);
    }
}

void Optimizer::step(double lr) {
    const profile::Layer layer("optimizer");
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        const ParameterGroup& group = groups_[g];
        for (std::size_t i = 0; i < group.parameters.size(); ++i) {
            const NamedTensor& parameter = group.parameters[i];
            if (!parameter.tensor.requires_grad() || !parameter.tensor.grad()) continue;
            const Tensor gradient = matched(parameter, parameter.tensor.grad());
            const double decay = options_.weight_decay * group.decay_multiplier;
            dispatch_float("optimizer", parameter.tensor.dtype(), [&]<class T>(T) {
                if (options_.kind != OptimizerKind::lars || group.decay_multiplier == 0)
                    return update<T>(parameter.tensor, gradient, decay, lr * group.lr_multiplier, slots_[g][i]);
                const double trust = trust_of<T>(parameter.tensor, gradient, decay);
                const Tensor scaled = gradient.empty_like();
                const std::int64_t n = gradient.storage_elements();
                kernels::scale<T>({1, n, n, n}, static_cast<T>(trust), gradient.data<T>(), scaled.data<T>());
                update<T>(parameter.tensor, scaled, trust * decay, lr * group.lr_multiplier, slots_[g][i]);
            });
        }
    }
}

void Optimizer::zero_grad() const {
    for (const ParameterGroup& group : groups_)
        for (const NamedTensor& parameter : group.parameters) parameter.tensor.set_grad({});
}

std::vector<NamedTensor> Optimizer::parameters() const {
    std::vector<NamedTensor> all;
    for (const ParameterGroup& group : groups_) all.insert(all.end(), group.parameters.begin(), group.parameters.end());
    return all;
}

std::vector<NamedTensor> Optimizer::state() const {
    std::vector<NamedTensor> state;
    for (std::size_t g = 0; g < groups_.size(); ++g)
        for (std::size_t i = 0; i < slots_[g].size(); ++i) {
            const Slot& slot = slots_[g][i];
            const std::string& name = groups_[g].parameters[i].name;
            if (!slot.first) continue;
            if (!adaptive()) {
                state.push_back({prefixed(kMomentum, name), slot.first});
                continue;
            }
            state.push_back({prefixed(kExpAvg, name), slot.first});
            state.push_back({prefixed(kExpAvgSq, name), slot.second});
            state.push_back({prefixed(kAdamStep, name), Tensor::from({static_cast<std::int32_t>(slot.number)}, {1})});
        }
    return state;
}

void Optimizer::load_state(const std::vector<NamedTensor>& tensors) {
    std::map<std::string, Tensor> given;
    for (const auto& [name, tensor] : tensors)
        if (is_optimizer_state(name)) given.emplace(name, tensor);
    const auto take = [&](std::string_view prefix, const std::string& name, const Dims& dims, DType type) {
        const auto node = given.extract(prefixed(prefix, name));
        if (node.empty()) return Tensor();
        const Tensor& tensor = node.mapped();
        if (tensor.dims() != dims || tensor.dtype() != type)
            throw InputError("[optimizer] the state " + node.key() + " has type and dims " +
                             std::string(keel::name(tensor.dtype())) + tensor.dims().text() + ", wanted " +
                             std::string(keel::name(type)) + dims.text());
        return tensor.clone();
    };
    auto slots = slots_;
    for (std::size_t g = 0; g < groups_.size(); ++g)
        for (std::size_t i = 0; i < slots[g].size(); ++i) {
            const auto& [name, tensor] = groups_[g].parameters[i];
            Slot& slot = slots[g][i] = {};
            if (!adaptive()) {
                slot.first = take(kMomentum, name, tensor.dims(), tensor.dtype());
                continue;
            }
            slot.first = take(kExpAvg, name, tensor.dims(), tensor.dtype());
            slot.second = take(kExpAvgSq, name, tensor.dims(), tensor.dtype());
            const Tensor number = take(kAdamStep, name, {1}, DType::s32);
            if (slot.first.defined() != slot.second.defined() || slot.first.defined() != number.defined())
                throw InputError("[optimizer] the state of " + name +
                                 " wants exp_avg, exp_avg_sq and adam_step, not all are there");
            if (number) slot.number = number.data<std::int32_t>()[0];
            if (number && slot.number < 1) throw InputError("[optimizer] adam_step of " + name + " must be positive");
        }
    if (!given.empty())
        throw InputError("[optimizer] the state " + given.begin()->first +
                         " belongs to no parameter here, or to another kind of optimizer");
    slots_ = std::move(slots);
}

}  // namespace keel
