#include "engine/nn/module.h"

#include "kernels/profile.h"

namespace keel::nn {
namespace {

thread_local std::function<void(const ModuleCall&)>* observer = nullptr;

std::string join(const std::string& prefix, const std::string& name) {
    return prefix.empty() ? name : prefix + "." + name;
}

}  // namespace

Tensor Module::operator()(const Tensor& src) {
    return called(src, [&] { return forward(src); });
}

Tensor Module::called(const Tensor& src, const std::function<Tensor()>& f) {
    const profile::Layer layer(name_);
    Tensor dst = f();
    if (observer != nullptr) (*observer)({*this, src, dst});
    return dst;
}

void Module::train(bool on) {
    training_ = on;
    for (const auto& [name, child] : children_) child->train(on);
}

void Module::collect(const std::string& prefix, std::vector<NamedTensor> Module::*list,
                     std::vector<NamedTensor>& into) const {
    for (const NamedTensor& own : this->*list) into.push_back({join(prefix, own.name), own.tensor});
    for (const auto& [name, child] : children_) child->collect(join(prefix, name), list, into);
}

std::vector<NamedTensor> Module::parameters() const {
    std::vector<NamedTensor> all;
    collect("", &Module::parameters_, all);
    return all;
}

std::vector<NamedTensor> Module::buffers() const {
    std::vector<NamedTensor> all;
    collect("", &Module::buffers_, all);
    return all;
}

std::vector<NamedTensor> Module::state() const {
    std::vector<NamedTensor> all = parameters();
    collect("", &Module::buffers_, all);
    return all;
}

std::int64_t Module::macs(const Tensor&, const Tensor&) const { return 0; }

void Module::for_each(const std::function<void(const std::string&, Module&)>& f, const std::string& prefix) {
    f(prefix, *this);
    for (const auto& [name, child] : children_) child->for_each(f, join(prefix, name));
}

Tensor Module::add_parameter(std::string name, Tensor value) {
    value.set_requires_grad();
    parameters_.push_back({std::move(name), value});
    return value;
}

Tensor Module::add_buffer(std::string name, Tensor value) {
    buffers_.push_back({std::move(name), value});
    return value;
}

ObserverScope::ObserverScope(std::function<void(const ModuleCall&)> f) : observer_(std::move(f)), before_(observer) {
    observer = &observer_;
}

ObserverScope::~ObserverScope() { observer = before_; }

}  // namespace keel::nn
