// Pruning of channels: what is chosen, that dead channels change nothing, and that the smaller model does all that a
// model does.
#include "train/prune/prune.h"

#include <algorithm>
#include <cmath>

#include "embed/export_model.h"
#include "embed/images.h"
#include "embed/import_weights.h"
#include "embed/predictor.h"
#include "engine/autograd.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "models/summary.h"
#include "tests/models/narrow.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/gradcheck.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_training.h"
#include "train/quantized_model.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;

namespace {

const ModelOptions kGrey{.classes = 2, .channels = 1, .small_stem = true};

/// A model for images of 32 pixels whose batch norms have statistics and scales of their own.
LoadedModel drawn_model(const std::string& name, std::uint64_t seed = 1, bool multi_label = false,
                        const ModelOptions& options = kGrey) {
    LoadedModel model{{.name = name, .options = options, .image_size = 32}, nullptr};
    model.spec.multi_label = multi_label;
    model.spec.label_names = {"dark", "bright"};
    default_normalization(model.spec);
    model.module = make_model(name, model.spec.options, seed);
    Random random(seed, Draw::synthesize);
    for (const auto& [tensor, values] : model.module->state()) {
        if (values.rank() != 1 || tensor.starts_with(find_model(name).classifier)) continue;
        const bool positive = tensor.ends_with("weight") || tensor.ends_with("running_var");
        for (float& value : values.values<float>())
            value = positive ? random.uniform(0.5F, 1.5F) : random.uniform(-0.5F, 0.5F);
    }
    model.module->train(false);
    return model;
}

std::vector<double> logits_of(const LoadedModel& model) {
    const NoGrad no_grad;
    const Tensor images = uniform({2, 32, 32, 1}, 9).to(DType::f32);
    const Tensor logits = (*model.module)(images).contiguous();
    return {logits.values<float>().begin(), logits.values<float>().end()};
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
}

/// What the order of sums may change in a logit: a layer's sums have at most `terms` terms, each rounded to 2^-24 of
/// what is summed so far, and errors add up over the layers. Sizes of maps are even out by batch norms.
double rounding_of(const LoadedModel& model, const std::vector<double>& logits) {
    double terms = 0, layers = 0, largest = 0;
    for (const auto& [name, tensor] : model.module->state()) {
        if (tensor.rank() < 2) continue;
        terms = std::max(terms, static_cast<double>(tensor.elements() / tensor.dim(0)));
        ++layers;
    }
    for (const double logit : logits) largest = std::max(largest, std::abs(logit));
    return layers * terms * 0x1p-24 * largest;
}

Tensor tensor_of(const LoadedModel& model, const std::string& name) {
    for (const auto& [each, tensor] : model.module->state())
        if (each == name) return tensor;
    throw UsageError("no tensor " + name);
}

/// Multiplies the gates of a channel.
void scale_gates(const LoadedModel& model, const ChannelGroup& group, std::int64_t channel, float factor) {
    for (const ChannelSlice& gate : group.gates) {
        const Tensor tensor = tensor_of(model, gate.tensor), plain = tensor.clone();
        const std::int64_t each = plain.elements() / plain.dim(0);
        for (std::int64_t i = 0; i < each; ++i) plain.data<float>()[(gate.begin + channel) * each + i] *= factor;
        tensor.assign(plain);
    }
}

KeptChannels all_of(const std::vector<ChannelGroup>& groups) {
    KeptChannels kept;
    for (const ChannelGroup& group : groups) {
        kept.emplace_back();
        for (std::int64_t c = 0; c < group.width; ++c) kept.back().push_back(c);
    }
    return kept;
}

/// Kills channels of every group, none of its first; returns the others.
KeptChannels kill_channels(const LoadedModel& model, std::uint64_t seed) {
    const auto groups = channel_groups(model.spec.name, model.spec.options);
    Random random(seed, Draw::synthesize);
    KeptChannels kept;
    for (const ChannelGroup& group : groups) {
        kept.push_back({0});
        for (std::int64_t c = 1; c < group.width; ++c) {
            if (random.chance(0.5F))
                kept.back().push_back(c);
            else
                scale_gates(model, group, c, 0);
        }
    }
    return kept;
}

std::vector<Batch> batches_of(const Dataset& dataset, const ModelSpec& spec, std::int64_t size) {
    LoaderOptions options{.transform = transform_of(spec), .batch_size = size, .workers = 1};
    Loader loader(dataset, options);
    std::vector<Batch> batches;
    for (Batch batch; loader.next(batch);) batches.push_back(batch);
    return batches;
}

PruneOptions small_options(double keep, std::int64_t multiple) {
    PruneOptions options{.keep = keep, .multiple = multiple, .images = 12};
    options.loader.batch_size = 4;
    options.loader.workers = 1;
    return options;
}

using Kept = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a model without its dead channels is the same function", "[prune]") {
    for (const char* name : {"resnet20", "resnet18", "resnet50", "densenet121"}) {
        const LoadedModel model = drawn_model(name, 1, false, narrow(name, kGrey));
        const std::vector<double> alive = logits_of(model);
        const KeptChannels kept = kill_channels(model, 3);
        const std::vector<double> before = logits_of(model);
        const LoadedModel smaller = without_channels(model, kept);
        const double rounding = rounding_of(model, before);
        INFO(name << ": " << rounding);
        CHECK(largest_difference(before, logits_of(smaller)) <= rounding);
        CHECK(largest_difference(before, alive) > rounding);  // the channels mattered while they were alive
        CHECK(!smaller.spec.options.widths.empty());
        CHECK(summarize(*smaller.module, 1, 32).parameters < summarize(*model.module, 1, 32).parameters);
    }
}

