#include "embed/import_weights.h"

#include "embed/foreign_weights.h"
#include "embed/predictor.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

/// ResNet20's weights as another program has them: with a prefix, and no word about the model.
class Published {
public:
    explicit Published(const ModelOptions& options = {.classes = 5, .channels = 3})
        : module_(make_model("resnet20", options, 7)) {
        for (const NamedTensor& entry : module_->state()) tensors.push_back({"module." + entry.name, entry.tensor});
        write();
    }
    void write() const { write_safetensors(path(), {{}, tensors}); }
    std::string path() const { return folder_ / "weights.safetensors"; }
    std::string beside(const std::string& name) const { return folder_ / name; }
    nn::Module& module() const { return *module_; }

    std::vector<NamedTensor> tensors{};

private:
    TemporaryFolder folder_;
    std::unique_ptr<nn::Module> module_;
};

Tensor noise(const Dims& dims) {
    const Tensor tensor = Tensor::empty(dims);
    for (std::int64_t i = 0; i < tensor.elements(); ++i)
        tensor.data<float>()[i] = static_cast<float>((i * 37) % 101) / 50.5F - 1;
    return tensor;
}

std::string all(const std::vector<std::string>& notes) {
    std::string text;
    for (const std::string& note : notes) text += note + "\n";
    return text;
}

}  // namespace

TEST_CASE("Imported weights are a checkpoint that computes what they did", "[import]") {
    const Published published;
    const Imported imported = import_weights(published.path(), {.image_size = 32, .labels = {"a", "b", "c", "d", "e"}});
    CHECK_THAT(all(imported.notes),
               contains("resnet20 (without the prefix module.), 5 classes, images of 3 channels") &&
                   contains("images of 32 pixels; of a pixel from 0 to 1 0.485, 0.456, 0.406"));
    save_model(published.beside("keel.safetensors"), imported.model);
    const Predictor predictor(published.beside("keel.safetensors"));
    CHECK_FALSE(predictor.spec().guessed);
    CHECK(predictor.spec().label_names[4] == "e");

    // {n, c, h, w} for others, {n, h, w, c} for Keel.
    const Tensor images = noise({2, 32, 32, 3}), input = Tensor::empty({2, 3, 32, 32});
    for (std::int64_t i = 0; i < 2; ++i)
        for (std::int64_t pixel = 0; pixel < 1024; ++pixel)
            for (std::int64_t c = 0; c < 3; ++c)
                input.data<float>()[(i * 3 + c) * 1024 + pixel] = images.data<float>()[(i * 1024 + pixel) * 3 + c];
    published.module().train(false);
    const NoGrad no_grad;
    const Tensor output = published.module()(images).contiguous();
    const std::string check = published.beside("check.safetensors");
    write_safetensors(check, {{}, {{"input", input}, {"output", output}}});
    const Verified verified = verify(imported, check);
    CHECK(verified.images == 2);
    CHECK(verified.largest_output > 0.1);
    CHECK(verified.largest_difference <= 1e-5 * verified.largest_output);
    output.data<float>()[3] += 1;
    write_safetensors(check, {{}, {{"input", input}, {"output", output}}});
    CHECK(verify(imported, check).largest_difference == Approx(1).epsilon(1e-4));
    write_safetensors(check, {{}, {{"input", input}}});
    CHECK_THROWS_WITH(verify(imported, check), contains("no tensor is named output"));
    write_safetensors(check, {{}, {{"input", images}, {"output", output}}});
    CHECK_THROWS_WITH(verify(imported, check), contains("wanted {n, 3, h, h}"));
}

