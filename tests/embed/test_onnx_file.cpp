// ONNX models that are one of Keel's, and one that is not.
#include "embed/onnx_file.h"

#include <map>

#include "embed/loaded_model.h"
#include "embed/predictor.h"
#include "graph/build/graph_file.h"
#include "graph/onnx/file.h"
#include "models/model_spec.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

namespace keel {
namespace {

using test::TemporaryFolder;

constexpr std::int64_t kPixels = 32, kClasses = 5;

/// A ResNet-20 as exporters write it that fold nothing: its parameters are initializers by their own names. The last
/// stage has `blocks` of its three blocks.
class Network {
public:
    explicit Network(const std::vector<NamedTensor>& state, int blocks = 3) {
        for (const NamedTensor& entry : state) {
            if (entry.name.ends_with("num_batches_tracked")) continue;
            const Tensor plain = entry.tensor.contiguous();
            model_.initializers[entry.name] = {onnx::ElementType::f32,
                                               {plain.dims().begin(), plain.dims().end()},
                                               {plain.values<float>().begin(), plain.values<float>().end()},
                                               {}};
        }
        model_.opsets[""] = 17;
        model_.producer = "a test";
        model_.inputs = {{"input", onnx::ElementType::f32, {{{}, "n"}, {3, ""}, {{}, "h"}, {{}, "w"}}}};
        model_.outputs = {{"output", onnx::ElementType::f32, {{{}, "n"}, {kClasses, ""}}}};
        std::string x = relu(norm("bn1", conv("conv1", "input", 3, 1)));
        for (int stage = 1; stage <= 3; ++stage)
            for (int i = 0; i < (stage == 3 ? blocks : 3); ++i)
                x = block("layer" + std::to_string(stage) + "." + std::to_string(i), x, stage > 1 && i == 0);
        x = add("Flatten", {add("GlobalAveragePool", {x})});
        model_.nodes.push_back(
            {"fc", "Gemm", "", {x, "fc.weight", "fc.bias"}, {"output"}, {{"transB", std::int64_t{1}}}});
    }

    onnx::Model& model() { return model_; }
    /// Gives all parameters names that say nothing.
    void rename() {
        std::map<std::string, onnx::Array> renamed;
        std::map<std::string, std::string> names;
        for (auto& [name, array] : model_.initializers) {
            names[name] = "onnx::" + std::to_string(names.size());
            renamed[names[name]] = std::move(array);
        }
        model_.initializers = std::move(renamed);
        for (onnx::Node& node : model_.nodes)
            for (std::string& input : node.inputs)
                if (names.contains(input)) input = names[input];
    }

private:
    std::string add(const std::string& op, std::vector<std::string> inputs,
                    std::map<std::string, onnx::Attribute> with = {}) {
        const std::string result = "value" + std::to_string(model_.nodes.size());
        model_.nodes.push_back({"", op, "", std::move(inputs), {result}, std::move(with)});
        return result;
    }
    std::string conv(const std::string& name, const std::string& x, std::int64_t size, std::int64_t stride) {
        using Ints = std::vector<std::int64_t>;
        const std::int64_t pad = size / 2;
        return add("Conv", {x, name + ".weight"},
                   {{"kernel_shape", Ints{size, size}},
                    {"strides", Ints{stride, stride}},
                    {"pads", Ints{pad, pad, pad, pad}}});
    }
    std::string norm(const std::string& name, const std::string& x) {
        return add("BatchNormalization",
                   {x, name + ".weight", name + ".bias", name + ".running_mean", name + ".running_var"});
    }
    std::string relu(const std::string& x) { return add("Relu", {x}); }
    std::string block(const std::string& name, const std::string& x, bool down) {
        std::string y = relu(norm(name + ".bn1", conv(name + ".conv1", x, 3, down ? 2 : 1)));
        y = norm(name + ".bn2", conv(name + ".conv2", y, 3, 1));
        const std::string residual = down ? norm(name + ".downsample.1", conv(name + ".downsample.0", x, 1, 2)) : x;
        return relu(add("Add", {y, residual}));
    }

