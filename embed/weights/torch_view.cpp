#include "embed/weights/torch_view.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>

#include <fmt/core.h>

#include "embed/weights/torch_storage.h"
#include "engine/small_floats.h"
#include "kernels/bf16.h"
#include "kernels/error.h"

namespace keel::torch {
namespace {

using Kind = PickleValue::Kind;

constexpr ElementTraits kElements[] = {
    {"FloatStorage", "float32", Element::f32, 4, DType::f32},
    {"DoubleStorage", "float64", Element::f64, 8, DType::f64},
    {"HalfStorage", "float16", Element::f16, 2, DType::f32},
    {"BFloat16Storage", "bfloat16", Element::bf16, 2, DType::f32},
    {"LongStorage", "int64", Element::i64, 8, DType::s32},
    {"IntStorage", "int32", Element::i32, 4, DType::s32},
    {"ShortStorage", "int16", Element::i16, 2, DType::s32},
    {"CharStorage", "int8", Element::i8, 1, DType::s8},
    {"ByteStorage", "uint8", Element::u8, 1, DType::u8},
    {"BoolStorage", "bool", Element::boolean, 1, DType::u8},
};

/// The last part of "torch.FloatStorage".
std::string last_part(const std::string& global) { return global.substr(global.rfind('.') + 1); }

std::uint64_t natural(const PickleValue* value, const char* what) {
    if (value == nullptr || !value->is_integer() || value->integer < 0)
        throw InputError(fmt::format("{} is no whole number of at least 0", what));
    return static_cast<std::uint64_t>(value->integer);
}

std::vector<std::uint64_t> naturals(const PickleValue* value, const char* what) {
    if (value == nullptr || !value->is_sequence()) throw InputError("a tensor without dims and strides");
    if (value->items.size() > 4)
        throw InputError(fmt::format("a tensor of {} dims, wanted 4 at most", value->items.size()));
    std::vector<std::uint64_t> numbers;
    for (const PickleValue* item : value->items) numbers.push_back(natural(item, what));
    return numbers;
}

const PickleValue* argument(const PickleValue& object, std::size_t i) {
    const PickleValue* arguments = object.arguments;
    if (arguments == nullptr || !arguments->is_sequence() || i >= arguments->items.size()) return nullptr;
    return arguments->items[i];
}

const ElementTraits& element_named(const PickleValue* name, const char* ElementTraits::*which) {
    if (name != nullptr && name->kind == Kind::global)
        for (const ElementTraits& traits : kElements)
            if (last_part(name->text) == traits.*which) return traits;
    throw InputError(fmt::format("a type of elements that is not known: {}",
                                 name != nullptr && !name->text.empty() ? name->text : "no name"));
}

/// ("storage", class of the storage, key, location, number of elements), by the pickle's persistent ids.
void read_storage(const PickleValue* storage, View& view, const ElementTraits* type) {
    if (storage == nullptr || !is_storage(*storage)) throw InputError("a tensor without a storage");
    const PickleValue* key = argument(*storage, 2);
    if (key == nullptr || !key->is_text()) throw InputError("a storage without a key");
    if (const PickleValue* view_of = argument(*storage, 5); view_of != nullptr && view_of->kind != Kind::none)
        throw InputError("a storage that is a view of another");
    view.type = type != nullptr ? type : &element_named(argument(*storage, 1), &ElementTraits::storage);
    view.storage = key->text;
    view.count = natural(argument(*storage, 4), "a number of elements");
    if (type != nullptr) view.count /= type->bytes;  // an untyped storage counts bytes
}

/// Nothing for what is no tensor.
std::optional<View> view_within(const PickleValue& value, int depth) {
    if (depth > 4) return std::nullopt;
    const auto inner = [&](std::size_t i) {
        const PickleValue* wrapped = argument(value, i);
        return wrapped == nullptr ? std::nullopt : view_within(*wrapped, depth + 1);
    };
    if (value.is_made_by("torch._utils._rebuild_parameter") ||
        value.is_made_by("torch._utils._rebuild_parameter_with_state"))
        return inner(0);
    if (value.is_made_by("torch._tensor._rebuild_from_type_v2")) {
        const PickleValue *function = argument(value, 0), *arguments = argument(value, 2);
        if (function == nullptr || arguments == nullptr) return std::nullopt;
        PickleValue plain;
        plain.kind = Kind::object;
        plain.callable = function;
        plain.arguments = arguments;
        return view_within(plain, depth + 1);
    }
    const bool third = value.is_made_by("torch._utils._rebuild_tensor_v3");
    if (!third && !value.is_made_by("torch._utils._rebuild_tensor_v2") &&
        !value.is_made_by("torch._utils._rebuild_tensor"))
        return std::nullopt;
    View view;
    read_storage(argument(value, 0), view, third ? &element_named(argument(value, 6), &ElementTraits::dtype) : nullptr);
    view.offset = natural(argument(value, 1), "the offset");
    view.sizes = naturals(argument(value, 2), "a dim");
    view.strides = naturals(argument(value, 3), "a stride");
    if (view.sizes.size() != view.strides.size()) throw InputError("a tensor with more dims than strides, or fewer");
    return view;
}

/// The number of elements. Refuses what lies outside of the storage, and elements that share memory: a few bytes could
/// claim to be any number of them.
std::uint64_t checked_elements(const View& view) {
    std::uint64_t elements = 1, last = view.offset;
    for (const std::uint64_t size : view.sizes)
        if (size == 0) return 0;
    std::vector<std::size_t> order(view.sizes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return view.strides[i]; });
    std::uint64_t reach = 1;  // elements that the dims of smaller strides span
    for (const std::size_t i : order) {
        const std::uint64_t size = view.sizes[i], stride = view.strides[i];
        if (size == 1) continue;
        if (stride < reach) throw InputError("strides by which elements share memory");
        if (size > view.count || stride > view.count || (size - 1) * stride > view.count - 1 ||
            last > view.count - 1 - (size - 1) * stride)
            throw InputError("a tensor that reaches beyond its storage");
        last += (size - 1) * stride;
        reach = (size - 1) * stride + reach;
        elements *= size;
    }
    if (last >= view.count) throw InputError("a tensor that reaches beyond its storage");
    return elements;
}

/// dst[i] = convert(element i of the view), in the order of its dims.
template <class From, class To, class Convert>
void gather(const View& view, const Bytes& storage, To* dst, Convert&& convert) {
    std::array<std::uint64_t, 4> size{1, 1, 1, 1}, stride{};
    for (std::size_t i = 0; i < view.sizes.size(); ++i) {
        size[4 - view.sizes.size() + i] = view.sizes[i];
        stride[4 - view.sizes.size() + i] = view.strides[i];
    }
    const std::uint8_t* base = storage.data() + view.offset * sizeof(From);
    for (std::uint64_t a = 0; a < size[0]; ++a)
        for (std::uint64_t b = 0; b < size[1]; ++b)
            for (std::uint64_t c = 0; c < size[2]; ++c)
                for (std::uint64_t d = 0; d < size[3]; ++d) {
                    From value;
                    std::memcpy(&value,
                                base + (a * stride[0] + b * stride[1] + c * stride[2] + d * stride[3]) * sizeof(From),
                                sizeof value);
                    *dst++ = convert(value);
                }
}

bool is_dense(const View& view) {
    std::uint64_t expected = 1;
    for (std::size_t i = view.sizes.size(); i-- > 0;) {
        if (view.sizes[i] != 1 && view.strides[i] != expected) return false;
        expected *= view.sizes[i];
    }
    return true;
}

template <class T>
void copy(const View& view, const Bytes& storage, const Tensor& dst) {
    if (is_dense(view))
        std::memcpy(dst.data<T>(), storage.data() + view.offset * sizeof(T), dst.values<T>().size_bytes());
    else
        gather<T>(view, storage, dst.data<T>(), [](T value) { return value; });
}

std::int32_t narrowed(std::int64_t value) {
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())
        throw InputError(fmt::format("{} does not fit 32 bits", value));
    return static_cast<std::int32_t>(value);
}

}  // namespace

