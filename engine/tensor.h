// Tensor: a shared handle to a typed, strided block of memory, and its place in the autograd graph.
//
// Activations are NHWC: dims {n, h, w, c}, where the pixels of c channels lie `ld() >= c` elements apart, so that a
// slice of the channels is a view. Matrices are {n, c} with rows `ld()` apart, vectors {c}. Convolution weights are
// {oc, ic / groups, kh, kw}; they may be kept in the layout that the convolutions read (`layout()`), which only
// `copy_plain` and those look into.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/bf16.h"
#include "kernels/conv/weights_layout.h"
#include "kernels/dtype.h"
#include "kernels/error.h"

namespace keel {

template <class T>
constexpr DType dtype_of() {
    if constexpr (std::is_same_v<T, float>)
        return DType::f32;
    else if constexpr (std::is_same_v<T, double>)
        return DType::f64;
    else if constexpr (std::is_same_v<T, Bf16>)
        return DType::bf16;
    else if constexpr (std::is_same_v<T, std::uint8_t>)
        return DType::u8;
    else if constexpr (std::is_same_v<T, std::int8_t>)
        return DType::s8;
    else {
        static_assert(std::is_same_v<T, std::int32_t>, "no tensor of this type");
        return DType::s32;
    }
}

/// Up to four extents.
class Dims {
public:
    static constexpr int kMaxRank = 4;

    Dims() = default;
    Dims(std::initializer_list<std::int64_t> extents);
    explicit Dims(std::span<const std::int64_t> extents);

    int rank() const { return rank_; }
    std::int64_t operator[](int i) const { return extents_[static_cast<std::size_t>(i < 0 ? i + rank_ : i)]; }
    const std::int64_t* begin() const { return extents_.data(); }
    const std::int64_t* end() const { return extents_.data() + rank_; }
    std::int64_t elements() const;
    bool operator==(const Dims&) const = default;
    std::string text() const;  ///< "[16, 224, 224, 3]"

private:
    std::array<std::int64_t, kMaxRank> extents_{};
    int rank_ = 0;
};

class Tensor;
class ChannelStatistics;
class Recompute;
struct AutogradMeta;

class Tensor {
public:
    Tensor() = default;

    /// Dense, contents undefined. Throws UsageError for a negative extent or more than 2^46 bytes.
    static Tensor empty(const Dims& dims, DType type = DType::f32);
    static Tensor zeros(const Dims& dims, DType type = DType::f32);
    /// Filled with `value`, converted as by `to`.
    static Tensor full(const Dims& dims, double value, DType type = DType::f32);
    /// A dense copy of `values`; throws UsageError if their number is not that of dims.
    template <class T>
    static Tensor from(std::span<const T> values, const Dims& dims) {
        Tensor tensor = empty(dims, dtype_of<T>());
        tensor.fill_from(values.data(), values.size());
        return tensor;
    }
    template <class T>
    static Tensor from(std::initializer_list<T> values, const Dims& dims) {
        return from(std::span<const T>(values.begin(), values.size()), dims);
    }

    /// Somebody else's memory without a copy, dense. Operators do not write to it unasked; assign and optimizers
    /// do, where they are told to. `release`, which must not throw, is called once: when no tensor uses the memory any
    /// more, or before this throws UsageError because the number of values is not that of dims.
    template <class T>
    static Tensor borrow(std::span<T> values, const Dims& dims, std::function<void()> release = {}) {
        return borrow(values.data(), values.size_bytes(), dims, dtype_of<T>(), -1, std::move(release));
    }
    /// The same of elements whose rows are `ld` apart, -1: dense; `bytes` is how much memory there is. Throws
    /// UsageError too for memory that is null, not aligned for its type or too little, and for rows that overlap.
    static Tensor borrow(void* memory, std::size_t bytes, const Dims& dims, DType type, std::int64_t ld,
                         std::function<void()> release);

    bool defined() const { return impl_ != nullptr; }
    explicit operator bool() const { return defined(); }

    const Dims& dims() const;
    int rank() const { return dims().rank(); }
    std::int64_t dim(int i) const { return dims()[i]; }
    DType dtype() const;
    std::int64_t elements() const { return dims().elements(); }  ///< without padding
    std::int64_t channels() const { return rank() > 0 ? dims()[-1] : 1; }
    std::int64_t rows() const;  ///< product of all extents but the last
    std::int64_t ld() const;    ///< distance between rows in elements
    bool dense() const { return ld() == channels() || rows() <= 1; }

    /// The first element; throws UsageError if the tensor is of another type.
    template <class T>
    T* data() const {
        return static_cast<T*>(raw(dtype_of<T>()));
    }
    /// All elements of a dense tensor in plain layout.
    template <class T>
    std::span<T> values() const {
        require_plain();
        return {data<T>(), static_cast<std::size_t>(elements())};
    }
    /// The only element, as double.
    double item() const;