TEST_CASE("Another classifier, other channels and other pixels are said", "[import]") {
    const Published published;
    const Imported imported = import_weights(
        published.path(), {.model = "resnet20", .classes = 2, .channels = 1, .pixels = "xrv", .multi_label = true});
    const ModelSpec& spec = imported.model.spec;
    CHECK((spec.options.classes == 2 && spec.options.channels == 1 && spec.multi_label));
    CHECK((spec.mean == std::vector{0.5F} && spec.std == std::vector{1.0F / 2048}));
    CHECK_THAT(all(imported.notes),
               contains("a new classifier of random weights for 2 classes replaces") &&
                   contains("conv1.weight was made for images of 1 channels") &&
                   contains("2 classes called by their numbers, that do not exclude one another") &&
                   contains("left out: fc.weight"));
    // A grey image gives what it gave in all three channels: up to the classifier, which is another.
    Tensor before, after;
    for (const NamedTensor& entry : published.module().state())
        if (entry.name == "conv1.weight") before = entry.tensor.contiguous();
    for (const NamedTensor& entry : imported.model.module->state())
        if (entry.name == "conv1.weight") after = entry.tensor.contiguous();
    for (std::int64_t i = 0; i < 9; ++i)
        CHECK(
            after.data<float>()[i] ==
            Approx(before.data<float>()[i] + before.data<float>()[9 + i] + before.data<float>()[18 + i]).margin(1e-6));
}

TEST_CASE("A model for other channels is the same function of a grey image", "[import]") {
    for (const auto& [from, to] : {std::pair<std::int64_t, std::int64_t>{3, 1}, {1, 3}, {1, 2}}) {
        CAPTURE(from, to);
        const Published published({.classes = 5, .channels = from});
        const auto logits_of = [&](std::int64_t channels) {
            const Imported imported = import_weights(published.path(), {.channels = channels, .image_size = 32});
            const Tensor grey = noise({2, 32, 32, 1}), images = Tensor::empty({2, 32, 32, channels});
            for (std::int64_t i = 0; i < images.elements(); ++i)
                images.data<float>()[i] = grey.data<float>()[i / channels];
            return Predictor(imported.model.spec, *imported.model.module, 2).logits(images);
        };
        const Tensor before = logits_of(from), after = logits_of(to);
        double largest = 0;
        for (std::int64_t i = 0; i < before.elements(); ++i)
            largest = std::max(largest, double{std::abs(before.data<float>()[i])});
        // One sum of up to 27 products in the first layer is rounded otherwise; 20 layers follow.
        for (std::int64_t i = 0; i < before.elements(); ++i)
            CHECK(after.data<float>()[i] == Approx(before.data<float>()[i]).margin(1e-5 * largest));
    }
}

TEST_CASE("A model is imported of several files, and of their index", "[import]") {
    const Published published;
    const std::string a = published.beside("a.safetensors"), b = published.beside("b.safetensors"),
                      index = published.beside("model.safetensors.index.json");
    std::vector<NamedTensor> parts[2];
    std::string map;
    for (std::size_t i = 0; i < published.tensors.size(); ++i) {
        parts[i % 2].push_back(published.tensors[i]);
        map += (i > 0 ? ", \"" : "\"") + published.tensors[i].name + "\": \"" + (i % 2 == 0 ? "a" : "b") +
               ".safetensors\"";
    }
    write_safetensors(a, {{}, parts[0]});
    write_safetensors(b, {{}, parts[1]});
    write_text(index, "{\"weight_map\": {" + map + "}}");
    const std::vector<std::filesystem::path> files{a, b};
    const Imported whole = import_weights(published.path(), {}), given = import_weights(files, {}),
                   indexed = import_weights(index, {});
    CHECK_THAT(all(indexed.notes), contains("2 files, without the prefix module."));
    const auto wanted = whole.model.module->state();
    for (const Imported* each : {&given, &indexed}) {
        const auto got = each->model.module->state();
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const Tensor x = wanted[i].tensor.contiguous(), y = got[i].tensor.contiguous();
            CHECK(std::ranges::equal(x.values<float>(), y.values<float>()));
        }
    }
    CHECK(load_model(index).spec.name == "resnet20");
    CHECK(read_model_spec(index).guessed);
    CHECK(read_model_weights(index).size() == published.tensors.size());
    CHECK_THROWS_WITH(import_weights(a, {}), contains("nearest to those of resnet20") || contains("of no model"));
}

