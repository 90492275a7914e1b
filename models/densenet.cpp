// DenseNet (Huang et al., "Densely connected convolutional networks", CVPR 2017).
#include <algorithm>
#include <array>
#include <vector>

#include "graph/build/trace.h"
#include "models/channel_groups.h"
#include "models/families.h"

namespace keel {
namespace {

struct DenseNetShape {
    std::int64_t growth;        ///< channels that each layer adds
    std::array<int, 4> blocks;  ///< layers of each dense block
    std::int64_t stem_channels;
};

constexpr std::int64_t kBottleneck = 4;  // the 1x1 convolution of a layer makes 4 * growth channels

/// Channels of the convolutions of one dense layer.
struct LayerWidths {
    std::int64_t inner, growth;
};

std::string layer_name(std::size_t block, int layer) {
    return "features.denseblock" + std::to_string(block + 1) + ".denselayer" + std::to_string(layer + 1);
}

LayerWidths layer_widths(const ModelOptions& o, const std::string& name, std::int64_t growth) {
    return {width_of(o, name + ".conv1", kBottleneck * growth), width_of(o, name + ".conv2", growth)};
}

/// BN, ReLU, 1x1 convolution, BN, ReLU, 3x3 convolution: `growth` new channels from all channels so far.
class DenseLayer final : public nn::Module, public graph::Traceable {
public:
    DenseLayer(std::int64_t channels, const LayerWidths& widths, double dropout)
        : growth_(widths.growth),
          norm1_(add<nn::BatchNorm2d>("norm1", channels, true)),
          conv1_(add<nn::Conv2d>("conv1", channels, widths.inner, 1)),
          norm2_(add<nn::BatchNorm2d>("norm2", widths.inner, true)),
          conv2_(add<nn::Conv2d>("conv2", widths.inner, widths.growth, 3, Conv2dOptions{.pad = 1})),
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
    DenseBlock(std::int64_t channels, const std::vector<LayerWidths>& layers, double dropout) : capacity_(channels) {
        for (std::size_t i = 0; i < layers.size(); ++i) {
            layers_.push_back(&add<DenseLayer>("denselayer" + std::to_string(i + 1), capacity_, layers[i], dropout));
            capacity_ += layers[i].growth;
        }
    }
    /// Channels of what it returns.
    std::int64_t capacity() const { return capacity_; }
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

std::string transition_name(std::size_t block) { return "features.transition" + std::to_string(block + 1) + ".conv"; }

/// Returns the channels behind a block's transition as the architecture has them: half of those before it.
std::int64_t transition_channels(const DenseNetShape& shape, std::size_t block) {
    const std::int64_t before = block == 0 ? shape.stem_channels : transition_channels(shape, block - 1);
    return (before + shape.blocks[block] * shape.growth) / 2;
}

class DenseNet final : public nn::Module, public graph::Traceable {
public:
    DenseNet(const DenseNetShape& shape, const ModelOptions& o) : features_(add<nn::Sequential>("features")) {
        std::int64_t channels = width_of(o, "features.conv0", shape.stem_channels);
        if (o.small_stem)
            features_.append<nn::Conv2d>("conv0", o.channels, channels, 3, Conv2dOptions{.pad = 1});
        else
            features_.append<nn::Conv2d>("conv0", o.channels, channels, 7, Conv2dOptions{.stride = 2, .pad = 3});
        features_.append<nn::BatchNorm2d>("norm0", channels, true);
        if (!o.small_stem) features_.append<nn::MaxPool2d>("pool0", PoolOptions{3, 2, 1});
        for (std::size_t i = 0; i < shape.blocks.size(); ++i) {
            const std::string number = std::to_string(i + 1);
            std::vector<LayerWidths> layers;
            for (int k = 0; k < shape.blocks[i]; ++k) layers.push_back(layer_widths(o, layer_name(i, k), shape.growth));
            channels = features_.append<DenseBlock>("denseblock" + number, channels, layers, std::max(o.dropout, 0.0))
                           .capacity();
            if (i + 1 == shape.blocks.size()) break;
            const std::int64_t oc = width_of(o, transition_name(i), transition_channels(shape, i));
            features_.append<Transition>("transition" + number, channels, oc);
            channels = oc;
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

/// The groups of a dense block's map so far, whose channels lie one behind the other; every layer reads them all.
class Growing {
public:
    explicit Growing(std::vector<ChannelGroup>& all) : all_(all) {}
    /// Begins a block with the newest group, which is all that there is.
    void begin() { parts_ = {{all_.size() - 1, 0}}; }
    /// Appends the newest group's channels.
    void append() {
        const Part& last = parts_.back();
        parts_.push_back({all_.size() - 1, last.begin + all_[last.group].width});
    }
    void read_by(const std::string& norm, const std::string& layer) {
        for (const Part& part : parts_) all_[part.group].gated_by_norm(norm, part.begin).read_by(layer, part.begin);
    }

private:
    struct Part {
        std::size_t group;
        std::int64_t begin;
    };
    std::vector<ChannelGroup>& all_;
    std::vector<Part> parts_;
};

std::vector<ChannelGroup> groups_of(const DenseNetShape& shape, const ModelOptions& o) {
    std::vector<ChannelGroup> all;
    const auto add = [&](const std::string& layer, std::int64_t width) -> ChannelGroup& {
        return all.emplace_back(ChannelGroup{layer, width, {}, {}}).made_by(layer);
    };
    Growing map(all);
    add("features.conv0", width_of(o, "features.conv0", shape.stem_channels)).normalized_by("features.norm0");
    for (std::size_t i = 0; i < shape.blocks.size(); ++i) {
        map.begin();
        for (int k = 0; k < shape.blocks[i]; ++k) {
            const std::string layer = layer_name(i, k);
            const LayerWidths widths = layer_widths(o, layer, shape.growth);
            map.read_by(layer + ".norm1", layer + ".conv1");
            add(layer + ".conv1", widths.inner).gated_by_norm(layer + ".norm2").read_by(layer + ".conv2");
            add(layer + ".conv2", widths.growth);
            map.append();
        }
        if (i + 1 == shape.blocks.size()) break;
        const std::string conv = transition_name(i);
        map.read_by("features.transition" + std::to_string(i + 1) + ".norm", conv);
        add(conv, width_of(o, conv, transition_channels(shape, i)));
    }
    map.read_by("features.norm5", "classifier");
    return all;
}

template <DenseNetShape kShape>
std::vector<ChannelGroup> groups(const ModelOptions& options) {
    return groups_of(kShape, options);
}

constexpr nn::Initialization kInitialization{};
template <DenseNetShape kShape>
constexpr ModelEntry entry(const char* name) {
    return {name, "classifier.", "features", true, make<kShape>, kInitialization, groups<kShape>};
}

constexpr ModelEntry kModels[] = {
    entry<DenseNetShape{32, {6, 12, 24, 16}, 64}>("densenet121"),
    entry<DenseNetShape{48, {6, 12, 36, 24}, 96}>("densenet161"),
    entry<DenseNetShape{32, {6, 12, 32, 32}, 64}>("densenet169"),
    entry<DenseNetShape{32, {6, 12, 48, 32}, 64}>("densenet201"),
};

}  // namespace

std::span<const ModelEntry> densenet_models() { return kModels; }

}  // namespace keel