TEST_CASE("a living channel is missed by more than rounding", "[prune]") {
    const LoadedModel model = drawn_model("resnet20");
    const std::vector<double> before = logits_of(model);
    const auto groups = channel_groups(model.spec.name, model.spec.options);
    for (const std::size_t g : {std::size_t{0}, std::size_t{1}, groups.size() - 1}) {
        KeptChannels kept = all_of(groups);
        kept[g].erase(kept[g].begin() + 2);
        CHECK(largest_difference(before, logits_of(without_channels(model, kept))) > rounding_of(model, before));
    }
    CHECK(largest_difference(before, logits_of(without_channels(model, all_of(groups)))) == 0);
}

TEST_CASE("convolutions with a bias and hidden layers lose channels as well", "[prune]") {
    // VGG's own layers are of hundreds of megabytes: one that was narrow before.
    LoadedModel model{{.name = "vgg16", .options = {.classes = 2, .channels = 1}, .image_size = 32}, nullptr};
    for (const ChannelGroup& group : channel_groups("vgg16", model.spec.options))
        model.spec.options.widths[group.name] = 6;
    model.spec.label_names = {"dark", "bright"};
    default_normalization(model.spec);
    model.module = make_model("vgg16", model.spec.options, 1);
    model.module->train(false);
    for (const auto& [name, tensor] : model.module->parameters())
        if (tensor.rank() == 1)
            for (float& value : tensor.values<float>()) value = 0.25F;
    const KeptChannels kept = kill_channels(model, 5);
    const std::vector<double> before = logits_of(model);
    const LoadedModel smaller = without_channels(model, kept);
    CHECK(largest_difference(before, logits_of(smaller)) <= rounding_of(model, before));
    CHECK(smaller.spec.options.widths.at("classifier.3") == std::ssize(kept.back()));
    PruneOptions by_norms = small_options(0.5, 1);
    by_norms.score = ChannelScore::batch_norm;
    CHECK_THROWS_WITH(prune(model, *drawn_images(8, 0), by_norms), contains("wanted the score taylor"));
}

TEST_CASE("channels that a model does not have are refused", "[prune]") {
    const LoadedModel model = drawn_model("resnet20");
    const auto groups = channel_groups(model.spec.name, model.spec.options);
    const auto refused = [&](const Kept& channels) {
        KeptChannels kept = all_of(groups);
        kept[1] = channels;
        CHECK_THROWS_AS(without_channels(model, kept), UsageError);
    };
    refused({});
    refused({1, 0});
    refused({0, 0});
    refused({-1, 0});
    refused({0, 16});
    CHECK_THROWS_AS(without_channels(model, {}), UsageError);
}

TEST_CASE("scales of batch norms are scores, the mean over all that a channel goes through", "[prune]") {
    const LoadedModel model = drawn_model("resnet20");
    const auto groups = channel_groups(model.spec.name, model.spec.options);
    const ChannelScores scores = batch_norm_scores(model);
    const auto gamma = [&](const std::string& name, std::size_t c) {
        return std::abs(double{tensor_of(model, name).values<float>()[c]});
    };
    REQUIRE(groups[1].name == "layer1.0.conv1");
    CHECK(scores[1][3] == gamma("layer1.0.bn1.weight", 3));
    CHECK(scores[0][3] == Approx((gamma("bn1.weight", 3) + gamma("layer1.0.bn2.weight", 3) +
                                  gamma("layer1.1.bn2.weight", 3) + gamma("layer1.2.bn2.weight", 3)) /
                                 4)
                              .epsilon(1e-12));
    const LoadedModel dense = drawn_model("densenet121");
    const auto blocks = channel_groups("densenet121", dense.spec.options);
    const ChannelScores of_dense = batch_norm_scores(dense);
    // The last layer of a block is read by what follows the block alone, behind all that came before it.
    const auto last = std::ranges::find(blocks, "features.denseblock4.denselayer16.conv2", &ChannelGroup::name);
    REQUIRE(last != blocks.end());
    CHECK(of_dense[static_cast<std::size_t>(last - blocks.begin())][31] ==
          std::abs(double{tensor_of(dense, "features.norm5.weight").values<float>()[1023]}));
}

