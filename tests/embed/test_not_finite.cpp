// NaN and infinity that a host program brings, or that a file holds, are errors, never scores: in C++ and in C.
#include <cmath>
#include <functional>
#include <limits>

#include "data/pipeline/transform.h"
#include "embed/class_activation.h"
#include "embed/images.h"
#include "embed/keel.h"
#include "embed/loaded_model.h"
#include "embed/predictor.h"
#include "embed/views.h"
#include "engine/checkpoint.h"
#include "graph/build/graph_file.h"
#include "kernels/cpu.h"
#include "tests/embed/small_model.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr float kBadNumbers[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                                 -std::numeric_limits<float>::infinity()};

/// The message of the exception that the body throws.
template <class Expected, class Body>
std::string error_of(const Body& body) {
    try {
        body();
    } catch (const Expected& error) {
        return error.what();
    }
    return "(nothing was thrown)";
}

std::vector<float> floats_of(const Tensor& tensor) {
    return {tensor.values<float>().begin(), tensor.values<float>().end()};
}

}  // namespace

TEST_CASE("A pixel that is no number is an error that names the image, on every ISA and in codes", "[nan]") {
    const Network network("resnet20", 32);
    const graph::Graph codes = network.quantized().graph;
    const Tensor images = random_images(3, 32, 3, 7);
    for_each_isa([&] {
        for (const Predictor& model : {Predictor(network.spec, network.graph, 3), Predictor(network.spec, codes, 3)}) {
            const auto clean = floats_of(model.predict(images));
            for (const float bad : kBadNumbers) {
                Tensor spoiled = images.clone();
                spoiled.data<float>()[32 * 32 * 3 + 100] = bad;
                CHECK(error_of<InputError>([&] { model.predict(spoiled); }) ==
                      "[predictor] image 2 of 3 has no answer: its pixels hold NaN or infinity");
                std::vector<NoAnswer> none;
                const auto scores = floats_of(model.predict(spoiled, none));
                REQUIRE(none.size() == 1);
                CHECK(none[0].image == 1);
                for (std::size_t i = 0; i < scores.size(); ++i)
                    CHECK((i / 5 == 1 ? std::isnan(scores[i]) : scores[i] == clean[i]));
            }
        }
    });
}

TEST_CASE("Numbers that leave the range of floats inside of a model are an error, not a score", "[nan]") {
    const Network network("resnet20", 32), imagenet("resnet18", 64);
    for_each_isa([&] {
        for (const Network* of : {&network, &imagenet}) {
            const Predictor model(of->spec, of->graph, 2);
            Tensor images = random_images(2, of->spec.image_size, 3, 7);
            const auto clean = floats_of(model.predict(images));
            for (std::int64_t i = images.elements() / 2; i < images.elements(); ++i)
                images.data<float>()[i] = std::copysign(3e38F, images.data<float>()[i]);
            std::vector<NoAnswer> none;
            const auto scores = floats_of(model.predict(images, none));
            REQUIRE(none.size() == 1);
            CHECK(none[0].image == 1);
            CHECK_THAT(none[0].why, contains("the model makes NaN or infinity of it"));
            for (std::size_t i = 0; i < 5; ++i) CHECK(scores[i] == clean[i]);
        }
    });
}

TEST_CASE("Views name the image, and several bad ones are counted", "[nan][views]") {
    const Network network("resnet20", 32);
    const Predictor model(network.spec, network.graph, 3);
    const ViewOptions views{.resize = 40, .kind = ViewKind::ten_crop};
    Tensor images = random_images(3, 40, 3, 7);
    images.data<float>()[0] = images.data<float>()[2 * 40 * 40 * 3 + 39] = kBadNumbers[0];  // in two corners
    CHECK_THROWS_WITH(predict_views(model, images, views),
                      contains("[views] image 1 of 3 has no answer") && contains("and 1 more"));
    std::vector<NoAnswer> none;
    const auto scores = floats_of(predict_views(model, images, views, none));
    REQUIRE(none.size() == 2);
    for (std::size_t i = 0; i < scores.size(); ++i) CHECK(std::isfinite(scores[i]) == (i / 5 == 1));
}

TEST_CASE("A file with a weight that is no number, or a negative variance, is refused by the tensor's name", "[nan]") {
    const TemporaryFolder folder;
    const std::string good = folder / "good", bad = folder / "bad";
    write_small_checkpoint(good);
    const auto refused = [&](const std::string& name, float value, const std::string& why) {
        CAPTURE(name, value);
        spoil_checkpoint(good, bad, name, value);
        CHECK_THROWS_AS(Predictor(bad), InputError);
        CHECK_THROWS_WITH(load_model(bad), contains(name + " holds " + why));
        keel_model* model = nullptr;
        CHECK(keel_model_load(bad.c_str(), 1, &model) == KEEL_INPUT_ERROR);
        CHECK(model == nullptr);
        CHECK_THAT(std::string(keel_last_error()), contains(bad) && contains(name + " holds " + why));
    };
    for (const float value : kBadNumbers)
        for (const char* name : {"layer1.0.conv1.weight", "layer2.1.bn2.bias", "bn1.running_mean", "fc.bias"})
            refused(name, value, "NaN or infinity");
    refused("bn1.running_var", -1e-3F, "a variance below 0");
    spoil_checkpoint(good, bad, "bn1.weight", 3e38F);  // finite, but not over the root of its variance
    spoil_checkpoint(bad, bad, "bn1.running_var", 0);
    CHECK_THAT(error_of<InputError>([&] { const Predictor model(bad); }),
               contains(bad) && contains("conv1: wanted finite"));
}

