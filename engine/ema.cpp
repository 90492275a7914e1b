#include "engine/ema.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "kernels/eltwise/eltwise.h"

namespace keel {
namespace {

constexpr std::string_view kPrefix = "ema.";

std::string ema_name(const NamedTensor& parameter) { return std::string(kPrefix) + parameter.name; }

}  // namespace

bool is_ema_state(const std::string& name) { return name.starts_with(kPrefix); }

Ema::Ema(std::vector<NamedTensor> parameters, double decay) : parameters_(std::move(parameters)), decay_(decay) {
    if (!(decay >= 0 && decay < 1)) throw UsageError("[ema] decay must be in [0, 1), got " + std::to_string(decay));
    for (const NamedTensor& parameter : parameters_) averages_.push_back(parameter.tensor.clone());
}

void Ema::match_layouts() const {
    for (std::size_t i = 0; i < averages_.size(); ++i) averages_[i].set_layout(parameters_[i].tensor.layout());
}

void Ema::update(std::int64_t step) {
    require<UsageError>(!swapped_, "[ema] update() while the averages are swapped in");
    const double decay = std::min(decay_, static_cast<double>(1 + step) / static_cast<double>(10 + step));
    match_layouts();
    for (std::size_t i = 0; i < averages_.size(); ++i) {
        const Tensor& parameter = parameters_[i].tensor;
        dispatch_float("ema", parameter.dtype(), [&]<class T>(T) {
            kernels::moving_average(parameter.storage_elements(), static_cast<T>(decay), parameter.data<T>(),
                                    averages_[i].data<T>());
        });
    }
}

void Ema::swap() {
    match_layouts();
    for (std::size_t i = 0; i < averages_.size(); ++i) {
        const Tensor& parameter = parameters_[i].tensor;
        dispatch_float("ema", parameter.dtype(), [&]<class T>(T) {
            T* const weights = parameter.data<T>();
            std::swap_ranges(weights, weights + parameter.storage_elements(), averages_[i].data<T>());
        });
    }
    swapped_ = !swapped_;
}

std::vector<NamedTensor> Ema::state() const {
    require<UsageError>(!swapped_, "[ema] state() while the averages are swapped in");
    std::vector<NamedTensor> state;
    for (std::size_t i = 0; i < averages_.size(); ++i) state.push_back({ema_name(parameters_[i]), averages_[i]});
    return state;
}

void Ema::load_state(const std::vector<NamedTensor>& tensors) {
    require<UsageError>(!swapped_, "[ema] load_state() while the averages are swapped in");
    std::map<std::string, Tensor> given;
    for (const auto& [name, tensor] : tensors)
        if (is_ema_state(name)) given.emplace(name, tensor);
    std::vector<Tensor> averages;
    for (const NamedTensor& parameter : parameters_) {
        const auto node = given.extract(ema_name(parameter));
        if (node.empty()) throw InputError("[ema] the state lacks " + ema_name(parameter));
        const Tensor &wanted = parameter.tensor, &came = node.mapped();
        if (came.dims() != wanted.dims() || came.dtype() != wanted.dtype())
            throw InputError("[ema] the state " + node.key() + " has type and dims " + std::string(name(came.dtype())) +
                             came.dims().text() + ", wanted " + std::string(name(wanted.dtype())) +
                             wanted.dims().text());
        averages.push_back(came.clone());
    }
    if (!given.empty()) throw InputError("[ema] the state " + given.begin()->first + " belongs to no parameter here");
    averages_ = std::move(averages);
}

EmaScope::EmaScope(Ema* ema) : ema_(ema) {
    if (ema_ == nullptr) return;
    require<UsageError>(!ema_->swapped_in(), "[ema] the averages are swapped in already");
    ema_->swap();
}

EmaScope::~EmaScope() {
    if (ema_ != nullptr) ema_->swap();
}

}  // namespace keel
