// ResNet (He et al., "Deep residual learning for image recognition", CVPR 2016), with the stride of a bottleneck on its
// 3x3 convolution as in torchvision ("v1.5"). resnet20 and resnet56 are those of its section 4.2, for images of 32
// pixels, with projections where the shape changes.
#include <algorithm>
#include <array>
#include <vector>

#include "graph/build/trace.h"
#include "models/channel_groups.h"
#include "models/families.h"

namespace keel {
namespace {

struct ResNetShape {
    bool bottleneck;            ///< 1x1, 3x3, 1x1 blocks; else two 3x3
    std::array<int, 4> blocks;  ///< of each stage; 0: there is none
    std::int64_t stem = 64;     ///< channels; 16: a stem for small images, whatever ModelOptions says

    static constexpr std::int64_t kExpansion = 4;  // of the channels that a bottleneck returns

    bool has(std::size_t stage) const { return stage < blocks.size() && blocks[stage] > 0; }
};

/// One block as a model has it: where it begins another map than it reads, that is projected (downsample).
struct Block {
    std::string name;    ///< "layer1.0"
    std::string stream;  ///< the group of channels that it returns
    std::int64_t ic, oc;
    std::int64_t inner1, inner2;  ///< channels between its convolutions; of a basic block the first alone
    int stride;
    bool projected;
};

/// Returns the blocks of a model one after the other.
std::vector<Block> blocks_of(const ResNetShape& shape, const ModelOptions& o) {
    std::vector<Block> all;
    std::string stream = "conv1";
    std::int64_t channels = width_of(o, stream, shape.stem);
    for (std::size_t stage = 0; shape.has(stage); ++stage) {
        const std::int64_t width = shape.stem << stage;
        const std::string layer = "layer" + std::to_string(stage + 1);
        for (int i = 0; i < shape.blocks[stage]; ++i) {
            Block block{layer + "." + std::to_string(i), stream, channels, channels, 0, 0, 1, false};
            block.projected = i == 0 && (stage > 0 || shape.bottleneck);
            block.stride = stage > 0 && i == 0 ? 2 : 1;
            block.inner1 = width_of(o, block.name + ".conv1", width);
            if (shape.bottleneck) block.inner2 = width_of(o, block.name + ".conv2", width);
            if (block.projected) {
                stream = block.stream = layer;
                channels = block.oc = width_of(o, stream, shape.bottleneck ? ResNetShape::kExpansion * width : width);
            }
            all.push_back(block);
        }
    }
    return all;
}

/// What a block's source is added to: its branch of convolutions. Where the block changes the shape, the source is
/// projected by a 1x1 convolution and BN, named downsample.0 and downsample.1.
class Shortcut final : public nn::Module, public graph::Traceable {
public:
    Shortcut(std::int64_t ic, std::int64_t oc, int stride)
        : conv_(add<nn::Conv2d>("0", ic, oc, 1, Conv2dOptions{.stride = stride})),
          norm_(add<nn::BatchNorm2d>("1", oc)) {}
    std::string describe() const override { return "Shortcut"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override { return g.norm(norm_, g.conv(conv_, src)); }
    nn::BatchNorm2d& norm() { return norm_; }

protected:
    /// Not normalized yet: the join does that.
    Tensor forward(const Tensor& src) override { return conv_(src); }

private:
    nn::Conv2d& conv_;
    nn::BatchNorm2d& norm_;
};

/// relu(norm(branch(src)) + src), the latter by way of the shortcut's projection if there is one. That comes first, and
/// so last in the backward pass: it adds the gradients of the pixels that its stride reads to those of all.
template <class Branch>
Tensor join(nn::BatchNorm2d& norm, Branch branch, const Tensor& src, Shortcut* downsample) {
    if (downsample == nullptr) return norm.join(branch(src), src);
    const Tensor projected = (*downsample)(src);
    return norm.join(branch(src), projected, &downsample->norm());
}

class BasicBlock final : public nn::Module, public graph::Traceable {
public:
    explicit BasicBlock(const Block& b)
        : conv1_(add<nn::Conv2d>("conv1", b.ic, b.inner1, 3, Conv2dOptions{.stride = b.stride, .pad = 1})),
          bn1_(add<nn::BatchNorm2d>("bn1", b.inner1, true)),
          conv2_(add<nn::Conv2d>("conv2", b.inner1, b.oc, 3, Conv2dOptions{.pad = 1})),
          bn2_(add<nn::BatchNorm2d>("bn2", b.oc)) {
        if (b.projected) downsample_ = &add<Shortcut>("downsample", b.ic, b.oc, b.stride);
    }
    std::string describe() const override { return "BasicBlock"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        const graph::Value residual = downsample_ == nullptr ? src : downsample_->trace(g, src);
        const graph::Value inner = g.norm(bn1_, g.conv(conv1_, src));
        return g.relu(g.add(g.norm(bn2_, g.conv(conv2_, inner)), residual));
    }

protected:
    Tensor forward(const Tensor& src) override {
        const auto branch = [&](const Tensor& map) { return conv2_.after(bn1_, conv1_(map)); };
        return join(bn2_, branch, src, downsample_);
    }

private:
    nn::Conv2d& conv1_;
    nn::BatchNorm2d& bn1_;
    nn::Conv2d& conv2_;
    nn::BatchNorm2d& bn2_;
    Shortcut* downsample_ = nullptr;
};

class Bottleneck final : public nn::Module, public graph::Traceable {
public:
    explicit Bottleneck(const Block& b)
        : conv1_(add<nn::Conv2d>("conv1", b.ic, b.inner1, 1)),
          bn1_(add<nn::BatchNorm2d>("bn1", b.inner1, true)),
          conv2_(add<nn::Conv2d>("conv2", b.inner1, b.inner2, 3, Conv2dOptions{.stride = b.stride, .pad = 1})),
          bn2_(add<nn::BatchNorm2d>("bn2", b.inner2, true)),
          conv3_(add<nn::Conv2d>("conv3", b.inner2, b.oc, 1)),
          bn3_(add<nn::BatchNorm2d>("bn3", b.oc)) {
        if (b.projected) downsample_ = &add<Shortcut>("downsample", b.ic, b.oc, b.stride);
    }
    std::string describe() const override { return "Bottleneck"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        const graph::Value residual = downsample_ == nullptr ? src : downsample_->trace(g, src);
        const graph::Value inner = g.norm(bn2_, g.conv(conv2_, g.norm(bn1_, g.conv(conv1_, src))));
        return g.relu(g.add(g.norm(bn3_, g.conv(conv3_, inner)), residual));
    }

protected:
    Tensor forward(const Tensor& src) override {
        const auto branch = [&](const Tensor& map) { return conv3_.after(bn2_, conv2_.after(bn1_, conv1_(map))); };
        return join(bn3_, branch, src, downsample_);
    }

private:
    nn::Conv2d& conv1_;
    nn::BatchNorm2d& bn1_;
    nn::Conv2d& conv2_;
    nn::BatchNorm2d& bn2_;
    nn::Conv2d& conv3_;
    nn::BatchNorm2d& bn3_;
    Shortcut* downsample_ = nullptr;
};

class ResNet final : public nn::Module, public graph::Traceable {
public:
    ResNet(const ResNetShape& shape, const ModelOptions& o) {
        const bool small = o.small_stem || shape.stem == 16;
        std::int64_t channels = width_of(o, "conv1", shape.stem);
        if (small)
            stem_.push_back(&add<nn::Conv2d>("conv1", o.channels, channels, 3, Conv2dOptions{.pad = 1}));
        else
            stem_.push_back(&add<nn::Conv2d>("conv1", o.channels, channels, 7, Conv2dOptions{.stride = 2, .pad = 3}));
        stem_.push_back(&add<nn::BatchNorm2d>("bn1", channels, true));
        if (!small) stem_.push_back(&add<nn::MaxPool2d>("maxpool", PoolOptions{3, 2, 1}));

        for (const Block& block : blocks_of(shape, o)) {
            const std::size_t dot = block.name.find('.');
            if (block.name.ends_with(".0")) stages_.push_back(&add<nn::Sequential>(block.name.substr(0, dot)));
            if (shape.bottleneck)
                stages_.back()->append<Bottleneck>(block.name.substr(dot + 1), block);
            else
                stages_.back()->append<BasicBlock>(block.name.substr(dot + 1), block);
            channels = block.oc;
        }
        dropout_ = &add<nn::Dropout>("dropout", std::max(o.dropout, 0.0));
        fc_ = &add<nn::Linear>("fc", channels, o.classes);
    }
    std::string describe() const override { return "ResNet"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        for (const nn::Module* part : stem_) src = g.module(*part, src);
        for (const nn::Sequential* stage : stages_) src = g.module(*stage, src);
        return g.linear(*fc_, g.adaptive_avg_pool(src, 1, 1));
    }

protected:
    Tensor forward(const Tensor& src) override {
        Tensor activation = src;
        for (nn::Module* part : stem_) activation = (*part)(activation);
        for (nn::Sequential* stage : stages_) activation = (*stage)(activation);
        return (*fc_)((*dropout_)(global_avg_pool(activation)));
    }

private:
    std::vector<nn::Module*> stem_;
    std::vector<nn::Sequential*> stages_;
    nn::Dropout* dropout_;
    nn::Linear* fc_;
};

template <ResNetShape kShape>
std::unique_ptr<nn::Module> make(const ModelOptions& options) {
    return std::make_unique<ResNet>(kShape, options);
}

std::vector<ChannelGroup> groups_of(const ResNetShape& shape, const ModelOptions& o) {
    std::vector<ChannelGroup> all{{"conv1", width_of(o, "conv1", shape.stem), {}, {}}};
    all[0].made_by("conv1").gated_by_norm("bn1");
    std::size_t stream = 0;  // which of them all blocks of a stage add to
    for (const Block& block : blocks_of(shape, o)) {
        const auto layer = [&](const char* part) { return block.name + "." + part; };
        const auto inner = [&](const char* made, std::int64_t width, const char* norm, const char* read) {
            all.push_back({layer(made), width, {}, {}});
            all.back().made_by(layer(made)).gated_by_norm(layer(norm)).read_by(layer(read));
        };
        all[stream].read_by(layer("conv1"));
        inner("conv1", block.inner1, "bn1", "conv2");
        if (shape.bottleneck) inner("conv2", block.inner2, "bn2", "conv3");
        if (block.projected) {
            all[stream].read_by(layer("downsample.0"));
            stream = all.size();
            all.push_back({block.stream, block.oc, {}, {}});
            all[stream].made_by(layer("downsample.0")).gated_by_norm(layer("downsample.1"));
        }
        all[stream].made_by(layer(shape.bottleneck ? "conv3" : "conv2"));
        all[stream].gated_by_norm(layer(shape.bottleneck ? "bn3" : "bn2"));
    }
    all[stream].read_by("fc");
    return all;
}

template <ResNetShape kShape>
std::vector<ChannelGroup> groups(const ModelOptions& options) {
    return groups_of(kShape, options);
}

constexpr nn::Initialization kInitialization{.fan_out = true, .linear_bias = true};
template <ResNetShape kShape>
constexpr ModelEntry entry(const char* name, const char* features) {
    return {name, "fc.", features, true, make<kShape>, kInitialization, groups<kShape>};
}

constexpr ModelEntry kModels[] = {
    entry<ResNetShape{false, {3, 3, 3}, 16}>("resnet20", "layer3"),
    entry<ResNetShape{false, {9, 9, 9}, 16}>("resnet56", "layer3"),
    entry<ResNetShape{false, {2, 2, 2, 2}}>("resnet18", "layer4"),
    entry<ResNetShape{false, {3, 4, 6, 3}}>("resnet34", "layer4"),
    entry<ResNetShape{true, {3, 4, 6, 3}}>("resnet50", "layer4"),
    entry<ResNetShape{true, {3, 4, 23, 3}}>("resnet101", "layer4"),
    entry<ResNetShape{true, {3, 8, 36, 3}}>("resnet152", "layer4"),
};

}  // namespace

std::span<const ModelEntry> resnet_models() { return kModels; }

}  // namespace keel