TEST_CASE("A quantized file with a number that is none is refused by the layer's name", "[nan]") {
    const TemporaryFolder folder;
    const Network network("resnet20", 32);
    save_graph(folder / "good", network.quantized().graph, metadata_of(network.spec));
    for (const NamedTensor& entry : load_checkpoint(folder / "good").tensors) {
        if (entry.tensor.dtype() != DType::f32) continue;
        CAPTURE(entry.name);
        spoil_checkpoint(folder / "good", folder / "bad", entry.name, kBadNumbers[0]);
        CHECK_THAT(error_of<InputError>([&] { const Predictor model(folder / "bad"); }),
                   contains(folder / "bad") && contains("finite"));
    }
}

TEST_CASE("A module whose weights are none is refused by the layer's name", "[nan]") {
    Network network("resnet20", 32);
    for (const auto& [name, tensor] : network.module->state())
        if (name == "layer2.1.conv2.weight") tensor.data<float>()[5] = kBadNumbers[0];
    CHECK_THAT(error_of<UsageError>([&] { const Predictor model(network.spec, *network.module); }),
               contains("layer2.1.conv2") && contains("finite weights"));
}

TEST_CASE("The C API answers the other images, and says NaN and why of one without an answer", "[nan][c]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    keel_model* model = nullptr;
    REQUIRE(keel_model_load(std::string(folder / "model").c_str(), 3, &model) == KEEL_OK);
    const Tensor images = random_images(3, 64, 3, 5);
    std::vector<float> clean(9), scores(9);
    REQUIRE(keel_predict_images(model, 3, images.data<float>(), clean.data(), 9) == KEEL_OK);
    for (const float bad : kBadNumbers) {
        Tensor spoiled = images.clone();
        spoiled.data<float>()[2 * 64 * 64 * 3] = bad;
        CHECK(keel_predict_images(model, 3, spoiled.data<float>(), scores.data(), 9) == KEEL_INPUT_ERROR);
        CHECK(std::string(keel_last_error()) == "[keel] image 3 of 3 has no answer: its pixels hold NaN or infinity");
        for (std::size_t i = 0; i < 9; ++i) CHECK((i >= 6 ? std::isnan(scores[i]) : scores[i] == clean[i]));
    }
    const Tensor black = Tensor::full({1, 64, 64, 3}, kBadNumbers[0]);
    CHECK(keel_predict_images(model, 1, black.data<float>(), scores.data(), 3) == KEEL_INPUT_ERROR);
    keel_model_free(model);
}

TEST_CASE("Images of a program that are none are refused", "[nan][images]") {
    const TransformOptions transform{.image_size = 8, .channels = 1, .mean = {0.5F}, .std = {0.25F}};
    const auto input = [&](const Image& image) { return input_of({&image, 1}, transform); };
    CHECK_THROWS_AS(Image(-5, 7, 1), UsageError);
    CHECK_THROWS_AS(Image(5, -7, 1), UsageError);
    CHECK_THROWS_AS(Image(5, 7, -1), UsageError);
    CHECK_THROWS_AS(Image(5, 7, 1, 12), UsageError);
    CHECK_THROWS_AS(Image(2147483647, 2147483647, 2147483647), UsageError);
    for (const Image& empty : {Image(), Image(0, 0, 1), Image(0, 5, 1), Image(5, 0, 1), Image(5, 5, 0)})
        CHECK_THAT(error_of<InputError>([&] { input(empty); }), contains("wanted an image of 1 to 16384 pixels"));
    Image short_of(5, 5, 1), wrong_bits(5, 5, 1), taller(5, 5, 1);
    short_of.pixels.pop_back();
    wrong_bits.bits = 7;
    taller.height = 6;
    for (const Image& image : {short_of, wrong_bits, taller}) CHECK_THROWS_AS(input(image), InputError);
    for (const float bad : kBadNumbers) {
        Image floats(5, 5, 1, 32);
        floats.row_f(3)[2] = bad;
        CHECK_THAT(error_of<InputError>([&] { input(floats); }), contains("samples hold NaN or infinity"));
    }
    CHECK_NOTHROW(input(Image(5, 5, 1)));
    for (const float bad : kBadNumbers) {
        TransformOptions odd = transform;
        odd.mean = {bad};
        const Image image(5, 5, 1);
        CHECK_THROWS_AS(input_of({&image, 1}, odd), UsageError);
        std::swap(odd.mean, odd.std);
        odd.mean = {0.5F};
        CHECK_THROWS_AS(input_of({&image, 1}, odd), UsageError);
    }
}

TEST_CASE("A map of where a model looks is no map of NaN", "[nan][class_activation]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    const ClassActivation activation(load_model(folder / "model"));
    Tensor images = random_images(2, 64, 3, 5);
    const std::int64_t label = 1;
    CHECK_NOTHROW(activation.maps(images, {&label, 1}));
    images.data<float>()[64 * 64 * 3 + 7] = kBadNumbers[0];
    CHECK_THAT(error_of<InputError>([&] {
                   activation.maps(images, {&label, 1});
               }),
               contains("[class_activation] image 2 of 2") && contains("NaN or infinity"));
}