TEST_CASE("Taylor's scores are the squares of the loss's slope by a factor of a channel", "[prune]") {
    const LoadedModel model = drawn_model("resnet20");
    const auto data = drawn_images(4, 0);
    const std::vector<Batch> batches = batches_of(*data, model.spec, 4);
    const auto loss = class_loss();
    const ChannelScores scores = taylor_scores(model, *loss, batches);
    const auto groups = channel_groups(model.spec.name, model.spec.options);
    const auto loss_with = [&](std::size_t g, std::int64_t channel, float factor) {
        LoadedModel changed{model.spec, make_blank_model(model.spec.name, model.spec.options)};
        std::vector<NamedTensor> state;
        for (const auto& [name, tensor] : model.module->state()) state.push_back({name, tensor.clone()});
        load_into(changed.module->state(), state, "test");
        changed.module->train(false);
        scale_gates(changed, groups[g], channel, factor);
        const NoGrad no_grad;
        return (*loss)((*changed.module)(images_of(batches[0])), batches[0]).item();
    };
    const auto slope = [&](std::size_t g, std::int64_t channel, float step) {
        return (loss_with(g, channel, 1 + step) - loss_with(g, channel, 1 - step)) / (2 * double{step});
    };
    double largest = 0;
    for (const auto& [g, channel] : {std::pair{std::size_t{0}, 1}, {std::size_t{1}, 5}, {groups.size() - 2, 7}}) {
        constexpr float kStep = 0x1p-4F;
        const double coarse = slope(g, channel, kStep), fine = slope(g, channel, kStep / 2);
        // Halving a step divides the error of a central difference by 4, so that it is a third of the two's distance;
        // and the losses, of logits that are floats, are each off by as much as those are.
        const double rounding = 2 * rounding_of(model, logits_of(model)) / double{kStep};
        INFO(groups[g].name << ": " << coarse << " " << fine);
        CHECK(std::abs(std::sqrt(scores[g][static_cast<std::size_t>(channel)]) - std::abs(fine)) <=
              std::abs(coarse - fine) + rounding);
        largest = std::max(largest, std::abs(fine));
    }
    CHECK(largest > 0);
}

TEST_CASE("Taylor's scores of dead channels are 0 and leave no gradients", "[prune]") {
    const LoadedModel model = drawn_model("resnet20", 1, true);
    const auto groups = channel_groups(model.spec.name, model.spec.options);
    scale_gates(model, groups[1], 4, 0);
    const auto data = drawn_images(8, 0, Task::labels);
    const ChannelScores scores = taylor_scores(model, *label_loss(), batches_of(*data, model.spec, 4));
    CHECK(scores[1][4] == 0);
    CHECK(scores[1][5] > 0);
    for (const NamedTensor& parameter : model.module->parameters()) {
        CHECK(!parameter.tensor.grad());
        CHECK(parameter.tensor.requires_grad());
    }
    CHECK(!model.module->training());
}

TEST_CASE("statistics are those of all batches together", "[prune]") {
    const LoadedModel model = drawn_model("resnet20");
    const auto data = drawn_images(8, 0);
    measure_statistics(model, batches_of(*data, model.spec, 4));
    const Tensor mean = tensor_of(model, "bn1.running_mean").clone(), var = tensor_of(model, "bn1.running_var").clone();
    measure_statistics(model, batches_of(*data, model.spec, 8));
    // One batch of 8 x 32 x 32 rows has the unbiased variance of all; two of half as many differ by a factor of
    // 8191 / 8192 of the one within them, and by what is 1 - 4095 / 4096 of the rest.
    for (std::size_t c = 0; c < 16; ++c) {
        const double of_all = double{tensor_of(model, "bn1.running_var").values<float>()[c]};
        CHECK(mean.values<float>()[c] ==
              Approx(tensor_of(model, "bn1.running_mean").values<float>()[c]).epsilon(1e-5).margin(1e-6));
        CHECK(var.values<float>()[c] == Approx(of_all).epsilon(1.0 / 2048));
    }
}