bool is_storage(const PickleValue& value) {
    if (value.kind != Kind::object || value.callable != nullptr) return false;
    const PickleValue* kind = argument(value, 0);
    return kind != nullptr && kind->text == "storage";
}

View view_of_storage(const PickleValue& storage) {
    View view;
    read_storage(&storage, view, nullptr);
    return view;
}

std::optional<View> view_of(const PickleValue& value) { return view_within(value, 0); }

Tensor tensor_of(const View& view, Storages& storages) {
    const std::uint64_t elements = view.count == 0 && view.sizes.empty() ? 1 : checked_elements(view);
    if (elements == 0) throw InputError("a tensor without elements");
    const Bytes& storage = storages.of(view.storage);
    if (view.count > storage.size() / view.type->bytes)
        throw InputError(fmt::format("the storage '{}' claims {} elements of {} bytes, and has {} bytes", view.storage,
                                     view.count, view.type->bytes, storage.size()));
    std::vector<std::int64_t> dims(view.sizes.begin(), view.sizes.end());
    if (dims.empty()) dims = {1};
    const Tensor tensor = Tensor::empty(Dims(dims), view.type->read_as);
    switch (view.type->element) {
        case Element::f32:
            copy<float>(view, storage, tensor);
            break;
        case Element::f64:
            copy<double>(view, storage, tensor);
            break;
        case Element::i32:
            copy<std::int32_t>(view, storage, tensor);
            break;
        case Element::i8:
            copy<std::int8_t>(view, storage, tensor);
            break;
        case Element::u8:
            copy<std::uint8_t>(view, storage, tensor);
            break;
        case Element::boolean:
            gather<std::uint8_t>(view, storage, tensor.data<std::uint8_t>(),
                                 [](std::uint8_t v) -> std::uint8_t { return v != 0; });
            break;
        case Element::f16:
            gather<std::uint16_t>(view, storage, tensor.data<float>(), from_half);
            break;
        case Element::bf16:
            gather<std::uint16_t>(view, storage, tensor.data<float>(), kernels::from_bf16);
            break;
        case Element::i16:
            gather<std::int16_t>(view, storage, tensor.data<std::int32_t>(),
                                 [](std::int16_t v) -> std::int32_t { return v; });
            break;
        case Element::i64:
            gather<std::int64_t>(view, storage, tensor.data<std::int32_t>(), narrowed);
            break;
    }
    return tensor;
}

}  // namespace keel::torch
