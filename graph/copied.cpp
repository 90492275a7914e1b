#include "graph/copied.h"

#include <cstddef>
#include <utility>

#include "kernels/replicas.h"

namespace keel::graph {

Tensor copied_to_nodes(Tensor constant) {
    const auto bytes = static_cast<std::size_t>(constant.elements()) * size_of(constant.dtype());
    const void* from = nullptr;
    if (constant.dtype() == DType::u8)
        from = constant.data<std::uint8_t>();
    else
        from = constant.data<float>();
    std::byte* first = kernels::make_copies(static_cast<const std::byte*>(from), bytes);
    if (first == nullptr) return constant;
    return Tensor::borrow(first, bytes, constant.dims(), constant.dtype(), -1,
                          [first, bytes] { kernels::drop_copies(first, bytes); });
}

}  // namespace keel::graph