    /// Channels [begin, begin + count) as a view on the same memory.
    Tensor channel_slice(std::int64_t begin, std::int64_t count) const;
    /// A view that also takes in the next `count` channels of the buffer this is the front of; throws UsageError if
    /// there is no room.
    Tensor widened(std::int64_t count) const;
    /// Returns the same dense memory with other extents. Not differentiable; see ops.h's `flatten`.
    Tensor reshape(const Dims& dims) const;
    /// A dense copy in plain layout, outside the graph; this very tensor (detached) where it is dense and plain
    /// already.
    Tensor contiguous() const;
    Tensor clone() const;
    /// The values in another type, outside the graph: of floating point rounded once, to the nearest, ties to even; as
    /// integers rounded towards 0 and saturated, 0 for a NaN.
    Tensor to(DType type) const;
    /// Returns the same memory outside the graph.
    Tensor detach() const;

    /// Convolution weights: the layout that their memory is in (null: plain), and how many elements that memory holds.
    const kernels::WeightsLayout& layout() const;
    std::int64_t storage_elements() const;
    /// Reorders the memory (in place: every handle sees it). The values stay the same to the bit.
    void set_layout(const kernels::WeightsLayout& layout) const;
    /// An undefined-valued or zeroed tensor of the same type, dims and layout; dense.
    Tensor empty_like() const;
    /// Returns such a tensor in memory of somebody else, of storage_elements(); `owner`, which may be null, is kept as
    /// long as it is used.
    Tensor like_at(std::byte* memory, std::shared_ptr<void> owner) const;
    Tensor zeros_like() const;
    /// Overwrites the values with those of `src` (same dims and type; any two layouts and distances).
    void assign(const Tensor& src) const;
    /// Assigns without a copy: every handle of this tensor sees src's memory from now on, which both share. Views made
    /// before keep the old memory.
    void share(const Tensor& src) const;

    /// True if no other tensor shares the memory and it is not borrowed, so it may be overwritten.
    bool unique() const;
    bool same_memory(const Tensor& other) const;
    /// True if both are the same elements of the same memory.
    bool same_view(const Tensor& other) const;

    /// What batch norms of this very map share; null for most (channel_statistics.h). Other views of the memory have
    /// none.
    const std::shared_ptr<ChannelStatistics>& statistics() const;
    void set_statistics(std::shared_ptr<ChannelStatistics> statistics) const;
    /// How this very map can be made again, so that backward need not keep it; null for most (recompute.h).
    const std::shared_ptr<Recompute>& recompute() const;
    void set_recompute(std::shared_ptr<Recompute> recompute) const;

    // Autograd; see autograd.h.
    bool requires_grad() const;
    /// Makes this a leaf that collects its gradient. Throws UsageError if an operator produced it.
    const Tensor& set_requires_grad(bool on = true) const;
    /// The gradient collected so far, undefined before the first.
    const Tensor& grad() const;
    void set_grad(Tensor grad) const;
    /// From now on the gradient of this leaf lives in the memory of `home`, of the same dims and type, in home's
    /// layout; undefined: wherever it comes to lie.
    void set_grad_home(Tensor home) const;
    const Tensor& grad_home() const;
    /// For an operator's backward pass: where to write this leaf's gradient. Its home where that is free and in the
    /// layout of the leaf, so that nothing is copied, else new memory. Of any other tensor: new memory.
    Tensor empty_grad() const;
    /// Called with this tensor when a backward pass has added all it will to its gradient. One hook a leaf; null
    /// removes it. Throws UsageError if an operator produced the tensor.
    void on_grad_ready(std::function<void(const Tensor&)> hook) const;

private:
    friend struct TensorAccess;
    struct Impl;
    explicit Tensor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

    void* raw(DType type) const;
    void fill_from(const void* values, std::size_t count) const;
    void require_plain() const;
    void require_like(const Tensor& src) const;
    const Impl& get() const;
    /// A copy of the handle's inside: the same memory, outside the graph.
    std::shared_ptr<Impl> view() const;

    std::shared_ptr<Impl> impl_;
};

struct NamedTensor {
    std::string name;
    Tensor tensor;
};

/// Calls f(float{}) or f(double{}); throws UsageError for other types.
template <class F>
decltype(auto) dispatch_float(const char* who, DType type, F&& f) {
    if (type == DType::f32) return f(float{});
    if (type == DType::f64) return f(double{});
    throw UsageError("[" + std::string(who) + "] wanted an f32 tensor, got " + std::string(name(type)));
}

/// Calls f with a value of what a map's elements are: float, double or Bf16; throws UsageError for other types.
template <class F>
decltype(auto) dispatch_map(const char* who, DType type, F&& f) {
    if (type == DType::bf16) return f(Bf16{});
    return dispatch_float(who, type, std::forward<F>(f));
}

/// Returns the type of weights, of what belongs to a channel and of their gradients, where maps are of `map`.
constexpr DType param_type(DType map) { return map == DType::bf16 ? DType::f32 : map; }

}  // namespace keel
