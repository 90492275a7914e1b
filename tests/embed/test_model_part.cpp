#include "embed/model_part.h"

#include <algorithm>
#include <sstream>

#include "data/formats/zip.h"
#include "kernels/error.h"
#include "models/registry.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

using Tensors = std::vector<NamedTensor>;
using Names = std::vector<std::string>;

Tensors resnet(const std::string& prefix = "", float value = 1) {
    Tensors tensors = make_blank_model("resnet20", {.classes = 3})->state();
    for (NamedTensor& entry : tensors) entry = {prefix + entry.name, Tensor::full(entry.tensor.dims(), value)};
    return tensors;
}

Tensors operator+(Tensors a, const Tensors& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

NamedTensor zeros(const std::string& name, const Dims& dims = {1}) { return {name, Tensor::zeros(dims)}; }

const Tensors kBeside{zeros("criterion.pos_weight", {3}), zeros("train_acc.tp", {3}), zeros("train_acc.fp", {3}),
                      zeros("val_metrics.confusion.weight", {3, 3}), zeros("lpips_loss.conv.weight", {3, 3, 1, 1})};

/// The text of a golden file, and the tensors that its lines name.
Tensors golden_tensors(const std::vector<std::uint8_t>& bytes, std::string& found) {
    std::istringstream text(std::string(bytes.begin(), bytes.end()));
    std::getline(text, found);
    Tensors tensors;
    for (std::string line; std::getline(text, line);) {
        std::istringstream words(line);
        std::string name;
        std::vector<std::int64_t> dims;
        words >> name;
        for (std::int64_t dim = 0; words >> dim;) dims.push_back(dim);
        if (dims.empty()) dims = {1};
        tensors.push_back({name, Tensor::empty(Dims(dims))});
    }
    return tensors;
}

}  // namespace

TEST_CASE("What other libraries' classes save is found by names and dims", "[model_part]") {
    const ZipArchive archive(KEEL_SOURCE_DIR "/tests/embed/weights/names.zip");
    int models = 0;
    for (const ZipEntry& member : archive.entries()) {
        if (member.name == "VERSIONS") continue;
        INFO(member.name);
        std::string wanted;
        const Tensors tensors = golden_tensors(archive.extract(member), wanted);
        REQUIRE(tensors.size() > 30);
        const ModelPart part = find_model_part(tensors);
        INFO(part.misfit);
        REQUIRE(part.spec);
        const ModelOptions& options = part.spec->options;
        CHECK(part.spec->name + " " + std::to_string(options.channels) + " " + std::to_string(options.classes) ==
              wanted);
        const auto state = make_blank_model(part.spec->name, options)->state();
        for (const NamedTensor& entry : state) {
            INFO(entry.name);
            const auto given = std::ranges::find(part.weights, entry.name, &NamedTensor::name);
            REQUIRE(given != part.weights.end());
            CHECK(given->tensor.dims() == entry.tensor.dims());
        }
        ++models;
    }
    CHECK(models == 14);
}

TEST_CASE("Losses, metrics and thresholds are left out by name", "[model_part]") {
    for (const std::string prefix : {"", "model.", "model.module.net."}) {
        INFO(prefix);
        const ModelPart part = find_model_part(kBeside + resnet(prefix));
        REQUIRE(part.spec);
        CHECK(part.spec->name == "resnet20");
        CHECK(part.weights.front().name == "conv1.weight");
        CHECK(part.how == (prefix.empty() ? "" : "without the prefix " + prefix));
        CHECK(part.left_out == Names{"criterion.pos_weight", "train_acc.tp", "train_acc.fp",
                                     "val_metrics.confusion.weight", "lpips_loss.conv.weight"});
    }
    const ModelPart inner = find_model_part(resnet("model.") + Tensors{zeros("model.temperature")});
    CHECK((inner.spec && inner.left_out == Names{"model.temperature"}));
}

