// Constants, as files hold them: TensorProto.
#pragma once

#include <string>
#include <string_view>

#include "graph/onnx/external.h"
#include "graph/onnx/model.h"
#include "graph/onnx/wire.h"

namespace keel::onnx {

struct NamedArray {
    std::string name{};
    Array array{};
};

/// Reads a constant: its data are raw, in a field of their type, or in another file. Throws InputError, which names the
/// tensor, for dims that are negative or too many, a type that is not read, and data that are not as many as the dims
/// say, all before memory is made for them.
NamedArray read_tensor(std::string_view message, Budget& budget, ExternalFiles& files);

/// Returns the bytes of an element in files. The type is neither string nor undefined.
std::size_t bytes_of(ElementType type);

}  // namespace keel::onnx
