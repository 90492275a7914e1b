// How the tensors of a file become a model's weights.
#include <algorithm>
#include <string>
#include <vector>

#include "embed/foreign_weights.h"
#include "embed/loaded_model.h"
#include "embed/weights/names.h"
#include "engine/checkpoint.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;

namespace {

/// Inserts a dot before the digit of "norm1", "conv2", ... inside dense layers, as torchvision's oldest files have it.
std::string oldest_name(const std::string& name) {
    std::string old = name;
    for (const char* now : {".norm1.", ".norm2.", ".conv1.", ".conv2."})
        if (const auto at = old.find(now); old.find(".denselayer") != std::string::npos && at != std::string::npos)
            return old.insert(at + 5, ".");
    return old;
}

std::vector<NamedTensor> renamed(std::vector<NamedTensor> tensors) {
    for (NamedTensor& entry : tensors) entry.name = oldest_name(entry.name);
    return tensors;
}

}  // namespace

TEST_CASE("DenseNet's oldest names are loaded", "[weights]") {
    const ModelOptions options{.classes = 3};
    const auto from = make_model("densenet121", options, 1), to = make_model("densenet121", options, 2);
    const auto old = renamed(from->state());
    int changed = 0;
    for (std::size_t i = 0; i < old.size(); ++i) changed += old[i].name != from->state()[i].name;
    REQUIRE(changed == 58 * (2 + 2 * 4));  // layers of two convolutions and two norms of four tensors each
    CHECK_THROWS_WITH(load_into(to->state(), old, "old"), contains("denseblock1.denselayer1.conv.1.weight"));
    auto weights = old;
    CHECK_THAT(use_torchvision_names(weights), contains("DenseNet before 0.3"));
    CHECK(load_into(to->state(), weights, "old").empty());
    const auto wanted = from->state(), got = to->state();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        INFO(wanted[i].name);
        const Tensor a = wanted[i].tensor.contiguous(), b = got[i].tensor.contiguous();
        CHECK(std::equal(a.values<float>().begin(), a.values<float>().end(), b.values<float>().begin()));
    }
}

TEST_CASE("Averages stand in for the parameters", "[weights]") {
    const Tensor one = Tensor::full({1}, 1), two = Tensor::full({1}, 2);
    const auto weights = model_weights({{"fc.weight", one}, {"fc.bias", one}, {"ema.fc.weight", two}});
    REQUIRE(weights.size() == 2);
    CHECK(weights[0].name == "fc.weight");
    CHECK(weights[0].tensor.item() == 2);
    CHECK(weights[1].tensor.item() == 1);
}

TEST_CASE("Names outside of dense layers stay", "[weights]") {
    const Tensor one = Tensor::full({1}, 1);
    std::vector<NamedTensor> weights{
        {"layer1.norm.1.weight", one}, {"features.norm5.weight", one}, {"norm.1.weight", one}};
    const auto before = weights;
    CHECK(use_torchvision_names(weights).empty());
    for (std::size_t i = 0; i < weights.size(); ++i) CHECK(weights[i].name == before[i].name);
}

TEST_CASE("Weights that say nothing are known by names and dims, whatever prefix and extras they have", "[weights]") {
    const keel::test::TemporaryFolder folder;
    const ModelOptions options{.classes = 5, .channels = 1, .small_stem = true};
    std::vector<NamedTensor> tensors = make_model("resnet18", options, 1)->state();
    for (NamedTensor& entry : tensors) entry.name = "module." + entry.name;
    write_safetensors(folder / "w.safetensors", {{}, tensors});
    const LoadedModel model = load_model(folder / "w.safetensors");
    CHECK((model.spec.guessed && model.spec.name == "resnet18" && model.spec.options.small_stem));
    CHECK((model.spec.options.channels == 1 && model.spec.image_size == 32));
    CHECK(model.spec.label_names == std::vector<std::string>{"0", "1", "2", "3", "4"});
    CHECK_THAT(guessed_text(model.spec),
               contains("resnet18") && contains("32 pixels in 1 channel ") && contains("5 classes"));

    CHECK(use_torchvision_names(tensors) == "without the prefix module.");
    CHECK(tensors[0].name == "conv1.weight");
    CHECK(guess_spec(tensors).has_value());
    tensors.push_back({"layer1.9.conv1.weight", Tensor::zeros({1})});  // a deeper network
    CHECK_FALSE(guess_spec(tensors).has_value());
    tensors.pop_back();
    tensors[0].tensor = Tensor::zeros({1});
    CHECK_FALSE(guess_spec(tensors).has_value());
    for (const char* name : {"resnet18", "densenet121", "vgg16_bn"})
        CHECK(guess_spec(make_blank_model(name, {.classes = 2})->state())->name == name);
}
