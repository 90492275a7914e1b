#include "embed/weights/names.h"

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

/// The names after use_torchvision_names(), and what it says.
std::vector<std::string> renamed(const std::vector<std::string>& names, std::string& how) {
    std::vector<NamedTensor> weights;
    for (const std::string& name : names) weights.push_back({name, Tensor::full({1}, 1)});
    how = use_torchvision_names(weights);
    std::vector<std::string> result;
    for (const NamedTensor& entry : weights) result.push_back(entry.name);
    return result;
}

}  // namespace

TEST_CASE("Other libraries' names become torchvision's", "[names]") {
    using Names = std::vector<std::string>;
    const struct {
        const char* how;
        Names before, after;
    } cases[] = {
        {"without the prefix module.", {"module.conv1.weight", "module.fc.bias"}, {"conv1.weight", "fc.bias"}},
        {"prefix model.net.", {"model.net.conv1.weight", "model.net.fc.bias"}, {"conv1.weight", "fc.bias"}},
        {"DenseNet before 0.3",
         {"features.denseblock1.denselayer12.norm.1.weight", "features.denseblock1.denselayer12.conv.2.weight",
          "classifier.weight"},
         {"features.denseblock1.denselayer12.norm1.weight", "features.denseblock1.denselayer12.conv2.weight",
          "classifier.weight"}},
        {"CheXNet",
         {"module.densenet121.features.denseblock1.denselayer1.norm1.bias", "module.densenet121.classifier.0.weight"},
         {"features.denseblock1.denselayer1.norm1.bias", "classifier.weight"}},
        {"MONAI",
         {"features.conv0.weight", "features.denseblock2.denselayer3.layers.conv1.weight", "class_layers.out.bias"},
         {"features.conv0.weight", "features.denseblock2.denselayer3.conv1.weight", "classifier.bias"}},
        {"HuggingFace",
         {"resnet.embedder.embedder.convolution.weight", "resnet.embedder.embedder.normalization.running_mean",
          "resnet.encoder.stages.0.layers.0.shortcut.convolution.weight",
          "resnet.encoder.stages.3.layers.2.layer.1.normalization.bias", "classifier.1.weight"},
         {"conv1.weight", "bn1.running_mean", "layer1.0.downsample.0.weight", "layer4.2.bn2.bias", "fc.weight"}},
    };
    for (const auto& [how, before, after] : cases) {
        INFO(how);
        std::string said;
        CHECK(renamed(before, said) == after);
        CHECK_THAT(said, contains(how));
    }
}

TEST_CASE("timm's VGG has its linear layers as convolutions over the whole map", "[names]") {
    const Tensor first = Tensor::empty({5, 2, 3, 3});
    for (std::int64_t i = 0; i < first.elements(); ++i) first.data<float>()[i] = static_cast<float>(i);
    std::vector<NamedTensor> weights{{"features.0.weight", Tensor::zeros({2, 3, 3, 3})},
                                     {"pre_logits.fc1.weight", first},
                                     {"pre_logits.fc1.bias", Tensor::zeros({5})},
                                     {"pre_logits.fc2.weight", Tensor::zeros({5, 5, 1, 1})},
                                     {"head.fc.weight", Tensor::zeros({4, 5})}};
    CHECK_THAT(use_torchvision_names(weights), contains("timm's VGG"));
    CHECK((weights[1].name == "classifier.0.weight" && weights[1].tensor.dims() == Dims{5, 18}));
    for (std::int64_t i = 0; i < 90; ++i) CHECK(weights[1].tensor.data<float>()[i] == static_cast<float>(i));
    CHECK((weights[2].name == "classifier.0.bias" && weights[2].tensor.dims() == Dims{5}));
    CHECK((weights[3].name == "classifier.3.weight" && weights[3].tensor.dims() == Dims{5, 5}));
    CHECK((weights[4].name == "classifier.6.weight" && weights[0].tensor.rank() == 4));
}

TEST_CASE("torchvision's own names stay", "[names]") {
    std::string said;
    for (const std::vector<std::string>& names :
         {std::vector<std::string>{"features.0.weight", "classifier.0.weight", "classifier.3.bias",
                                   "classifier.6.bias"},
          {"conv1.weight", "layer1.0.bn1.weight", "fc.weight"},
          {"features.denseblock1.denselayer1.norm1.weight", "features.norm5.weight", "classifier.weight"},
          {"features.conv0.weight", "features.norm0.weight"}}) {
        CHECK(renamed(names, said) == names);
        CHECK(said.empty());
    }
}
