// The inside of Tensor, for tensor.cpp and autograd.cpp only.
#pragma once

#include "engine/autograd.h"
#include "engine/tensor.h"

namespace keel {

struct Node;

/// A tensor's place in the graph, apart from its memory: the graph must not keep activations alive that backward does
/// not read.
struct AutogradMeta {
    bool requires_grad = false;
    std::shared_ptr<Node> producer;  // null for a leaf
    Tensor grad;                     // of a leaf
    Tensor home;                     // where that shall live, if anywhere in particular
    std::function<void(const Tensor&)> hook;
    std::weak_ptr<void> owner;  // the leaf's Tensor::Impl, for the hook
};

/// A block of the arena, or memory of somebody else.
struct Storage {
    explicit Storage(std::size_t bytes);
    Storage(std::byte* memory, std::size_t bytes, std::shared_ptr<void> owner);
    ~Storage();
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;

    std::byte* data;
    std::size_t bytes;
    bool of_arena = true;
    bool borrowed = false;        // of other memory: its owner looks at it, too
    std::shared_ptr<void> owner;  // of other memory
};

struct Tensor::Impl {
    std::shared_ptr<Storage> storage;
    std::int64_t offset = 0;  // in elements
    Dims dims;
    std::int64_t ld = 0;
    DType type = DType::f32;
    kernels::WeightsLayout layout;
    std::shared_ptr<ChannelStatistics> statistics;
    std::shared_ptr<Recompute> recompute;
    std::shared_ptr<AutogradMeta> meta;
};

struct TensorAccess {
    using Impl = Tensor::Impl;
    static const std::shared_ptr<Tensor::Impl>& impl(const Tensor& tensor) { return tensor.impl_; }
    static Tensor wrap(std::shared_ptr<Tensor::Impl> impl) { return Tensor(std::move(impl)); }
};

}  // namespace keel
