// VGG16 (Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015), with
// or without batch normalization.
#include "graph/build/trace.h"
#include "models/channel_groups.h"
#include "models/families.h"

namespace keel {
namespace {

constexpr int kPool = 0;
constexpr std::int64_t kGrid = 7;  // side of the map that the classifier reads, whatever the image's size
constexpr int kVgg16[] = {64,    64,  kPool, 128, 128,   kPool, 256, 256, 256,
                          kPool, 512, 512,   512, kPool, 512,   512, 512, kPool};
constexpr std::int64_t kHidden = 4096;

/// Layers of the features that a convolution or pool is in torchvision's Sequential, where convolution, BN and ReLU
/// count one each.
int layers_of(int width, bool batch_norm) { return width == kPool ? 1 : batch_norm ? 3 : 2; }

class Vgg final : public nn::Module, public graph::Traceable {
public:
    Vgg(bool batch_norm, const ModelOptions& o)
        : features_(add<nn::Sequential>("features")), classifier_(add<nn::Sequential>("classifier")) {
        std::int64_t channels = o.channels;
        int index = 0;
        for (const int own : kVgg16) {
            const std::string name = std::to_string(index), next = std::to_string(index + 1);
            index += layers_of(own, batch_norm);
            if (own == kPool) {
                features_.append<nn::MaxPool2d>(name, PoolOptions{2, 2, 0});
                continue;
            }
            const std::int64_t width = width_of(o, "features." + name, own);
            features_.append<nn::Conv2d>(name, channels, width, 3, Conv2dOptions{.pad = 1}, true);
            if (batch_norm)
                features_.append<nn::BatchNorm2d>(next, width, true);
            else
                features_.append<nn::Relu>(next);
            channels = width;
        }
        const double dropout = o.dropout < 0 ? 0.5 : o.dropout;
        const std::int64_t hidden0 = width_of(o, "classifier.0", kHidden),
                           hidden3 = width_of(o, "classifier.3", kHidden);
        classifier_.append<nn::Linear>("0", channels * kGrid * kGrid, hidden0);
        classifier_.append<nn::Relu>("1");
        classifier_.append<nn::Dropout>("2", dropout);
        classifier_.append<nn::Linear>("3", hidden0, hidden3);
        classifier_.append<nn::Relu>("4");
        classifier_.append<nn::Dropout>("5", dropout);
        classifier_.append<nn::Linear>("6", hidden3, o.classes);
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

template <bool kBatchNorm>
std::vector<ChannelGroup> groups(const ModelOptions& o) {
    std::vector<ChannelGroup> all;
    int index = 0;
    for (const int own : kVgg16) {
        const std::string layer = "features." + std::to_string(index), norm = "features." + std::to_string(index + 1);
        index += layers_of(own, kBatchNorm);
        if (own == kPool) continue;
        if (!all.empty()) all.back().read_by(layer);
        all.push_back({layer, width_of(o, layer, own), {}, {}});
        if (!kBatchNorm) {
            all.back().made_and_gated_by(layer);
            continue;
        }
        all.back().made_by(layer).gated_by_norm(norm);
        all.back().others.push_back({layer + ".bias"});
    }
    all.back().read_by("classifier.0", 0, kGrid * kGrid);
    const auto hidden = [&](const char* layer, const char* reader) {
        all.push_back({layer, width_of(o, layer, kHidden), {}, {}});
        all.back().made_and_gated_by(layer).read_by(reader);
    };
    hidden("classifier.0", "classifier.3");
    hidden("classifier.3", "classifier.6");
    return all;
}

constexpr nn::Initialization kInitialization{.fan_out = true, .linear_std = 0.01};
constexpr ModelEntry kModels[] = {
    {"vgg16", "classifier.6.", "features", false, make<false>, kInitialization, groups<false>},
    {"vgg16_bn", "classifier.6.", "features", false, make<true>, kInitialization, groups<true>},
};

}  // namespace

std::span<const ModelEntry> vgg_models() { return kModels; }

}  // namespace keel