TEST_CASE("a pruned model is a model: it trains, goes on to the bit, predicts, is quantized and exported", "[prune]") {
    const TemporaryFolder folder;
    const auto data = drawn_images(12, 4);
    const Pruned pruned = prune(drawn_model("resnet20"), *data, small_options(0.6, 4));
    const PruneReport& report = pruned.report;
    CHECK(report.images == 12);
    CHECK(10 * report.channels_left <= 6 * report.channels);
    CHECK(report.parameters_left < report.parameters);
    CHECK(report.macs_left < report.macs);
    CHECK(report.warnings.empty());
    for (const PrunedGroup& group : report.groups) CHECK(group.after % 4 == 0);
    const std::string file = folder / "pruned.safetensors";
    save_model(file, pruned.model);

    const LoadedModel loaded = load_model(file);
    CHECK(loaded.spec.options.widths == pruned.model.spec.options.widths);
    CHECK(logits_of(loaded) == logits_of(pruned.model));
    const Tensor images = uniform({2, 32, 32, 1}, 9).to(DType::f32);
    const auto values = [&](const std::string& path) {
        const Tensor logits = Predictor(path).logits(images);
        return std::vector<double>(logits.values<float>().begin(), logits.values<float>().end());
    };
    const std::vector<double> wanted = values(file);
    const double rounding = rounding_of(loaded, wanted);
    CHECK(largest_difference(wanted, logits_of(loaded)) <= rounding);

    export_model(file, folder / "pruned.onnx", {});
    CHECK(largest_difference(values(folder / "pruned.onnx"), wanted) <= rounding);
    const LoadedModel recognized = load_model(folder / "pruned.onnx");  // whose batch norms were folded
    CHECK(recognized.spec.options.widths == loaded.spec.options.widths);
    CHECK(largest_difference(logits_of(recognized), wanted) <= rounding);
    export_model(file, folder / "plain.safetensors", {});
    const LoadedModel plain = load_model(folder / "plain.safetensors");
    CHECK(plain.spec.options.widths == loaded.spec.options.widths);
    CHECK(logits_of(plain) == logits_of(loaded));

    const LoadedGraph graph = load_graph(file);
    LoaderOptions loader{.transform = transform_of(loaded.spec), .batch_size = 3, .workers = 1};
    save_quantized(folder / "int8", loaded.spec, quantize(graph.graph, calibration_images(*data, loader, 12), {}),
                   file);
    CHECK(Predictor(folder / "int8").spec().options.widths == loaded.spec.options.widths);

    TrainConfig config = small_config(folder / "whole");
    config.init = file;
    config.small_stem = true;
    TrainObserver quiet;
    const TrainResult whole = Trainer(config, quiet, {.dataset = drawn_images(12, 4)}).run();
    CHECK(read_model_spec(whole.last).options.widths == loaded.spec.options.widths);
    config.out = folder / "parts";
    config.pause_after = 1;
    CHECK(Trainer(config, quiet, {.dataset = drawn_images(12, 4)}).run().end == TrainEnd::paused);
    config.pause_after = 0;
    Trainer resumed(config, quiet, {.dataset = drawn_images(12, 4)});
    resumed.resume(load_checkpoint(folder / "parts/checkpoints/last.safetensors"), "last.safetensors");
    CHECK(bytes_of(load_checkpoint(resumed.run().last).tensors) == bytes_of(load_checkpoint(whole.last).tensors));
}

TEST_CASE("pruning says what it could not do and what it dropped", "[prune]") {
    const auto data = drawn_images(12, 4);
    LoadedModel model = drawn_model("resnet20");
    model.spec.operating.emplace();
    const Pruned pruned = prune(model, *data, small_options(0.01, 8));
    REQUIRE(pruned.report.warnings.size() == 2);
    CHECK(holds(pruned.report.warnings[0], "no group can lose more in steps of 8"));
    CHECK(holds(pruned.report.warnings[1], "keel threshold"));
    CHECK(!pruned.model.spec.operating);
    CHECK_THROWS_AS(prune(drawn_model("resnet20", 1, true), *data, small_options(0.5, 4)), InputError);
    PruneOptions none = small_options(0.5, 4);
    none.images = 0;
    CHECK_THROWS_AS(prune(model, *data, none), UsageError);
    CHECK_THROWS_AS(prune(model, *drawn_images(0, 4), small_options(0.5, 4)), InputError);
}

TEST_CASE("a model that loses nothing keeps its statistics, and one can be pruned again", "[prune]") {
    const auto data = drawn_images(12, 4);
    const LoadedModel model = drawn_model("resnet20");
    CHECK(logits_of(prune(model, *data, small_options(1, 4)).model) == logits_of(model));
    const Pruned once = prune(model, *data, small_options(0.7, 4));
    const Pruned twice = prune(once.model, *data, small_options(0.7, 4));
    CHECK(twice.report.channels == once.report.channels_left);
    CHECK(twice.report.channels_left < once.report.channels_left);
    const LoadedModel again{twice.model.spec, make_blank_model(twice.model.spec.name, twice.model.spec.options)};
    load_into(again.module->state(), twice.model.module->state(), "test");
}
