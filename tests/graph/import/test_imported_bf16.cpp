// Networks of PyTorch's exporter (files/onnx/make_onnx.py) in bf16 against themselves in f32.
#include "graph/import/import.h"
#include "graph/onnx/file.h"
#include "graph/runtime.h"
#include "tests/graph/import/golden.h"
#include "tests/support/bf16_graphs.h"
#include "tests/support/isa.h"

namespace keel {
namespace {

using namespace test;

TEST_CASE("Imported networks run in bf16, what has no kernels for it in f32 between conversions", "[bf16_maps]") {
    std::size_t in_bf16 = 0;
    for (const std::string network : {"plain", "mobile", "shuffle", "dense", "inception", "convnext", "resize", "norms",
                                      "activations", "pools", "lrn"}) {
        CAPTURE(network);
        const Tensor input = tensor_named(read_safetensors(kNetworks / (network + ".safetensors")), "input");
        const Dims d = input.dims();
        const graph::Graph network_graph =
            graph::import_graph(onnx::read_file(kNetworks / (network + ".torch2.onnx")), d[2], d[3], d[1]).graph;
        for_each_isa([&] {
            const Runtime floats(network_graph, d[0]), halves(network_graph, d[0], Precision::bf16);
            CHECK(halves.refusal().empty() == (halves.precision() == Precision::bf16));
            in_bf16 += halves.precision() == Precision::bf16 ? 1 : 0;
            const auto run = [&](const Runtime& runtime) {
                std::vector<float> dst(
                    static_cast<std::size_t>(d[0] * network_graph.map(network_graph.dst).elements()));
                runtime.run(d[0], channels_last(input).data(), dst.data());
                return dst;
            };
            CHECK(relative_difference(run(halves), run(floats)) < tolerance_of(network_graph));
        });
    }
    CHECK(in_bf16 > 0);
}

}  // namespace
}  // namespace keel
