// DenseNet (Huang et al., "Densely connected convolutional networks", CVPR 2017).
#include <algorithm>
#include <array>
#include <vector>

#include "graph/build/trace.h"
#include "models/families.h"

namespace keel {
namespace {

struct DenseNetShape {
    std::int64_t growth;        ///< channels that each layer adds
    std::array<int, 4> blocks;  ///< layers of each dense block
    std::int64_t stem_channels;
};

constexpr std::int64_t kBottleneck = 4;  // the 1x1 convolution of a layer makes 4 * growth channels

/// BN, ReLU, 1x1 convolution, BN, ReLU, 3x3 convolution: `growth` new channels from all channels so far.
class DenseLayer final : public nn::Module, public graph::Traceable {
public:
    DenseLayer(std::int64_t channels, std::int64_t growth, double dropout)
        : growth_(growth),
          norm1_(add<nn::BatchNorm2d>("norm1", channels, true)),
          conv1_(add<nn::Conv2d>("conv1", channels, kBottleneck * growth, 1)),
          norm2_(add<nn::BatchNorm2d>("norm2", kBottleneck * growth, true)),
          conv2_(add<nn::Conv2d>("conv2", kBottleneck * growth, growth, 3, Conv2dOptions{.pad = 1})),
          dropout_(add<nn::Dropout>("dropout", dropout)) {}
    std::string describe() const override { return "DenseLayer"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        const graph::Value narrow = g.conv(conv1_, g.norm(norm1_, src));
        return g.conv(conv2_, g.norm(norm2_, narrow), g.room_behind(src, growth_));
    }

protected:
    /// src is the front of a wide buffer, with room for the result.
    Tensor forward(const Tensor& src) override {
        return dropout_(conv2_.after(norm2_, conv1_.after(norm1_, src), room_behind(src, growth_)));
    }

private:
    std::int64_t growth_;
    nn::BatchNorm2d& norm1_;
    nn::Conv2d& conv1_;
    nn::BatchNorm2d& norm2_;
    nn::Conv2d& conv2_;
    nn::Dropout& dropout_;
};

/// Every layer reads all channels so far from one wide buffer and appends its own.
class DenseBlock final : public nn::Module, public graph::Traceable {
public:
    DenseBlock(std::int64_t channels, int layers, std::int64_t growth, double dropout)
        : capacity_(channels + layers * growth) {
        for (int i = 0; i < layers; ++i)
            layers_.push_back(
                &add<DenseLayer>("denselayer" + std::to_string(i + 1), channels + i * growth, growth, dropout));
    }
    std::string describe() const override { return "DenseBlock"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        g.widen(src, capacity_);
        for (const DenseLayer* layer : layers_) src.c += layer->trace(g, src).c;
        return src;
    }

protected:
    Tensor forward(const Tensor& src) override {
        Tensor features = wide_buffer(src, capacity_);
        for (DenseLayer* layer : layers_) features = append_channels(features, (*layer)(features));
        return features;
    }

private:
    std::int64_t capacity_;
    std::vector<DenseLayer*> layers_;
};

/// BN, ReLU, 1x1 convolution, 2x2 average pool. Pooling is linear and acts within a channel, so it may go before the
/// convolution, which then has a quarter of the work; the result is the same function.
class Transition final : public nn::Module, public graph::Traceable {
public:
    Transition(std::int64_t ic, std::int64_t oc)
        : norm_(add<nn::BatchNorm2d>("norm", ic, true)),
          conv_(add<nn::Conv2d>("conv", ic, oc, 1)),
          pool_(add<nn::AvgPool2d>("pool", PoolOptions{2, 2, 0})) {}
    std::string describe() const override { return "Transition"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        return g.conv(conv_, g.module(pool_, g.norm(norm_, src)));
    }

protected:
    Tensor forward(const Tensor& src) override { return conv_(pool_(norm_(src))); }

private:
    nn::BatchNorm2d& norm_;
    nn::Conv2d& conv_;
    nn::AvgPool2d& pool_;
};

class DenseNet final : public nn::Module, public graph::Traceable {
public:
    DenseNet(const DenseNetShape& shape, const ModelOptions& o) : features_(add<nn::Sequential>("features")) {
        if (o.small_stem)
            features_.append<nn::Conv2d>("conv0", o.channels, shape.stem_channels, 3, Conv2dOptions{.pad = 1});
        else
            features_.append<nn::Conv2d>("conv0", o.channels, shape.stem_channels, 7,
                                         Conv2dOptions{.stride = 2, .pad = 3});
        features_.append<nn::BatchNorm2d>("norm0", shape.stem_channels, true);
        if (!o.small_stem) features_.append<nn::MaxPool2d>("pool0", PoolOptions{3, 2, 1});
        std::int64_t channels = shape.stem_channels;
        for (std::size_t i = 0; i < shape.blocks.size(); ++i) {
            const std::string number = std::to_string(i + 1);
            features_.append<DenseBlock>("denseblock" + number, channels, shape.blocks[i], shape.growth,
                                         std::max(o.dropout, 0.0));
            channels += shape.blocks[i] * shape.growth;
            if (i + 1 == shape.blocks.size()) break;
            features_.append<Transition>("transition" + number, channels, channels / 2);
            channels /= 2;
        }
        features_.append<nn::BatchNorm2d>("norm5", channels, true);
        classifier_ = &add<nn::Linear>("classifier", channels, o.classes);
    }
    std::string describe() const override { return "DenseNet"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        return g.linear(*classifier_, g.adaptive_avg_pool(g.module(features_, src), 1, 1));
    }

protected:
    Tensor forward(const Tensor& src) override { return (*classifier_)(global_avg_pool(features_(src))); }

private:
    nn::Sequential& features_;
    nn::Linear* classifier_;
};

template <DenseNetShape kShape>
std::unique_ptr<nn::Module> make(const ModelOptions& options) {
    return std::make_unique<DenseNet>(kShape, options);
}

constexpr nn::Initialization kInitialization{};
constexpr ModelEntry kModels[] = {
    {"densenet121", "classifier.", "features", true, make<DenseNetShape{32, {6, 12, 24, 16}, 64}>, kInitialization},
    {"densenet161", "classifier.", "features", true, make<DenseNetShape{48, {6, 12, 36, 24}, 96}>, kInitialization},
    {"densenet169", "classifier.", "features", true, make<DenseNetShape{32, {6, 12, 32, 32}, 64}>, kInitialization},
    {"densenet201", "classifier.", "features", true, make<DenseNetShape{32, {6, 12, 48, 32}, 64}>, kInitialization},
};

}  // namespace

std::span<const ModelEntry> densenet_models() { return kModels; }

}  // namespace keel
