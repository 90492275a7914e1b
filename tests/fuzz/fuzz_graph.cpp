#include "graph/build/graph_file.h"
#include "graph/runtime.h"
#include "tests/fuzz/target.h"

using namespace keel;

namespace {

/// Those of tensors "STEP.NAME.field" whose node the text names: a graph takes all that it is given.
std::vector<NamedTensor> named_in(const std::string& text, const std::vector<NamedTensor>& tensors) {
    std::vector<NamedTensor> named;
    for (const NamedTensor& tensor : tensors) {
        const std::size_t begin = tensor.name.find('.') + 1, end = tensor.name.find('.', begin);
        if (text.find('"' + tensor.name.substr(begin, end - begin) + '"') != std::string::npos) named.push_back(tensor);
    }
    return named;
}

}  // namespace

/// The JSON of a model, beside the tensors that the corpus's graphs want. What is accepted must run.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::vector<NamedTensor> tensors{{"0.images.scale", Tensor::full({3}, 40)},
                                                  {"0.images.shift", Tensor::full({3}, 128)},
                                                  {"1.conv.weights", Tensor::full({4, 3, 3, 3}, 7, DType::s8)},
                                                  {"1.conv.scale", Tensor::full({4}, 0.01)},
                                                  {"1.conv.shift", Tensor::full({4}, 3)},
                                                  {"1.conv.pad_codes", Tensor::full({3}, 128, DType::u8)},
                                                  {"3.fc.weights", Tensor::full({2, 4, 4, 4}, -3, DType::s8)},
                                                  {"3.fc.scale", Tensor::full({2}, 0.01)},
                                                  {"3.fc.shift", Tensor::full({2}, 1)},
                                                  {"0.number.constant", Tensor::full({1}, 0.5)},
                                                  {"0.border.value", Tensor::full({1}, -1)},
                                                  {"0.normal.scale", Tensor::full({3}, 2)},
                                                  {"0.normal.shift", Tensor::full({3}, 1)},
                                                  {"0.slopes.slope", Tensor::full({3}, 0.25)},
                                                  {"0.rounded.scale", Tensor::full({1}, 0.125)}};
    const std::string text(reinterpret_cast<const char*>(data), size);
    fuzz::accept_or_refuse<InputError>([&] {
        const graph::Graph graph = read_graph({{{"keel.graph", text}}, named_in(text, tensors)}, "fuzz");
        std::int64_t elements = 0;
        for (const graph::Buffer& buffer : graph.buffers) elements += buffer.elements();
        if (elements > 1'000'000) return;  // right, but slow
        const Tensor src = Tensor::full({graph.map(graph.src).elements()}, 0.5),
                     dst = Tensor::empty({graph.map(graph.dst).elements()});
        if (graph.map(graph.src).quantized || graph.map(graph.dst).quantized)
            throw InputError("a quantized model alone");
        try {
            Runtime(graph, 1).run(1, src.data<float>(), dst.data<float>());
        } catch (const UsageError& error) {  // sums too long for 32 bits; Predictor makes it the file's fault
            throw InputError(error.what());
        }
    });
    return 0;
}
