#include "graph/onnx/file.h"
#include "tests/fuzz/target.h"

using namespace keel;

/// What is accepted has as many values as its dims say, and is read again as it was when it is written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::accept_or_refuse<InputError>([&] {
        const onnx::Model model = onnx::read(std::as_bytes(std::span(data, size)), "fuzz");
        bool writable = true;
        for (const auto& [name, array] : model.initializers) {
            const std::size_t values = onnx::is_float(array.type) ? array.floats.size() : array.integers.size();
            fuzz::require(values == static_cast<std::size_t>(array.elements()), "values that the dims do not say");
        }
        for (const onnx::Node& node : model.nodes)
            for (const auto& [name, value] : node.attributes)
                writable = writable && !std::holds_alternative<onnx::Subgraph>(value);
        if (!writable) return;
        const std::string bytes = onnx::bytes_of(model);
        const onnx::Model again = onnx::read(std::as_bytes(std::span(bytes)), "written");
        fuzz::require(onnx::bytes_of(again) == bytes, "a model that is written differently the second time");
    });
    return 0;
}
