// Modules: named parameters, buffers and children, with the names that torchvision gives them, so that weights map one
// to one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace keel::nn {

class Module;

/// What an observer is told after each module's forward pass.
struct ModuleCall {
    const Module& module;
    const Tensor& src;
    const Tensor& dst;
};

class Module {
public:
    Module() = default;
    virtual ~Module() = default;
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    /// Runs `forward` and tells the observer of this thread, if there is one.
    Tensor operator()(const Tensor& src);

    /// Switches the module and all below it between training (batch statistics, dropout) and evaluation.
    void train(bool on = true);
    bool training() const { return training_; }

    /// Return all parameters / buffers of the module and its children, in the order of registration, with dotted names.
    /// The tensors are handles: writing to them writes to the module.
    std::vector<NamedTensor> parameters() const;
    std::vector<NamedTensor> buffers() const;
    /// Returns parameters, then buffers.
    std::vector<NamedTensor> state() const;

    /// Returns the kind for people, e.g. "Conv2d 3x3/2".
    virtual std::string describe() const = 0;
    /// Returns the multiply-accumulates of one call, of the module itself.
    virtual std::int64_t macs(const Tensor& src, const Tensor& dst) const;
    bool has_children() const { return !children_.empty(); }
    /// Calls f(dotted name, module) for the module and all below it, parents first.
    void for_each(const std::function<void(const std::string&, Module&)>& f, const std::string& prefix = "");

protected:
    virtual Tensor forward(const Tensor& src) = 0;
    /// Runs `f` as the module's forward pass: what it does is recorded for this layer, and the observer is told.
    Tensor called(const Tensor& src, const std::function<Tensor()>& f);

    Tensor add_parameter(std::string name, Tensor value);
    Tensor add_buffer(std::string name, Tensor value);
    /// Constructs a child in place and returns it.
    template <class M, class... Arguments>
    M& add(std::string name, Arguments&&... arguments) {
        auto child = std::make_unique<M>(std::forward<Arguments>(arguments)...);
        M& reference = *child;
        reference.name_ = name;
        children_.emplace_back(std::move(name), std::move(child));
        return reference;
    }

private:
    void collect(const std::string& prefix, std::vector<NamedTensor> Module::*list,
                 std::vector<NamedTensor>& into) const;

    bool training_ = true;
    std::string name_;  // among its parent's children
    std::vector<NamedTensor> parameters_, buffers_;
    std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
};

/// Tells `observer` of every module call of this thread during the lifetime of the object.
class ObserverScope {
public:
    explicit ObserverScope(std::function<void(const ModuleCall&)> observer);
    ~ObserverScope();
    ObserverScope(const ObserverScope&) = delete;
    ObserverScope& operator=(const ObserverScope&) = delete;

private:
    std::function<void(const ModuleCall&)> observer_;
    std::function<void(const ModuleCall&)>* before_;
};

}  // namespace keel::nn
