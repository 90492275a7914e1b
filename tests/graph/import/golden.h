// Golden files of networks, and how their images lie.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "tests/support/catch.h"

namespace keel::test {

inline const std::filesystem::path kFiles = std::filesystem::path(KEEL_SOURCE_DIR) / "tests/graph/files";
inline const std::filesystem::path kNetworks = kFiles / "onnx";

inline Tensor tensor_named(const TensorFile& file, const std::string& name) {
    for (const NamedTensor& entry : file.tensors)
        if (entry.name == name) return entry.tensor.contiguous();
    FAIL("no tensor " << name);
    return {};
}

/// {n, c, h, w} as {n, h, w, c}.
inline std::vector<float> channels_last(const Tensor& images) {
    const Dims d = images.dims();
    std::vector<float> pixels(static_cast<std::size_t>(images.elements()));
    const std::int64_t c = d[1], size = d[2] * d[3];
    for (std::int64_t n = 0; n < d[0]; ++n)
        for (std::int64_t i = 0; i < c; ++i)
            for (std::int64_t p = 0; p < size; ++p)
                pixels[static_cast<std::size_t>((n * size + p) * c + i)] = images.data<float>()[(n * c + i) * size + p];
    return pixels;
}

}  // namespace keel::test
