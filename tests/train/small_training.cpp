#include "tests/train/small_training.h"

#include <utility>

#include "engine/ops.h"
#include "kernels/random.h"

namespace keel::test {
namespace {

class TinyNetwork final : public nn::Module {
public:
    TinyNetwork()
        : conv_(add<nn::Conv2d>("conv", 1, 4, 3, Conv2dOptions{.pad = 1})),
          norm_(add<nn::BatchNorm2d>("norm", 4, true)),
          linear_(add<nn::Linear>("linear", 4, 3)) {}
    std::string describe() const override { return "TinyNetwork"; }

protected:
    Tensor forward(const Tensor& src) override { return linear_(global_avg_pool(norm_(conv_(src)))); }

private:
    nn::Conv2d& conv_;
    nn::BatchNorm2d& norm_;
    nn::Linear& linear_;
};

class DrawnImages final : public Dataset {
public:
    explicit DrawnImages(DatasetContents contents) : Dataset(std::move(contents)) {}

protected:
    Image read(const Sample& sample, LeastSize) const override {
        Image image{32, 32, 1};
        Random random(static_cast<std::uint64_t>(sample.record), Draw::synthesize);
        const bool bright = sample.label == 1 || sample.is_present(1);
        for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(random.below(128) + (bright ? 100U : 0U));
        return image;
    }
};

}  // namespace

std::unique_ptr<nn::Module> tiny_network(std::uint64_t seed) {
    auto network = std::make_unique<TinyNetwork>();
    nn::initialize(*network, {.fan_out = true, .linear_bias = true}, seed);
    return network;
}

TrainState tiny_state(std::uint64_t seed) {
    TrainState state;
    state.spec.name = "tiny";
    state.spec.options = {.classes = 3, .channels = 1};
    state.spec.image_size = 6;
    state.module = tiny_network(seed);
    state.loss = class_loss();
    state.optimizer.emplace(Optimizer({{"all", state.module->parameters()}}, {.momentum = 0.9}));
    state.ema.emplace(state.module->state(), 0.5);
    return state;
}

Batch tiny_batch(std::int64_t n, std::uint64_t seed) {
    Batch batch;
    batch.n = batch.planned = n;
    batch.image_size = 6;
    batch.channels = 1;
    Random random(seed, Draw::synthesize);
    for (std::int64_t i = 0; i < n; ++i) {
        for (int p = 0; p < 36; ++p) batch.images.push_back(static_cast<float>(random.below(2001)) / 1000 - 1);
        batch.labels.push_back(static_cast<std::int32_t>(random.below(3)));
        batch.indices.push_back(i);
        batch.names.push_back("sample " + std::to_string(i));
    }
    return batch;
}

std::string bytes_of(const std::vector<NamedTensor>& tensors) {
    std::string all;
    for (const auto& [name, tensor] : tensors) {
        const Tensor values = tensor.contiguous().to(DType::f64);  // exact for what a checkpoint holds
        all += name;
        all.append(reinterpret_cast<const char*>(values.data<double>()),
                   static_cast<std::size_t>(values.elements()) * sizeof(double));
    }
    return all;
}

std::unique_ptr<Dataset> drawn_images(std::int64_t train, std::int64_t val, Task task) {
    DatasetContents contents;
    contents.task = task;
    contents.label_names = {"dark", "bright"};
    std::int64_t number = 0;
    for (const auto& [split, count] : {std::pair{Split::train, train}, {Split::val, val}})
        for (std::int64_t i = 0; i < count; ++i, ++number) {
            Sample sample;
            sample.name = "image " + std::to_string(number);
            sample.record = number;
            if (task == Task::classes)
                sample.label = static_cast<std::int32_t>(number % 2);
            else
                sample.mask = std::uint64_t{1} << number % 2;
            contents.splits[static_cast<std::size_t>(split)].push_back(std::move(sample));
        }
    return std::make_unique<DrawnImages>(std::move(contents));
}

TrainConfig small_config(const std::string& out) {
    TrainConfig config;
    config.model = "resnet20";
    config.data = "drawn images";
    config.out = out;
    config.image_size = 32;
    config.batch_size = 4;
    config.epochs = 2;
    config.optimizer = "sgd";
    config.momentum = 0;
    config.schedule = "constant";
    config.threads = 1;
    config.workers = 1;
    return config;
}

}  // namespace keel::test
