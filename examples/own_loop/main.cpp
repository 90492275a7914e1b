// A module and a training loop of one's own:  own_loop folder:DIR SIDE EPOCHS net.safetensors
#include <keel/keel.hpp>

#include <cstdio>
#include <cstdlib>

using keel::Tensor;

/// Two convolutions, the mean of each channel, a linear layer.
class Net final : public keel::nn::Module {
public:
    Net(int channels, std::int64_t classes)
        : first_(add<keel::nn::Conv2d>("first", channels, 16, 3, keel::Conv2dOptions{.stride = 2, .pad = 1})),
          first_norm_(add<keel::nn::BatchNorm2d>("first_norm", 16, true)),
          second_(add<keel::nn::Conv2d>("second", 16, 32, 3, keel::Conv2dOptions{.stride = 2, .pad = 1})),
          second_norm_(add<keel::nn::BatchNorm2d>("second_norm", 32, true)),
          classifier_(add<keel::nn::Linear>("classifier", 32, classes)) {
        keel::nn::initialize(*this, {.linear_bias = true}, 1);
        for (const keel::NamedTensor& parameter : parameters()) parameter.tensor.set_requires_grad();
    }
    std::string describe() const override { return "Net"; }

protected:
    Tensor forward(const Tensor& src) override {
        const Tensor map = second_norm_(second_(first_norm_(first_(src))));
        return classifier_(keel::global_avg_pool(map));
    }

private:
    keel::nn::Conv2d& first_;
    keel::nn::BatchNorm2d& first_norm_;
    keel::nn::Conv2d& second_;
    keel::nn::BatchNorm2d& second_norm_;
    keel::nn::Linear& classifier_;
};

double accuracy_on(Net& net, const keel::Dataset& data, keel::LoaderOptions options) {
    options.split = keel::Split::val;
    options.shuffle = options.transform.augment = false;
    const keel::NoGrad no_grad;
    net.train(false);
    keel::RunningMean mean;
    keel::Loader loader(data, options);
    for (keel::Batch batch; loader.next(batch);) {
        const Tensor logits = net(keel::images_of(batch));
        mean.add(keel::accuracy(logits.values<float>(), batch.labels, logits.channels()), double(batch.n));
    }
    net.train();
    return mean.mean();
}

int main(int argc, char** argv) try {
    if (argc != 5) return std::fprintf(stderr, "usage: %s DATA SIDE EPOCHS OUT\n", argv[0]), 2;
    const auto data = keel::open_dataset(argv[1]);
    keel::LoaderOptions options{.batch_size = 16, .shuffle = true};
    options.transform.image_size = std::atoi(argv[2]);
    options.transform.channels = data->channels();
    options.transform.augment = true;  // a flip

    Net net(data->channels(), std::int64_t(data->label_names().size()));
    keel::Optimizer optimizer({{.name = "all", .parameters = net.parameters()}}, {.kind = keel::OptimizerKind::adamw});
    for (const auto epochs = std::uint64_t(std::atoi(argv[3])); options.epoch < epochs; ++options.epoch) {
        keel::RunningMean mean;
        keel::Loader loader(*data, options);
        for (keel::Batch batch; loader.next(batch);) {
            const Tensor labels = Tensor::from<std::int32_t>(batch.labels, {batch.n});
            const Tensor loss = keel::cross_entropy(net(keel::images_of(batch)), labels);
            optimizer.zero_grad();
            keel::backward(loss);
            keel::clip_by_norm(net.parameters(), 5);
            optimizer.step(0.01);
            mean.add(loss.item(), double(batch.n));
        }
        std::printf("epoch %d: loss %.4f, accuracy %.4f\n", int(options.epoch) + 1, mean.mean(),
                    accuracy_on(net, *data, options));
    }
    keel::save_checkpoint(argv[4], {{{"net", net.describe()}}, net.state()});
} catch (const keel::Error& error) {
    return std::fprintf(stderr, "%s\n", error.what()), 1;
}
