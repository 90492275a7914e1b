#include "engine/tensor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <type_traits>

#include "engine/arena.h"
#include "engine/tensor_impl.h"
#include "kernels/eltwise/eltwise.h"

namespace keel {
namespace {

constexpr std::int64_t kMaxBytes = std::int64_t{1} << 46;

/// Copies rows between any two distances; the elements may be of any type.
void copy_rows(const Tensor& src, const std::byte* from, const Tensor& dst, std::byte* to) {
    const kernels::UnaryGeometry g{src.rows(), src.channels(), src.ld(), dst.ld()};
    if (src.dtype() == DType::f32)
        return kernels::copy(g, reinterpret_cast<const float*>(from), reinterpret_cast<float*>(to));
    if (src.dtype() == DType::bf16)
        return kernels::copy(g, reinterpret_cast<const Bf16*>(from), reinterpret_cast<Bf16*>(to));
    const std::size_t size = size_of(src.dtype());
    for (std::int64_t r = 0; r < g.rows; ++r)
        std::memcpy(to + static_cast<std::size_t>(r * g.dst_ld) * size,
                    from + static_cast<std::size_t>(r * g.src_ld) * size, static_cast<std::size_t>(g.c) * size);
}

std::byte* first_byte(const Tensor& tensor) {
    const auto& impl = TensorAccess::impl(tensor);
    return impl->storage->data + static_cast<std::size_t>(impl->offset) * size_of(impl->type);
}

/// The size of a dense tensor; throws UsageError if an extent is negative or the size absurd.
std::int64_t checked_bytes(const Dims& dims, DType type) {
    auto bytes = static_cast<std::int64_t>(size_of(type));
    for (const std::int64_t extent : dims) {
        if (extent < 0 || (extent > 0 && bytes > kMaxBytes / extent))
            throw UsageError("[tensor] dims " + dims.text() + " are negative or too large");
        bytes *= extent;
    }
    return bytes;
}

/// Calls f with a value of the C++ type; throws UsageError where there is none.
template <class F>
void with_type(DType type, F&& f) {
    switch (type) {
        case DType::f32:
            return f(float{});
        case DType::f64:
            return f(double{});
        case DType::u8:
            return f(std::uint8_t{});
        case DType::s8:
            return f(std::int8_t{});
        case DType::s32:
            return f(std::int32_t{});
        case DType::bf16:
            return f(Bf16{});
    }
}

/// Rounds to odd, so that rounding the result to bf16 is rounding once.
float rounded_to_odd(double value) {
    const auto nearest = static_cast<float>(value);
    const bool odd = (std::bit_cast<std::uint32_t>(nearest) & 1U) != 0;
    if (odd || std::isnan(value) || std::isinf(nearest) || std::equal_to<>()(double{nearest}, value)) return nearest;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    return std::nextafter(nearest, double{nearest} < value ? kInfinity : -kInfinity);
}

/// double holds the values of every type exactly.
template <class To>
To converted(double value) {
    if constexpr (std::is_same_v<To, Bf16>) {
        return rounded_to_odd(value);
    } else if constexpr (std::is_floating_point_v<To>) {
        return static_cast<To>(value);
    } else {
        using Limits = std::numeric_limits<To>;
        return std::isnan(value) ? To{0}
                                 : static_cast<To>(std::clamp(value, double{Limits::min()}, double{Limits::max()}));
    }
}

/// Converts plain tensors between f32 and bf16, whatever the distances; returns whether these are their types.
bool convert_rows(const Tensor& src, const Tensor& dst) {
    const kernels::UnaryGeometry g{src.rows(), src.channels(), src.ld(), dst.ld()};
    if (src.dtype() == DType::f32 && dst.dtype() == DType::bf16)
        kernels::convert(g, src.data<float>(), dst.data<Bf16>());
    else if (src.dtype() == DType::bf16 && dst.dtype() == DType::f32)
        kernels::convert(g, src.data<Bf16>(), dst.data<float>());
    else
        return false;
    return true;
}

Dims with_channels(const Dims& dims, std::int64_t channels) {
    std::vector<std::int64_t> extents(dims.begin(), dims.end());
    extents.back() = channels;
    return Dims(std::span<const std::int64_t>(extents));
}

}  // namespace

Storage::Storage(std::size_t size) : data(Arena::global().allocate(size)), bytes(size) {}
Storage::Storage(std::byte* memory, std::size_t size, std::shared_ptr<void> keeper)
    : data(memory), bytes(size), of_arena(false), owner(std::move(keeper)) {}
Storage::~Storage() {
    if (of_arena) Arena::global().release(data, bytes);
}

Dims::Dims(std::initializer_list<std::int64_t> extents) : Dims(std::span(extents.begin(), extents.size())) {}

Dims::Dims(std::span<const std::int64_t> extents) {
    if (extents.size() > kMaxRank)
        throw UsageError("[tensor] wanted at most 4 dims, got " + std::to_string(extents.size()));
    rank_ = static_cast<int>(extents.size());
    std::copy(extents.begin(), extents.end(), extents_.begin());
}

std::int64_t Dims::elements() const {
    std::int64_t product = 1;
    for (const std::int64_t extent : *this) product *= extent;
    return product;
}

std::string Dims::text() const {
    std::string text = "[";
    for (int i = 0; i < rank_; ++i) text += (i > 0 ? ", " : "") + std::to_string((*this)[i]);
    return text + "]";
}

Tensor Tensor::empty(const Dims& dims, DType type) {
    const std::int64_t bytes = checked_bytes(dims, type);
    auto impl = std::make_shared<Impl>();
    impl->storage = std::make_shared<Storage>(static_cast<std::size_t>(bytes));
    impl->dims = dims;
    impl->ld = dims.rank() > 0 ? dims[-1] : 1;
    impl->type = type;
    return Tensor(std::move(impl));
}

Tensor Tensor::zeros(const Dims& dims, DType type) {
    Tensor tensor = empty(dims, type);
    const auto& storage = *tensor.impl_->storage;
    std::memset(storage.data, 0, storage.bytes);
    return tensor;
}

Tensor Tensor::full(const Dims& dims, double value, DType type) {
    Tensor tensor = empty(dims, type);
    with_type(type, [&]<class T>(T) { std::ranges::fill(tensor.values<T>(), converted<T>(value)); });
    return tensor;
}

Tensor Tensor::borrow(void* memory, std::size_t bytes, const Dims& dims, DType type, std::int64_t ld,
                      std::function<void()> release) {
    const std::shared_ptr<void> owner(memory, [release = std::move(release)](void*) {
        if (release) release();
    });
    checked_bytes(dims, type);
    auto impl = std::make_shared<Impl>();
    impl->dims = dims;
    impl->type = type;
    const std::int64_t c = dims.rank() > 0 ? dims[-1] : 1;
    impl->ld = ld < 0 ? c : ld;
    const Tensor tensor(impl);
    const std::int64_t rows = tensor.rows(), size = static_cast<std::int64_t>(size_of(type));
    if (impl->ld < c || impl->ld > kMaxBytes / size / std::max<std::int64_t>(rows, 1))
        throw UsageError("[tensor] wanted rows of " + std::to_string(c) + " elements that do not overlap, got " +
                         std::to_string(rows) + " of them " + std::to_string(impl->ld) + " apart");
    const std::int64_t wanted = dims.elements() == 0 ? 0 : ((rows - 1) * impl->ld + c) * size;
    const bool enough = ld < 0 ? bytes == static_cast<std::size_t>(wanted) : bytes >= static_cast<std::size_t>(wanted);
    if (!enough || (memory == nullptr && wanted > 0))
        throw UsageError("[tensor] dims " + dims.text() + " want " + std::to_string(wanted) + " bytes, got " +
                         (memory == nullptr ? "none" : std::to_string(bytes)));
    if (reinterpret_cast<std::uintptr_t>(memory) % static_cast<std::uintptr_t>(size) != 0)
        throw UsageError("[tensor] wanted memory aligned to " + std::to_string(size) + " bytes for " +
                         std::string(name(type)) + ", got an address between");
    impl->storage = std::make_shared<Storage>(static_cast<std::byte*>(memory), bytes, owner);
    impl->storage->borrowed = true;
    return tensor;
}

const Tensor::Impl& Tensor::get() const {
    if (!impl_) throw UsageError("[tensor] this tensor is undefined");
    return *impl_;
}

std::shared_ptr<Tensor::Impl> Tensor::view() const {
    auto impl = std::make_shared<Impl>(get());
    impl->meta = nullptr;
    impl->statistics = nullptr;
    impl->recompute = nullptr;
    return impl;
}

const Dims& Tensor::dims() const { return get().dims; }
DType Tensor::dtype() const { return get().type; }
std::int64_t Tensor::ld() const { return get().ld; }
const kernels::WeightsLayout& Tensor::layout() const { return get().layout; }

std::int64_t Tensor::rows() const {
    const Dims& d = dims();
    std::int64_t product = 1;
    for (int i = 0; i + 1 < d.rank(); ++i) product *= d[i];
    return product;
}

void* Tensor::raw(DType type) const {
    if (get().type != type)
        throw UsageError("[tensor] wanted " + std::string(name(type)) + ", this is " + std::string(name(get().type)));
    return first_byte(*this);
}

void Tensor::require_plain() const {
    if (!dense() || layout())
        throw UsageError("[tensor] wanted a dense tensor in plain layout, got a view or blocked weights");
}

void Tensor::fill_from(const void* values, std::size_t count) const {
    if (count != static_cast<std::size_t>(elements()))
        throw UsageError("[tensor] dims " + dims().text() + " hold " + std::to_string(elements()) + " values, got " +
                         std::to_string(count));
    if (count > 0) std::memcpy(first_byte(*this), values, count * size_of(dtype()));
}

double Tensor::item() const {
    if (elements() != 1) throw UsageError("[tensor] item() wants one element, dims are " + dims().text());
    return to(DType::f64).data<double>()[0];
}

Tensor Tensor::channel_slice(std::int64_t begin, std::int64_t count) const {
    if (rank() == 0 || begin < 0 || count < 0 || begin > channels() - count || layout())
        throw UsageError("[tensor] channels " + std::to_string(begin) + " + " + std::to_string(count) +
                         " are not in dims " + dims().text());
    auto impl = view();
    impl->dims = with_channels(dims(), count);
    impl->offset += begin;
    return Tensor(std::move(impl));
}

Tensor Tensor::widened(std::int64_t count) const {
    const Impl& impl = get();
    // Borrowed memory may end with its last row's channels, before the next row would begin.
    const auto room = static_cast<std::int64_t>(impl.storage->bytes / size_of(impl.type)) - impl.offset;
    if (count < 0 || impl.offset % std::max<std::int64_t>(impl.ld, 1) != 0 || channels() > impl.ld - count ||
        (rows() > 0 && (rows() - 1) * impl.ld + channels() + count > room))
        throw UsageError("[tensor] a buffer of " + std::to_string(impl.ld) + " channels a pixel has no room for " +
                         std::to_string(count) + " behind the " + std::to_string(channels()) + " of dims " +
                         dims().text());
    Tensor wide = channel_slice(0, channels());
    wide.impl_->dims = with_channels(dims(), channels() + count);
    return wide;
}

Tensor Tensor::reshape(const Dims& wanted) const {
    require_plain();
    checked_bytes(wanted, dtype());  // so that the product below cannot overflow
    if (wanted.elements() != elements())
        throw UsageError("[tensor] cannot reshape " + dims().text() + " to " + wanted.text());
    auto impl = view();
    impl->dims = wanted;
    impl->ld = wanted.rank() > 0 ? wanted[-1] : 1;
    return Tensor(std::move(impl));
}

Tensor Tensor::contiguous() const { return dense() && !layout() ? detach() : clone(); }

Tensor Tensor::clone() const {
    Tensor copy = empty(dims(), dtype());
    copy.assign(*this);
    return copy;
}

Tensor Tensor::to(DType type) const {
    if (type == dtype()) return detach();
    const Tensor src = layout() ? clone() : detach();
    Tensor dst = empty(dims(), type);
    if (convert_rows(src, dst)) return dst;
    if (!dense()) return contiguous().to(type);
    with_type(dtype(), [&]<class From>(From) {
        with_type(type, [&]<class To>(To) {
            std::ranges::transform(src.values<From>(), dst.values<To>().begin(),
                                   [](From value) { return converted<To>(static_cast<double>(value)); });
        });
    });
    return dst;
}

Tensor Tensor::detach() const { return Tensor(view()); }

std::int64_t Tensor::storage_elements() const { return layout() ? kernels::layout_elements(layout()) : elements(); }

void Tensor::set_layout(const kernels::WeightsLayout& layout) const {
    if (kernels::same_layout(get().layout, layout)) return;
    Tensor other = empty(dims(), dtype());
    if (layout) {
        other.impl_->storage =
            std::make_shared<Storage>(static_cast<std::size_t>(kernels::layout_elements(layout)) * sizeof(float));
        other.impl_->layout = layout;
    }
    other.assign(*this);
    impl_->storage = other.impl_->storage;
    impl_->offset = 0;
    impl_->ld = other.ld();
    impl_->layout = layout;
}

Tensor Tensor::like_at(std::byte* memory, std::shared_ptr<void> owner) const {
    auto impl = std::make_shared<Impl>();
    impl->storage = std::make_shared<Storage>(memory, static_cast<std::size_t>(storage_elements()) * size_of(dtype()),
                                              std::move(owner));
    impl->dims = dims();
    impl->ld = rank() > 0 ? dims()[-1] : 1;
    impl->type = dtype();
    impl->layout = layout();
    return Tensor(std::move(impl));
}

Tensor Tensor::empty_like() const {
    Tensor other = empty(layout() ? Dims{storage_elements()} : dims(), dtype());
    other.impl_->dims = dims();
    other.impl_->ld = rank() > 0 ? dims()[-1] : 1;
    other.impl_->layout = layout();
    return other;
}

Tensor Tensor::zeros_like() const {
    Tensor other = empty_like();
    std::memset(other.impl_->storage->data, 0, other.impl_->storage->bytes);
    return other;
}

void Tensor::require_like(const Tensor& src) const {
    if (src.dims() != dims() || src.dtype() != dtype())
        throw UsageError("[tensor] cannot assign " + std::string(name(src.dtype())) + src.dims().text() + " to " +
                         std::string(name(dtype())) + dims().text());
}

void Tensor::share(const Tensor& src) const {
    require_like(src);
    impl_->storage = src.impl_->storage;
    impl_->offset = src.impl_->offset;
    impl_->ld = src.impl_->ld;
    impl_->layout = src.impl_->layout;
}

void Tensor::assign(const Tensor& src) const {
    require_like(src);
    if (kernels::same_layout(layout(), src.layout())) {
        if (layout())
            std::memcpy(first_byte(*this), first_byte(src),
                        static_cast<std::size_t>(storage_elements()) * size_of(dtype()));
        else
            copy_rows(src, first_byte(src), *this, first_byte(*this));
    } else if (!src.layout()) {
        kernels::pack_weights(layout(), src.contiguous().data<float>(), data<float>());
    } else if (!layout()) {
        kernels::unpack_weights(src.layout(), src.data<float>(), data<float>());
    } else {
        assign(src.clone());  // by way of the plain layout
    }
}

bool Tensor::unique() const {
    return impl_.use_count() == 1 && get().storage.use_count() == 1 && !get().storage->borrowed;
}

const std::shared_ptr<ChannelStatistics>& Tensor::statistics() const { return get().statistics; }

void Tensor::set_statistics(std::shared_ptr<ChannelStatistics> statistics) const {
    get();
    impl_->statistics = std::move(statistics);
}

const std::shared_ptr<Recompute>& Tensor::recompute() const { return get().recompute; }

void Tensor::set_recompute(std::shared_ptr<Recompute> recompute) const {
    get();
    impl_->recompute = std::move(recompute);
}

bool Tensor::same_memory(const Tensor& other) const { return get().storage == other.get().storage; }
bool Tensor::same_view(const Tensor& other) const {
    return same_memory(other) && get().offset == other.get().offset && ld() == other.ld() && dims() == other.dims() &&
           dtype() == other.dtype();
}

}  // namespace keel
