// VGG16 (Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015), with
// or without batch normalization.
#include "graph/build/trace.h"
#include "models/families.h"

namespace keel {
namespace {

constexpr int kPool = 0;
constexpr std::int64_t kGrid = 7;  // side of the map that the classifier reads, whatever the image's size
constexpr int kVgg16[] = {64,    64,  kPool, 128, 128,   kPool, 256, 256, 256,
                          kPool, 512, 512,   512, kPool, 512,   512, 512, kPool};

class Vgg final : public nn::Module, public graph::Traceable {
public:
    Vgg(bool batch_norm, const ModelOptions& o)
        : features_(add<nn::Sequential>("features")), classifier_(add<nn::Sequential>("classifier")) {
        constexpr std::int64_t kHidden = 4096;
        std::int64_t channels = o.channels;
        int index = 0;  // of torchvision's Sequential, where convolution, BN and ReLU count one each
        for (const int width : kVgg16) {
            if (width == kPool) {
                features_.append<nn::MaxPool2d>(std::to_string(index++), PoolOptions{2, 2, 0});
                continue;
            }
            features_.append<nn::Conv2d>(std::to_string(index), channels, width, 3, Conv2dOptions{.pad = 1}, true);
            if (batch_norm)
                features_.append<nn::BatchNorm2d>(std::to_string(index + 1), width, true);
            else
                features_.append<nn::Relu>(std::to_string(index + 1));
            index += batch_norm ? 3 : 2;
            channels = width;
        }
        const double dropout = o.dropout < 0 ? 0.5 : o.dropout;
        classifier_.append<nn::Linear>("0", channels * kGrid * kGrid, kHidden);
        classifier_.append<nn::Relu>("1");
        classifier_.append<nn::Dropout>("2", dropout);
        classifier_.append<nn::Linear>("3", kHidden, kHidden);
        classifier_.append<nn::Relu>("4");
        classifier_.append<nn::Dropout>("5", dropout);
        classifier_.append<nn::Linear>("6", kHidden, o.classes);
    }
    std::string describe() const override { return "VGG"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        return g.module(classifier_, g.adaptive_avg_pool(g.module(features_, src), kGrid, kGrid));
    }

protected:
    Tensor forward(const Tensor& src) override {
        return classifier_(flatten(adaptive_avg_pool(features_(src), kGrid, kGrid)));
    }

private:
    nn::Sequential& features_;
    nn::Sequential& classifier_;
};

template <bool kBatchNorm>
std::unique_ptr<nn::Module> make(const ModelOptions& options) {
    return std::make_unique<Vgg>(kBatchNorm, options);
}

constexpr nn::Initialization kInitialization{.fan_out = true, .linear_std = 0.01};
constexpr ModelEntry kModels[] = {
    {"vgg16", "classifier.6.", "features", false, make<false>, kInitialization},
    {"vgg16_bn", "classifier.6.", "features", false, make<true>, kInitialization},
};

}  // namespace

std::span<const ModelEntry> vgg_models() { return kModels; }

}  // namespace keel
