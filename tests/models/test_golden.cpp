// The models against PyTorch's float64 results (golden/*.case.json, made by make_golden.py): logits in both modes, the
// loss, every parameter's gradient, the running statistics.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "embed/predictor.h"
#include "engine/json.h"
#include "tests/models/golden/draws.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using json = keel::Json;

namespace {

Tensor loss_of(const std::string& kind, const Tensor& logits) {
    const auto n = logits.dim(0), classes = logits.dim(1);
    if (kind == "cross_entropy") {
        const Tensor labels = Tensor::empty({n}, DType::s32);
        for (std::int64_t i = 0; i < n; ++i)
            labels.values<std::int32_t>()[static_cast<std::size_t>(i)] =
                static_cast<std::int32_t>((7 * i + 3) % classes);
        return cross_entropy(logits, labels);
    }
    const Tensor targets = Tensor::empty({n, classes});  // below 0: missing
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t k = 0; k < classes; ++k)
            targets.values<float>()[static_cast<std::size_t>(i * classes + k)] =
                (i + 2 * k) % 7 == 3 ? -1.0F : static_cast<float>((i + k) % 3 == 0);
    return bce_with_logits(logits, targets);
}

/// Largest error relative to the largest magnitude.
double error_of(const Tensor& tensor, const json& truth) {
    const Tensor plain = tensor.contiguous();
    REQUIRE(truth.size() == plain.values<float>().size());
    double error = 0, scale = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        const auto wanted = truth[i].get<double>();
        const double difference = std::abs(double{plain.values<float>()[i]} - wanted);
        error = std::isnan(difference) ? INFINITY : std::max(error, difference);
        scale = std::max(scale, std::abs(wanted));
    }
    return error / scale;
}

/// Largest error, over the named tensors, of the L2 norm and of the dot product with the tensor's probe vector,
/// relative to the true norm, or to a thousandth of the norm of all tensors together where that is larger: some
/// gradients are 0 in exact arithmetic (of a shift that the next batch norm takes away again).
double error_of(const std::vector<NamedTensor>& tensors, const json& truth) {
    REQUIRE(tensors.size() == truth.size());
    double whole = 0;
    for (const json& each : truth) whole += each[0].get<double>() * each[0].get<double>();
    whole = std::sqrt(whole);
    double worst = 0;
    for (const auto& [name, tensor] : tensors) {
        INFO(name);
        REQUIRE(truth.contains(name));
        REQUIRE(tensor.defined());
        const Tensor plain = tensor.contiguous();
        const golden::Draws probe("probe/" + name);
        double norm = 0, dot = 0;
        const auto values = plain.values<float>();
        for (std::size_t i = 0; i < values.size(); ++i) {
            norm += double{values[i]} * double{values[i]};
            dot += double{values[i]} * double{probe[i]};
        }
        const auto true_norm = truth[name][0].get<double>(), true_dot = truth[name][1].get<double>();
        const double scale = std::max(true_norm, 1e-3 * whole);
        const double error = std::max(std::abs(std::sqrt(norm) - true_norm), std::abs(dot - true_dot)) / scale;
        worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    }
    return worst;
}

std::vector<NamedTensor> gradients_of(const nn::Module& model) {
    std::vector<NamedTensor> gradients;
    for (const auto& [name, tensor] : model.parameters()) gradients.push_back({name, tensor.grad()});
    return gradients;
}

/// The tolerance is derived from PyTorch's float32 error, the worst of four runs: an implementation that rounds as
/// often but sums in another order draws its error from the same distribution, and four times the largest of four draws
/// is beyond it, while a wrong formula is off by orders of magnitude more. Below it lies the float32 rounding of the
/// result itself: 2^-22 for sums that PyTorch's order happened to favour.
double tolerance(const json& golden, const char* quantity) {
    return std::max(4 * golden["torch_fp32_error"][quantity].get<double>(), 0x1p-22);
}

void check_case(const json& golden) {
    const auto n = golden["batch"].get<std::int64_t>(), channels = golden["channels"].get<std::int64_t>();
    const ModelOptions options{
        .classes = golden["classes"], .channels = channels, .small_stem = golden["small_stem"], .dropout = 0};
    const auto model = make_model(golden["model"], options);
    for (const auto& [name, tensor] : model->state()) tensor.assign(golden::state_values(name, tensor.dims()));
    const Tensor src = golden::image(n, golden["image_size"], channels);

    model->train(false);
    {
        const NoGrad scope;
        CHECK(error_of((*model)(src), golden["eval_logits"]) <= tolerance(golden, "eval_logits"));
    }
    const Predictor predictor({.name = golden["model"], .options = options, .image_size = golden["image_size"]}, *model,
                              n);
    CHECK(error_of(predictor.logits(src), golden["eval_logits"]) <= tolerance(golden, "eval_logits"));
    model->train(true);
    const Tensor logits = (*model)(src);
    const Tensor loss = loss_of(golden["loss_kind"], logits);
    backward(loss);
    CHECK(error_of(logits, golden["train_logits"]) <= tolerance(golden, "train_logits"));
    CHECK(std::abs(loss.item() / golden["loss"].get<double>() - 1) <= tolerance(golden, "loss"));
    CHECK(error_of(gradients_of(*model), golden["gradients"]) <= tolerance(golden, "gradients"));
    CHECK(error_of(model->buffers(), golden["statistics"]) <= tolerance(golden, "statistics"));
}

void check_model(const std::string& model) {
    int cases = 0;
    for (const auto& entry : std::filesystem::directory_iterator(KEEL_SOURCE_DIR "/tests/models/golden")) {
        const std::string file = entry.path().filename().string();
        if (!file.ends_with(".case.json")) continue;
        const json golden = parse_json(test::read_text(entry.path()));
        if (golden["model"] != model) continue;
        INFO(file);
        check_case(golden);
        ++cases;
    }
    CHECK(cases > 0);
}

}  // namespace

TEST_CASE("ResNet18 agrees with PyTorch", "[golden]") { check_model("resnet18"); }
TEST_CASE("ResNet20 agrees with PyTorch", "[golden]") { check_model("resnet20"); }
TEST_CASE("ResNet50 agrees with PyTorch", "[golden]") { check_model("resnet50"); }
TEST_CASE("DenseNet121 agrees with PyTorch", "[golden]") { check_model("densenet121"); }
TEST_CASE("VGG16 with BN agrees with PyTorch", "[golden]") { check_model("vgg16_bn"); }
