// Class activation maps against what defines them, Grad-CAM against gradients that the graph gives by another way.
#include "embed/class_activation.h"

#include <cmath>
#include <numeric>

#include "engine/autograd.h"
#include "models/random_training.h"
#include "tests/models/golden/draws.h"
#include "tests/models/narrow.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

LoadedModel model_of(const std::string& name, const ModelOptions& options, std::int64_t image_size) {
    LoadedModel model{{.name = name, .options = options, .image_size = image_size}, make_blank_model(name, options)};
    for (const auto& [state, tensor] : model.module->state()) tensor.assign(golden::state_values(state, tensor.dims()));
    model.module->train(false);
    return model;
}

Tensor state_of(nn::Module& module, const std::string& name) {
    for (const NamedTensor& entry : module.state())
        if (entry.name == name) return entry.tensor;
    FAIL(name << " is no part of the model");
    return {};
}

std::vector<std::int64_t> all_labels(std::int64_t count) {
    std::vector<std::int64_t> labels(static_cast<std::size_t>(count));
    std::iota(labels.begin(), labels.end(), 0);
    return labels;
}

/// What a module reads and makes in a pass over images that records gradients of the parameters; backward of one
/// image's logit.
struct Observed {
    Tensor src, dst;
};
Observed differentiate(LoadedModel& model, const std::string& layer, const Tensor& images, std::int64_t label) {
    const nn::Module* wanted = nullptr;
    model.module->for_each([&](const std::string& name, nn::Module& module) {
        if (name == layer) wanted = &module;
    });
    for (const NamedTensor& parameter : model.module->parameters()) parameter.tensor.set_requires_grad();
    Observed observed;
    const nn::ObserverScope scope([&](const nn::ModuleCall& call) {
        if (&call.module == wanted) observed = {call.src.contiguous().clone(), call.dst.contiguous().clone()};
    });
    const Tensor logits = (*model.module)(images);
    Tensor diff = Tensor::zeros(logits.dims());
    diff.data<float>()[label] = 1;
    backward(logits, diff);
    return observed;
}

/// Checks maps(images)[p] * pixels against sum_c alpha_sum[c] * A[p, c] of one image, where alpha_sum sums the layer's
/// gradient over its pixels. Both sides are sums of products whose float factors come from the same gradients by other
/// orders of addition: `depth` roundoffs bound what the factors differ by, relative to the terms' magnitudes.
void check_maps(const Tensor& maps, const Tensor& map, const std::vector<double>& alpha_sum, double depth) {
    const std::int64_t pixels = map.dim(1) * map.dim(2), c = map.channels();
    REQUIRE(maps.dims() == Dims{1, map.dim(1), map.dim(2), 1});
    double largest = 0;
    for (const double alpha : alpha_sum) largest = std::max(largest, std::abs(alpha));
    bool any = false;
    for (std::int64_t p = 0; p < pixels; ++p) {
        double wanted = 0, magnitude = 0;
        for (std::int64_t k = 0; k < c; ++k) {
            const double a{map.data<float>()[p * c + k]};
            wanted += alpha_sum[static_cast<std::size_t>(k)] * a;
            // Gradients of one layer are sums with terms of one size: what cancels in one channel shows in another.
            magnitude += largest * std::abs(a);
        }
        const double got = double{maps.data<float>()[p]} * static_cast<double>(pixels);
        CAPTURE(p, got, wanted, magnitude);
        CHECK(std::abs(got - wanted) <= depth * 0x1p-24 * magnitude);
        any = any || wanted != 0;
    }
    CHECK(any);
}

/// Eight times the root of the number of additions between a gradient and the logit, as in test_predictor.cpp.
constexpr double kDepth = 8 * 256;

}  // namespace

TEST_CASE("The mean of a class activation map plus the bias is the logit", "[class_activation]") {
    for (const auto& [name, classifier, small] :
         {std::tuple{"densenet121", "classifier", false}, {"resnet18", "fc", true}, {"resnet50", "fc", false}}) {
        CAPTURE(name);
        LoadedModel model = model_of(name, {.classes = 5, .channels = 1, .small_stem = small}, 77);
        const Tensor images = random_images(2, 77, 1, 0);
        Tensor logits;
        {
            const NoGrad no_grad;
            logits = (*model.module)(images);
        }
        const Tensor bias = state_of(*model.module, std::string(classifier) + ".bias").clone(),
                     weights = state_of(*model.module, std::string(classifier) + ".weight").contiguous().clone();
        const ClassActivation activation(std::move(model));
        CHECK_FALSE(activation.uses_gradients());
        const Tensor maps = activation.maps(images, all_labels(5));
        const std::int64_t pixels = maps.dim(1) * maps.dim(2), c = weights.dim(1);
        CHECK(maps.dim(0) == 2);
        CHECK(maps.dim(3) == 5);
        REQUIRE(pixels > 1);
        for (std::int64_t i = 0; i < 2; ++i)
            for (std::int64_t k = 0; k < 5; ++k) {
                double mean = 0, magnitude = std::abs(double{bias.data<float>()[k]});
                for (std::int64_t p = 0; p < pixels; ++p) mean += double{maps.data<float>()[(i * pixels + p) * 5 + k]};
                mean /= static_cast<double>(pixels);
                for (std::int64_t p = 0; p < pixels; ++p)
                    magnitude = std::max(magnitude, std::abs(double{maps.data<float>()[(i * pixels + p) * 5 + k]}));
                // The network sums `pixels` terms a channel, then c channels, in float. The terms of a channel are not
                // negative; those of the channels have any sign, their magnitudes sum to at most c times the largest
                // product.
                double largest = 0;
                for (std::int64_t j = 0; j < c; ++j) largest += std::abs(double{weights.data<float>()[k * c + j]});
                const double tolerance = static_cast<double>(pixels + c + 2) * 0x1p-24 * (magnitude + largest);
                CAPTURE(i, k);
                CHECK(mean + double{bias.data<float>()[k]} ==
                      Approx(double{logits.data<float>()[i * 5 + k]}).margin(tolerance));
            }
    }
}