TEST_CASE("Of copies of a model the first is taken that is no average", "[model_part]") {
    const auto first = [](const ModelPart& part) { return part.weights.front().tensor.data<float>()[0]; };
    const ModelPart beside = find_model_part(resnet("ema_model.module.", 2) + kBeside + resnet("net.", 1));
    REQUIRE(beside.spec);
    CHECK(first(beside) == 1);
    CHECK(beside.how == "without the prefix net., and not ema_model., which is as whole");
    CHECK(beside.left_out.front() == "ema_model.*");
    CHECK(beside.left_out.size() == 1 + kBeside.size());
    const ModelPart own = find_model_part(resnet("ema.", 2) + resnet("", 1));
    REQUIRE(own.spec);
    CHECK((first(own) == 1 && own.left_out == Names{"ema.*"}));
    const ModelPart averages = find_model_part(resnet("ema.", 2) + resnet("", 1), "ema");
    REQUIRE(averages.spec);
    CHECK(first(averages) == 2);
    CHECK(averages.left_out.size() == resnet().size());
    const ModelPart students = find_model_part(resnet("student.", 1) + resnet("teacher.", 2));
    CHECK((students.spec && first(students) == 1));
    CHECK_THROWS_AS(find_model_part(resnet(), "ema"), InputError);
    CHECK_THROWS_WITH(find_model_part(resnet(), "ema"), contains("no tensor is named ema.*"));
}

TEST_CASE("Layers without a place, and places without a layer, are misfits", "[model_part]") {
    const auto misfit = [](const Tensors& tensors) {
        const ModelPart part = find_model_part(tensors);
        CHECK_FALSE(part.spec);
        return part.misfit;
    };
    CHECK_THAT(misfit(resnet("model.") + Tensors{zeros("head.weight", {5, 3})}),
               contains("below model. are those of resnet20") && contains("head.weight") && contains("--key model"));
    CHECK(find_model_part(resnet("model.") + Tensors{zeros("head.weight", {5, 3})}, "model").spec);
    CHECK_THAT(misfit(resnet() + Tensors{zeros("attention.weight", {5, 3})}), contains("attention.weight [5, 3]"));
    CHECK_THAT(misfit(resnet("model.") + Tensors{zeros("model.layer3.1.conv3.weight", {5, 3, 1, 1})}),
               contains("beside them layer3.1.conv3.weight"));
    Tensors less = resnet("model.");
    std::erase_if(less, [](const NamedTensor& each) { return each.name == "model.layer2.0.bn1.weight"; });
    CHECK_THAT(misfit(kBeside + less), contains("without layer2.0.bn1.weight"));
    std::erase_if(less, [](const NamedTensor& each) { return each.name == "model.fc.weight"; });
    CHECK_THAT(misfit(less), contains("fc.weight"));
}

TEST_CASE("torchxrayvision's thresholds say what pixels are", "[model_part]") {
    Tensors grey = make_blank_model("resnet20", {.classes = 18, .channels = 1})->state();
    for (NamedTensor& entry : grey) entry.tensor = Tensor::zeros(entry.tensor.dims());
    CHECK(find_model_part(grey).spec->std != std::vector{1.0F / 2048});
    const ModelPart part = find_model_part(grey + Tensors{zeros("op_threshs", {18})});
    REQUIRE(part.spec);
    CHECK((part.spec->mean == std::vector{0.5F} && part.spec->std == std::vector{1.0F / 2048}));
    CHECK(part.spec->multi_label);
    CHECK_THAT(part.how, contains("torchxrayvision"));
}

TEST_CASE("Names of many parts end", "[model_part]") {
    std::string deep;
    for (int i = 0; i < 5000; ++i) deep += "a.";
    CHECK_FALSE(find_model_part({zeros(deep + "conv1.weight", {2, 2}), zeros(deep + "fc.weight", {2, 2})}).spec);
    Tensors wide;
    for (int i = 0; i < 2000; ++i) wide.push_back(zeros("part" + std::to_string(i) + ".fc.weight", {2, 2}));
    CHECK_FALSE(find_model_part(wide).spec);
    CHECK_FALSE(find_model_part({}).spec);
    CHECK_FALSE(find_model_part({zeros("", {2, 2}), zeros(".", {2, 2}), zeros("weight", {2, 2})}).spec);
}
