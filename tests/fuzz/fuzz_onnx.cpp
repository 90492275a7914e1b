#include "graph/import/import.h"
#include "graph/onnx/file.h"
#include "graph/ops/conv.h"
#include "graph/runtime.h"
#include "tests/fuzz/target.h"

using namespace keel;

namespace {

/// Whether a graph is small enough to be run thousands of times.
bool is_small(const graph::Graph& graph) {
    std::int64_t elements = 0, products = 0;
    for (const graph::Buffer& buffer : graph.buffers) elements += buffer.elements();
    for (const graph::Node& node : graph.nodes)
        if (const auto* conv = node.as<graph::Conv>()) {
            const graph::Buffer& map = graph.map(node.dst);
            products += conv->weights.elements() * map.h * map.w;
        }
    return elements < 1 << 20 && products < 1 << 20;
}

/// A graph that is made of a model passes check(), and runs.
void import(const onnx::Model& model) {
    const graph::ModelImages images = graph::images_of(model);
    const auto or_else = [](std::int64_t given, std::int64_t otherwise) { return given == 0 ? otherwise : given; };
    const std::int64_t h = or_else(images.h, 12), w = or_else(images.w, 12), c = or_else(images.channels, 3);
    const graph::ImportedGraph imported = graph::import_graph(model, h, w, c);
    check(imported.graph);
    for (const graph::Graph& graph : {imported.graph, graph::coded(imported.graph, imported.weight_steps).graph}) {
        if (!is_small(imported.graph)) return;
        const std::vector<float> pixels(static_cast<std::size_t>(h * w * c), 0.5F);
        std::vector<float> result(static_cast<std::size_t>(graph.map(graph.dst).elements()));
        Runtime(graph, 1).run(1, pixels.data(), result.data());
    }
}

}  // namespace

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
    fuzz::accept_or_refuse<InputError>([&] { import(onnx::read(std::as_bytes(std::span(data, size)), "fuzz")); });
    return 0;
}
