#include "embed/dlpack.h"

#include <dlpack/dlpack.h>
#include <memory>
#include <optional>
#include <utility>

namespace keel {
namespace {

struct TypeRow {
    DType type;
    std::uint8_t code, bits;
};
constexpr TypeRow kTypes[] = {{DType::f32, kDLFloat, 32},
                              {DType::f64, kDLFloat, 64},
                              {DType::u8, kDLUInt, 8},
                              {DType::s8, kDLInt, 8},
                              {DType::s32, kDLInt, 32}};

[[noreturn]] void refuse(const std::string& wanted, const std::string& came) {
    throw UsageError("[dlpack] wanted " + wanted + ", got " + came);
}

DType type_of(const DLDataType& type) {
    for (const TypeRow& row : kTypes)
        if (type.code == row.code && type.bits == row.bits && type.lanes == 1) return row.type;
    refuse("f32, f64, u8, s8 or s32 of one lane", "type code " + std::to_string(type.code) + " of " +
                                                      std::to_string(type.bits) + " bits and " +
                                                      std::to_string(type.lanes) + " lanes");
}

Dims dims_of(const DLTensor& tensor) {
    if (tensor.ndim < 0 || tensor.ndim > Dims::kMaxRank) refuse("0 to 4 dims", std::to_string(tensor.ndim));
    if (tensor.ndim > 0 && tensor.shape == nullptr) refuse("a shape", "none");
    return Dims(std::span<const std::int64_t>(tensor.shape, static_cast<std::size_t>(tensor.ndim)));
}

/// Returns the distance between rows, none where the strides are not those of rows at equal distances. What the stride
/// of an axis with one element is does not matter.
std::optional<std::int64_t> row_distance(const Dims& dims, const std::int64_t* strides) {
    const int last = dims.rank() - 1;
    if (strides == nullptr || last < 0 || dims.elements() == 0) return last < 0 ? 1 : dims[last];
    if (dims[last] != 1 && strides[last] != 1) return std::nullopt;
    std::optional<std::int64_t> ld;
    std::int64_t inner = 1;  // rows of the axes further in
    for (int axis = last - 1; axis >= 0; --axis) {
        if (dims[axis] == 1) continue;
        if (strides[axis] % inner != 0 || strides[axis] / inner != ld.value_or(strides[axis] / inner))
            return std::nullopt;
        ld = strides[axis] / inner;
        inner *= dims[axis];
    }
    return ld.value_or(dims[last]);
}

std::string text_of(const std::int64_t* strides, int rank) {
    return Dims(std::span(strides, static_cast<std::size_t>(rank))).text();
}

/// What of it a tensor is made of.
struct DlpackView {
    std::byte* memory;
    std::size_t bytes;  // that dims and ld reach
    Dims dims;
    DType type;
    std::int64_t ld;
};

/// Throws UsageError for what no Tensor can be.
DlpackView view_of_dlpack(const DLTensor& tensor) {
    constexpr std::int64_t kMost = std::int64_t{1} << 46;  // bytes, of any tensor
    if (tensor.device.device_type != kDLCPU)
        refuse("memory of the CPU", "device type " + std::to_string(static_cast<int>(tensor.device.device_type)));
    const DType type = type_of(tensor.dtype);
    const Dims dims = dims_of(tensor);
    const auto size = static_cast<std::int64_t>(size_of(type));
    std::int64_t rows = 1;
    std::int64_t elements = 1;
    for (int axis = 0; axis < dims.rank(); ++axis) {
        if (dims[axis] < 0 || (dims[axis] > 0 && elements > kMost / size / dims[axis]))
            refuse("extents of at most 2^46 bytes", dims.text());
        elements *= dims[axis];
        if (axis + 1 < dims.rank()) rows *= dims[axis];
    }
    const std::optional<std::int64_t> ld = row_distance(dims, tensor.strides);
    const std::int64_t c = dims.rank() > 0 ? dims[-1] : 1;
    if (!ld || *ld < c || (rows > 0 && *ld > kMost / size / rows))
        refuse("elements of a row side by side and rows of " + dims.text() + " at equal distances, not overlapping",
               "strides " + text_of(tensor.strides, dims.rank()));
    if (tensor.data == nullptr && elements > 0) refuse("data", "null");
    if (tensor.byte_offset > static_cast<std::uint64_t>(kMost))
        refuse("a byte offset of at most 2^46", std::to_string(tensor.byte_offset));
    const std::int64_t reached = elements == 0 ? 0 : ((rows - 1) * *ld + c) * size;
    // An offset from nowhere leads nowhere.
    std::byte* const memory =
        tensor.data == nullptr ? nullptr : static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
    return {memory, static_cast<std::size_t>(reached), dims, type, *ld};
}

/// What to_dlpack() hands out, with all that it points to.
struct Exported {
    DLManagedTensor managed{};
    std::int64_t shape[Dims::kMaxRank]{}, strides[Dims::kMaxRank]{};
    Tensor tensor;  // keeps the memory
};

void* first_element(const Tensor& tensor) {
    switch (tensor.dtype()) {
        case DType::f32:
            return tensor.data<float>();
        case DType::f64:
            return tensor.data<double>();
        case DType::u8:
            return tensor.data<std::uint8_t>();
        case DType::s8:
            return tensor.data<std::int8_t>();
        case DType::s32:
            return tensor.data<std::int32_t>();
        case DType::bf16:
            break;
    }
    refuse("f32, f64, u8, s8 or s32", std::string(name(tensor.dtype())));
}

}  // namespace

Tensor from_dlpack(DLManagedTensor* managed) {
    if (managed == nullptr) refuse("a tensor", "null");
    std::shared_ptr<DLManagedTensor> owner(managed, [](DLManagedTensor* gone) {
        if (gone->deleter != nullptr) gone->deleter(gone);
    });
    const DlpackView view = view_of_dlpack(managed->dl_tensor);
    return Tensor::borrow(view.memory, view.bytes, view.dims, view.type, view.ld, [owner]() mutable { owner.reset(); });
}

DLManagedTensor* to_dlpack(const Tensor& tensor) {
    if (!tensor) refuse("a tensor", "an undefined one");
    if (tensor.layout()) refuse("a tensor in plain layout", "blocked weights");
    auto exported = std::make_unique<Exported>();
    exported->tensor = tensor.detach();
    DLTensor& described = exported->managed.dl_tensor;
    described.data = first_element(tensor);
    described.device = {kDLCPU, 0};
    described.ndim = tensor.rank();
    for (const TypeRow& row : kTypes)
        if (row.type == tensor.dtype()) described.dtype = {row.code, row.bits, 1};
    std::int64_t stride = 1;
    for (int axis = tensor.rank() - 1; axis >= 0; --axis) {
        const auto at = static_cast<std::size_t>(axis);
        exported->shape[at] = tensor.dim(axis);
        exported->strides[at] = stride;
        stride *= axis + 1 == tensor.rank() ? tensor.ld() : tensor.dim(axis);
    }
    described.shape = exported->shape;
    described.strides = exported->strides;
    exported->managed.manager_ctx = exported.get();
    exported->managed.deleter = [](DLManagedTensor* gone) { delete static_cast<Exported*>(gone->manager_ctx); };
    return &exported.release()->managed;
}

}  // namespace keel
