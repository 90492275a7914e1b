// Tensors as pickles of PyTorch describe them: dims and strides over a storage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "embed/weights/pickle.h"
#include "engine/tensor.h"

namespace keel::torch {

class Storages;

enum class Element { f32, f64, f16, bf16, i64, i32, i16, i8, u8, boolean };
struct ElementTraits {
    const char *storage, *dtype;  ///< PyTorch's names: of a storage's class, of a type
    Element element;
    std::uint64_t bytes;
    DType read_as;
};

/// How a tensor lies in its storage.
struct View {
    const ElementTraits* type = nullptr;
    std::string storage{};
    std::uint64_t count = 0, offset = 0;  ///< elements
    std::vector<std::uint64_t> sizes{}, strides{};
};

/// Returns whether a value is a storage: a persistent id of the stream's may also be of a module's source.
bool is_storage(const PickleValue& value);

/// Returns what a storage says of itself, without dims. Throws InputError for what is none.
View view_of_storage(const PickleValue& storage);

/// Returns how a tensor lies in its storage, nothing for a value that is no tensor. Throws InputError for one that
/// contradicts itself.
std::optional<View> view_of(const PickleValue& value);

/// Returns a tensor in plain layout. Throws InputError for dims and strides that reach beyond the storage or by which
/// elements share memory, for a storage that is smaller than it claims, and for whole numbers beyond 32 bits.
Tensor tensor_of(const View& view, Storages& storages);

}  // namespace keel::torch
