// Checkpoints as files for other programs: ONNX models, which Keel reads again.
#include "embed/export_model.h"

#include <algorithm>
#include <cmath>

#include "embed/images.h"
#include "embed/predictor.h"
#include "engine/safetensors.h"
#include "graph/build/graph_file.h"
#include "graph/build/trace.h"
#include "graph/onnx/file.h"
#include "graph/quantize/quantize.h"
#include "kernels/error.h"
#include "models/random_training.h"
#include "models/registry.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

/// The largest difference of the logits for three images, as a part of the largest logit.
double difference(const std::string& a, const std::string& b) {
    const Predictor first(a), second(b);
    const Tensor images = random_images(3, first.spec().image_size, first.spec().options.channels, 5);
    const Tensor x = first.logits(images), y = second.logits(images);
    double most = 0, scale = 0;
    for (std::size_t i = 0; i < x.values<float>().size(); ++i) {
        most = std::max(most, std::abs(double{x.values<float>()[i]} - y.values<float>()[i]));
        scale = std::max(scale, std::abs(double{x.values<float>()[i]}));
    }
    return most / scale;
}

/// A model of the registry, exported and read again, is that model.
void check_comes_back(const char* name) {
    const TemporaryFolder folder;
    LoadedGraph loaded{.spec = {.name = name,
                                .options = {.classes = 3},
                                .image_size = 32,
                                .mean = {0.5F},
                                .std = {0.25F},
                                .label_names = {"a", "b", "c"}},
                       .graph = {}};
    loaded.graph = graph::trace(*make_model(name, loaded.spec.options, 1), 32, 32, 3);
    onnx::write_file(folder / name, onnx_model(loaded, {}));
    const LoadedModel again = load_model(folder / name);
    CHECK(again.spec.name == name);
    CHECK(again.spec.label_names == loaded.spec.label_names);
    CHECK(again.spec.mean == loaded.spec.mean);
    CHECK_FALSE(again.spec.guessed);
}

}  // namespace

TEST_CASE("A checkpoint as an ONNX model says what it is, and predicts the same", "[export]") {
    const TemporaryFolder folder;
    const std::string checkpoint = folder / "model", out = folder / "model.onnx";
    write_small_checkpoint(checkpoint);
    CHECK(export_model(checkpoint, out, {}).name == "resnet18");
    const onnx::Model model = onnx::read_file(out);
    CHECK(model.producer == "keel");
    CHECK(model.opsets.at("") == 17);
    CHECK(model.graph_name == "resnet18");
    CHECK(model.metadata.at("labels") == R"(["a","b","c"])");
    CHECK(model.metadata.at("outputs") == "sigmoid");
    CHECK(model.metadata.at("image_size") == "64");
    CHECK(model.metadata.at("input") == "normalized pixels");
    CHECK(model.metadata.at("output") == "logits");
    CHECK(model.metadata.at("made_by").starts_with("keel "));
    CHECK(read_spec(model.metadata, out).label_names == std::vector<std::string>{"a", "b", "c"});
    // Twenty layers of sums, where other kernels may make them in another order.
    CHECK(difference(checkpoint, out) < 1e-5);
}

TEST_CASE("An exported model of the registry is that model when it is read again", "[export]") {
    for (const char* name : {"densenet121", "resnet18"}) {
        CAPTURE(name);
        check_comes_back(name);
    }
}

TEST_CASE("Exported models of many weights are those models when they are read again", "[export][slow]") {
    for (const char* name : {"resnet50", "vgg16"}) {
        CAPTURE(name);
        check_comes_back(name);
    }
}

TEST_CASE("An ONNX model has the opset, the outputs and the input that are wanted", "[export]") {
    const TemporaryFolder folder;
    const std::string checkpoint = folder / "model", out = folder / "model.onnx";
    write_small_checkpoint(checkpoint);
    export_model(checkpoint, out, {.type = "f32", .onnx = {21, "probabilities", "u8"}});
    const onnx::Model model = onnx::read_file(out);
    CHECK(model.opsets.at("") == 21);
    CHECK(model.nodes.front().op == "Cast");
    CHECK(model.nodes.back().op == "Sigmoid");
    CHECK(model.inputs[0].type == onnx::ElementType::u8);
    CHECK(model.metadata.at("input") == "pixels from 0 to 255");
    CHECK(model.metadata.at("output") == "probabilities");
    const Image image = sample_image(64, 64, 3, 3);
    const auto scores = [&](const std::string& file) {
        const Predictor predictor(file);
        const TransformOptions transform = transform_of(predictor.spec());
        const Tensor result = predictor.predict(input_of({&image, 1}, transform));
        return std::vector<float>(result.values<float>().begin(), result.values<float>().end());
    };
    const std::vector<float> wanted = scores(checkpoint), got = scores(out);
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(got[i] - wanted[i]) < 1e-5F);
    export_model(checkpoint, out, {.type = "f32", .onnx = {13, "logits", "f32"}});
    CHECK(onnx::read_file(out).inputs[0].type == onnx::ElementType::f32);
    CHECK(onnx::read_file(out).nodes.front().op == "Mul");
}

TEST_CASE("A quantized model as an ONNX model holds codes", "[export]") {
    const TemporaryFolder folder;
    const std::string checkpoint = folder / "model", int8 = folder / "int8", out = folder / "int8.onnx";
    write_small_checkpoint(checkpoint);
    const LoadedGraph loaded = load_graph(checkpoint);
    const std::vector<Tensor> images{random_images(4, 64, 3, 1), random_images(4, 64, 3, 2)};
    std::map<std::string, std::string> metadata;
    write_spec(loaded.spec, metadata);
    save_graph(int8, quantize(loaded.graph, images, {.method = RangeMethod::minmax}).graph, metadata);
    export_model(int8, out, {});
    CHECK(std::filesystem::file_size(out) < std::filesystem::file_size(checkpoint) / 3);
    // Codes that are the next one where a bias is rounded: noise of the size of what quantization makes.
    CHECK(difference(int8, out) < 2 * difference(checkpoint, int8));
}

TEST_CASE("Files of other kinds and choices that do not fit are refused", "[export]") {
    const TemporaryFolder folder;
    const std::string checkpoint = folder / "model", onnx = folder / "m.onnx", weights = folder / "m.safetensors";
    write_small_checkpoint(checkpoint);
    CHECK_THROWS_WITH(export_model(checkpoint, folder / "m.pb", {}), contains("ends in .safetensors or .onnx"));
    CHECK_THROWS_WITH(export_model(checkpoint, onnx, {.type = "f16"}), contains("ONNX files hold f32"));
    CHECK_THROWS_WITH(export_model(checkpoint, weights, {.type = "f64"}), contains("wanted f32, f16 or bf16"));
    CHECK_THROWS_WITH(export_model(checkpoint, weights, {.type = "f32", .onnx = {.opset = 18}}),
                      contains("of ONNX files"));
    CHECK_THROWS_WITH(export_model(checkpoint, onnx, {.type = "f32", .onnx = {.opset = 9}}),
                      contains("wanted 13 to 21"));
    CHECK_THROWS_WITH(export_model(checkpoint, onnx, {.type = "f32", .onnx = {.outputs = "both"}}),
                      contains("wanted logits or probabilities"));
    CHECK_THROWS_WITH(export_model(checkpoint, onnx, {.type = "f32", .onnx = {.preprocessing = "f64"}}),
                      contains("wanted none, f32 or u8"));
    CHECK_FALSE(std::filesystem::exists(onnx));
    export_model(checkpoint, weights, {.type = "bf16"});
    CHECK(read_safetensors(weights).metadata.at("format") == "pt");
}
