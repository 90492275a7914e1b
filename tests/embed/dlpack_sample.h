// A tensor of another library, as tests hand it over.
#pragma once

#include <dlpack/dlpack.h>
#include <cstdint>
#include <vector>

namespace keel::test {

/// Describes memory of the test's; counts the calls of its deleter.
struct ForeignTensor {
    ForeignTensor(void* data, std::vector<std::int64_t> dims, std::vector<std::int64_t> distances = {})
        : shape(std::move(dims)), strides(std::move(distances)) {
        managed.dl_tensor = {data,
                             {kDLCPU, 0},
                             static_cast<int>(shape.size()),
                             {kDLFloat, 32, 1},
                             shape.data(),
                             strides.empty() ? nullptr : strides.data(),
                             0};
        managed.manager_ctx = this;
        managed.deleter = [](DLManagedTensor* self) { ++static_cast<ForeignTensor*>(self->manager_ctx)->deleted; };
    }
    ForeignTensor(const ForeignTensor&) = delete;
    ForeignTensor& operator=(const ForeignTensor&) = delete;

    std::vector<std::int64_t> shape, strides;
    DLManagedTensor managed{};
    int deleted = 0;
};

}  // namespace keel::test
