// Quantized networks through a file, and files that are none.
#include "engine/json.h"
#include "graph/build/graph_file.h"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "embed/loaded_model.h"
#include "embed/predictor.h"
#include "engine/safetensors.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("A quantized model goes round through its file, a quarter of the size", "[quantize]") {
    const TemporaryFolder folder;
    const Network network("densenet121", 64);
    const Quantized quantized =
        network.quantized({.method = RangeMethod::minmax, .keep = {"features.denseblock1.denselayer2.conv1"}});
    const std::string path = folder / "model.safetensors";
    save_graph(path, quantized.graph, metadata_of(network.spec, {{"note", "kept"}}));
    const Predictor loaded(path, 2);
    CHECK(loaded.spec().label_names == network.spec.label_names);
    const Tensor images = random_images(2, 64, 3, 9);
    const Tensor logits = loaded.logits(images);
    CHECK(std::vector<float>(logits.values<float>().begin(), logits.values<float>().end()) ==
          network.logits(quantized.graph, images));

    save_graph(path, network.quantized().graph, metadata_of(network.spec));
    std::int64_t floats = 0;
    for (const NamedTensor& named : network.module->state()) floats += 4 * named.tensor.elements();
    CHECK(static_cast<double>(std::filesystem::file_size(path)) < 0.27 * static_cast<double>(floats));
    CHECK_THROWS_WITH(load_model(path), contains("is a graph"));
}

TEST_CASE("Files of graphs that are damaged are refused with what is wrong", "[quantize]") {
    const TemporaryFolder folder;
    const Network network("resnet18", 32);
    const std::string path = folder / "model.safetensors";
    save_graph(path, network.quantized().graph, metadata_of(network.spec));
    const TensorFile whole = read_safetensors(path);
    const auto refused = [&](const std::string& why, const auto& change) {
        TensorFile file = whole;
        auto json = parse_json(file.metadata["keel.graph"]);
        change(file, json);
        file.metadata["keel.graph"] = json_text(json);
        write_safetensors(path, file);
        CHECK_THROWS_AS(Predictor(path), InputError);
        CHECK_THROWS_WITH(Predictor(path), contains(why));
    };
    refused("newer format", [](TensorFile&, Json& json) { json["format"] = 2; });
    refused("wanted a slice", [](TensorFile&, Json& json) { json["src"] = 3; });
    refused("no such buffer", [](TensorFile&, Json& json) { json["nodes"][3]["src"][0] = 1000; });
    refused("no such buffer", [](TensorFile&, Json& json) { json["nodes"][3]["dst"][0] = 1000; });
    refused("a slice outside its buffer", [](TensorFile&, Json& json) { json["nodes"][3]["dst"][1] = 1; });
    refused("out of range", [](TensorFile&, Json& json) { json["buffers"][1]["h"] = std::int64_t{1} << 40; });
    refused("wanted a whole number", [](TensorFile&, Json& json) { json["nodes"][1]["stride"] = 1.5; });
    refused("graph is malformed", [](TensorFile&, Json& json) { json["nodes"][1]["stride"] = 0; });
    refused("graph is malformed", [](TensorFile&, Json& json) { json["nodes"][1]["groups"] = 0; });
    refused("windows that hold a pixel", [](TensorFile&, Json& json) {
        for (Json& node : json["nodes"])
            if (node["op"] == "quant_pool" && node["kind"] == "max") node["stride"] = 0;
    });
    refused("unknown operator", [](TensorFile&, Json& json) { json["nodes"][1]["op"] = "rm"; });
    refused("reads what no node before has written",
            [](TensorFile&, Json& json) { json["nodes"][0]["src"] = json["nodes"][1]["dst"]; });
    refused("belongs to no layer", [](TensorFile&, Json& json) { json["nodes"].back()["op"] = "dequantise"; });
    refused("wanted a tensor", [](TensorFile& file, Json&) {
        std::erase_if(file.tensors, [](const NamedTensor& t) { return t.name.ends_with("conv1.weights"); });
    });
    refused("belongs to no layer", [](TensorFile& file, Json&) {
        file.tensors.push_back({"rest", Tensor::zeros({3})});
    });
    refused("finite factors", [](TensorFile& file, Json&) {
        for (NamedTensor& t : file.tensors)
            if (t.name.ends_with("fc.scale")) t.tensor = Tensor::full({5}, INFINITY);
    });
    refused("finite factors", [](TensorFile& file, Json&) {
        for (NamedTensor& t : file.tensors)
            if (t.name.ends_with("fc.scale")) t.tensor = Tensor::zeros({4});
    });
}