TEST_CASE("Options and weights that do not fit are refused with what does", "[import]") {
    Published published;
    CHECK_THROWS_WITH(import_weights(published.path(), {.model = "resnet18"}),
                      contains("holds weights of resnet20, wanted resnet18"));
    CHECK_THROWS_WITH(import_weights(published.path(), {.labels = {"a"}}), contains("1 labels for 5 classes"));
    CHECK_THROWS_WITH(import_weights(published.path(), {.pixels = "grey"}), contains("zero-to-one, not grey"));
    CHECK_THROWS_WITH(import_weights(published.path(), {.channels = 1, .pixels = "imagenet"}),
                      contains("imagenet are of 3 channels"));

    CHECK_THROWS_WITH(import_weights(published.path(), {.mean = {0.5F, 0.5F}}),
                      contains("normalization is out of range"));
    CHECK_THROWS_AS(import_weights(published.path(), {.std = {0.0F}}), UsageError);
    CHECK_THROWS_WITH(import_weights(published.path(), {.labels = {"a", "a", "b", "c", "d"}}),
                      contains("two labels have one name"));
    CHECK_THROWS_WITH(import_weights(published.path(), {.key = "state_dict"}),
                      contains("there is no key 'state_dict', and no tensor is named state_dict.*"));
    CHECK(import_weights(published.path(), {.key = "module"}).model.spec.name == "resnet20");
    const std::string own = published.beside("own.safetensors");
    save_model(own, import_weights(published.path(), {.labels = {"a", "b", "c", "d", "e"}}).model);
    CHECK_THROWS_WITH(import_weights(own, {}), contains("is a checkpoint of Keel already"));

    const auto whole = published.tensors;
    const auto refused = [&](const std::string& why) {
        published.write();
        CHECK_THROWS_AS(import_weights(published.path(), {}), InputError);
        CHECK_THROWS_WITH(import_weights(published.path(), {}), contains(why));
        published.tensors = whole;
    };
    published.tensors[0].name = "module.first.weight";
    refused("nearest to those of resnet20, but without conv1.weight [16, 3, 3, 3]");
    published.tensors.push_back({"module.layer1.7.conv1.weight", Tensor::zeros({16, 16, 3, 3})});
    refused("beside them layer1.7.conv1.weight [16, 16, 3, 3] (wanted is layer1.0.conv1.weight)");
    published.tensors[0].tensor = Tensor::zeros({17, 3, 3, 3});
    refused("conv1.weight is [17, 3, 3, 3], wanted [16, 3, 3, 3]");
    published.tensors.resize(3);
    refused("its tensors are of no model that Keel has");
    published.tensors[0].tensor = Tensor::full({16, 3, 3, 3}, INFINITY);
    refused("holds NaN or infinity");
}

TEST_CASE("Exported weights come back, to the bit or rounded to the nearest", "[import]") {
    const Published published;
    const LoadedModel model = import_weights(published.path(), {}).model;
    const std::string path = published.beside("out.safetensors");
    export_weights(path, model, StoredFloat::f32);
    CHECK(read_metadata(path).at("format") == "pt");
    CHECK_THAT(read_metadata(path).at("mean"), contains("0.485, 0.456"));
    const auto largest = [&] {
        const auto before = model.module->state(), after = import_weights(path, {}).model.module->state();
        double most = 0;
        for (std::size_t i = 0; i < before.size(); ++i) {
            const Tensor a = before[i].tensor.contiguous(), b = after[i].tensor.contiguous();
            for (std::int64_t k = 0; k < a.elements(); ++k)
                most = std::max(most, std::abs(double{a.data<float>()[k]} - b.data<float>()[k]) /
                                          std::max(1e-4, std::abs(double{a.data<float>()[k]})));
        }
        return most;
    };
    CHECK(largest() == 0);
    export_weights(path, model, StoredFloat::f16);
    CHECK(largest() <= 0x1p-11);
    CHECK(largest() > 0x1p-13);
    export_weights(path, model, StoredFloat::bf16);
    CHECK(largest() <= 0x1p-8);
    CHECK(largest() > 0x1p-10);
    model.module->parameters().back().tensor.data<float>()[0] = 1e5F;
    CHECK_THROWS_WITH(export_weights(path, model, StoredFloat::f16), contains("100000 is beyond half precision"));
}