    onnx::Model model_;
};

/// A model whose batch norms are not those that it begins with.
std::unique_ptr<nn::Module> resnet20() {
    auto module = make_model("resnet20", {.classes = kClasses}, 3);
    for (const NamedTensor& entry : module->state()) {
        if (entry.tensor.rank() != 1 || entry.name.ends_with("num_batches_tracked")) continue;
        float* values = entry.tensor.data<float>();
        for (std::int64_t i = 0; i < entry.tensor.elements(); ++i)
            values[i] = (entry.name.ends_with("running_var") || entry.name.ends_with("weight") ? 0.8F : 0.1F) +
                        0.05F * static_cast<float>(i % 7);
    }
    module->train(false);
    return module;
}

Tensor some_images() {
    Tensor images = Tensor::empty({2, kPixels, kPixels, 3});
    for (std::int64_t i = 0; i < images.elements(); ++i)
        images.data<float>()[i] = static_cast<float>((i * 37) % 101) / 50 - 1;
    return images;
}

/// Rounding in another order, of twenty layers of sums of a few hundred terms; folded batch norms round once more.
constexpr double kRounding = 1e-5;

TEST_CASE("an ONNX model of Keel's architecture with its names becomes that model, to the bit", "[embed]") {
    const TemporaryFolder folder;
    const auto module = resnet20();
    Network network(module->state());
    onnx::write_file(folder / "model.onnx", network.model());
    const OnnxState read = read_onnx(folder / "model.onnx", kPixels);
    CHECK_FALSE(holds_graph(read.state.metadata));
    const LoadedModel loaded = load_model(folder / "model.onnx");
    CHECK(loaded.spec.name == "resnet20");
    CHECK(loaded.spec.guessed);
    const std::vector<NamedTensor> wanted = module->state(), got = loaded.module->state();
    REQUIRE(wanted.size() == got.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        CAPTURE(wanted[i].name);
        CHECK(test::relative_error(got[i].tensor, wanted[i].tensor) == 0);
    }
}

TEST_CASE("a training begins with the weights of an ONNX model", "[embed]") {
    const TemporaryFolder folder;
    const auto module = resnet20();
    onnx::write_file(folder / "model.onnx", Network(module->state()).model());
    const std::vector<NamedTensor> weights = read_model_weights(folder / "model.onnx");
    for (const NamedTensor& wanted : module->state()) {
        if (wanted.name.ends_with("num_batches_tracked")) continue;
        CAPTURE(wanted.name);
        const auto found = std::ranges::find(weights, wanted.name, &NamedTensor::name);
        REQUIRE(found != weights.end());
        CHECK(test::relative_error(found->tensor, wanted.tensor) == 0);
    }
}

TEST_CASE("an ONNX model of Keel's architecture without its names becomes a model that computes the same", "[embed]") {
    const TemporaryFolder folder;
    const auto module = resnet20();
    Network network(module->state());
    network.rename();
    onnx::write_file(folder / "model.onnx", network.model());
    const OnnxState read = read_onnx(folder / "model.onnx", kPixels);
    CHECK_FALSE(holds_graph(read.state.metadata));
    CHECK_THAT(read.notes.back(), test::contains("resnet20"));
    ModelSpec spec = read_spec(read.state.metadata, "the model");
    CHECK(spec.name == "resnet20");
    CHECK(spec.image_size == kPixels);
    const LoadedModel loaded = load_model(read.state, folder / "model.onnx");
    const Tensor images = some_images();
    const Tensor wanted = Predictor(spec, *module).logits(images), got = Predictor(spec, *loaded.module).logits(images);
    CHECK(test::relative_error(got, wanted) < kRounding);
}

TEST_CASE("an ONNX model of another architecture is a graph that predicts", "[embed]") {
    const TemporaryFolder folder;
    const auto module = resnet20();
    for (const NamedTensor& entry : module->state())  // a block that adds nothing can as well be left out
        if (entry.name == "layer3.2.bn2.weight" || entry.name == "layer3.2.bn2.bias")
            entry.tensor.assign(Tensor::zeros(entry.tensor.dims()));
    Network network(module->state(), 2);
    std::erase_if(network.model().initializers, [](const auto& entry) { return entry.first.starts_with("layer3.2."); });
    network.model().nodes.back().outputs = {"logits"};
    network.model().nodes.push_back({"end", "Sigmoid", "", {"logits"}, {"output"}, {}});
    onnx::write_file(folder / "model.onnx", network.model());
    const OnnxState read = read_onnx(folder / "model.onnx", kPixels);
    CHECK(holds_graph(read.state.metadata));
    CHECK(read.gives_probabilities);
    const ModelSpec spec = read_spec(read.state.metadata, "the model");
    CHECK(spec.name == "model");
    CHECK(spec.multi_label);
    CHECK(spec.label_names == std::vector<std::string>{"0", "1", "2", "3", "4"});
    const LoadedGraph loaded = load_graph(read.state, folder / "model.onnx");
    const Tensor images = some_images();
    const Tensor wanted = Predictor(spec, *module).logits(images), got = Predictor(spec, loaded.graph).logits(images);
    CHECK(test::relative_error(got, wanted) < kRounding);
    CHECK_THROWS_WITH(read_model_weights(folder / "model.onnx"), test::contains("none of Keel's models"));
    CHECK_THROWS_WITH(load_model(read.state, folder / "model.onnx"), test::contains("has no layers to train"));
}

TEST_CASE("images of a size that the ONNX model does not take are refused", "[embed]") {
    const TemporaryFolder folder;
    Network network(resnet20()->state());
    network.model().inputs[0].dims[2].value = network.model().inputs[0].dims[3].value = kPixels;
    onnx::write_file(folder / "model.onnx", network.model());
    CHECK_THROWS_WITH(read_onnx(folder / "model.onnx", 64), test::contains("32 pixels a side, not of 64"));
    network.model().inputs[0].dims[3].value = 48;
    onnx::write_file(folder / "model.onnx", network.model());
    CHECK_THROWS_WITH(read_onnx(folder / "model.onnx"), test::contains("32 x 48 pixels"));
}

}  // namespace
}  // namespace keel