TEST_CASE("Grad-CAM on the last feature map is the class activation map over its pixels", "[class_activation]") {
    for (const auto& [name, features] :
         {std::pair{"densenet121", "features"}, {"resnet18", "layer4"}, {"resnet50", "layer4.2"}}) {
        CAPTURE(name);
        const ModelOptions options{.classes = 3};
        const Tensor images = random_images(2, 77, 3, 0);
        const auto labels = std::vector<std::int64_t>{2, 0};
        const Tensor cam = ClassActivation(model_of(name, options, 77)).maps(images, labels);
        const ClassActivation by_gradient(model_of(name, options, 77), features);
        CHECK(by_gradient.uses_gradients());
        const Tensor grad_cam = by_gradient.maps(images, labels);
        REQUIRE(cam.dims() == grad_cam.dims());
        const double pixels = static_cast<double>(cam.dim(1) * cam.dim(2));
        double scale = 0;
        for (const float value : cam.values<float>()) scale = std::max(scale, std::abs(double{value}));
        // A gradient is one weight over the number of pixels, rounded once or twice; each map is a sum in double,
        // rounded once. Its terms may cancel, so the roundoffs count against the sum of their magnitudes: a few times
        // the largest value.
        for (std::size_t i = 0; i < cam.values<float>().size(); ++i)
            CHECK(double{grad_cam.values<float>()[i]} * pixels ==
                  Approx(double{cam.values<float>()[i]}).margin(64 * 0x1p-24 * scale));
    }
}

TEST_CASE("Grad-CAM's weights are what a bias behind the layer sees: VGG's convolutions", "[class_activation]") {
    const Tensor images = random_images(1, 32, 3, 0);
    for (const std::string layer : {"features.28", "features.19", "features.2"}) {
        CAPTURE(layer);
        LoadedModel model = model_of("vgg16", narrow("vgg16", {.classes = 4}), 32);
        const Observed seen = differentiate(model, layer, images, 1);
        // d logit / d bias[c] is the sum of d logit / d A over the pixels.
        const Tensor grad = state_of(*model.module, layer + ".bias").grad();
        const std::vector<double> alpha(grad.values<float>().begin(), grad.values<float>().end());
        for (const NamedTensor& parameter : model.module->parameters()) parameter.tensor.set_grad({});
        const ClassActivation activation(std::move(model), layer);
        check_maps(activation.maps(images, std::vector<std::int64_t>{1}), seen.dst, alpha, kDepth);
    }
}

TEST_CASE("Grad-CAM's weights are what the norm behind a dense block sees", "[class_activation]") {
    const Tensor images = random_images(1, 65, 3, 0);
    for (const int block : {1, 3}) {
        const std::string layer = "features.denseblock" + std::to_string(block);
        const std::string norm = "features.transition" + std::to_string(block) + ".norm";
        CAPTURE(layer);
        LoadedModel model = model_of("densenet121", {.classes = 4}, 65);
        const Observed seen = differentiate(model, layer, images, 3);
        // The transition's norm alone reads the block: d logit / d A = gamma / sigma * d logit / d norm(A), whose sum
        // is d beta.
        const Tensor gamma = state_of(*model.module, norm + ".weight"), beta = state_of(*model.module, norm + ".bias"),
                     variance = state_of(*model.module, norm + ".running_var");
        std::vector<double> alpha;
        for (std::int64_t c = 0; c < beta.elements(); ++c)
            alpha.push_back(double{gamma.data<float>()[c]} / std::sqrt(double{variance.data<float>()[c]} + 1e-5) *
                            double{beta.grad().data<float>()[c]});
        for (const NamedTensor& parameter : model.module->parameters()) parameter.tensor.set_grad({});
        const ClassActivation activation(std::move(model), layer);
        check_maps(activation.maps(images, std::vector<std::int64_t>{3}), seen.dst, alpha, kDepth);
    }
}

TEST_CASE("VGG is explained by Grad-CAM on its last feature map", "[class_activation]") {
    const ClassActivation activation(model_of("vgg16_bn", narrow("vgg16_bn", {.classes = 2, .channels = 1}), 64));
    CHECK(activation.uses_gradients());
    CHECK(activation.layer() == "features");
    CHECK(activation.maps(random_images(3, 64, 1, 0), std::vector<std::int64_t>{0, 1}).dims() == Dims{3, 2, 2, 2});
}

TEST_CASE("Layers and labels that cannot be explained are refused by name", "[class_activation]") {
    const auto message = [](const std::string& layer, std::int64_t label = 0) -> std::string {
        try {
            ClassActivation(model_of("resnet18", {.classes = 2}, 33), layer)
                .maps(random_images(1, 33, 3, 0), {&label, 1});
        } catch (const UsageError& error) {
            return error.what();
        }
        return "";
    };
    CHECK_THAT(message("layer9"), contains("has no layer 'layer9'"));
    CHECK_THAT(message("layer1.0.bn1"), contains("makes no map of its own"));
    CHECK_THAT(message("fc"), contains("makes no map of its own"));
    CHECK_THAT(message("", 2), contains("wanted a label below 2, got 2"));
    CHECK(message("layer2.1.conv1").empty());
    CHECK(message("maxpool").empty());
}
