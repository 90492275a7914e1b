// ResNet (He et al., "Deep residual learning for image recognition", CVPR 2016), with the stride of a bottleneck on its
// 3x3 convolution as in torchvision ("v1.5"). resnet20 and resnet56 are those of its section 4.2, for images of 32
// pixels, with projections where the shape changes.
#include <algorithm>
#include <array>
#include <vector>

#include "graph/build/trace.h"
#include "models/families.h"

namespace keel {
namespace {

struct ResNetShape {
    bool bottleneck;            ///< 1x1, 3x3, 1x1 blocks; else two 3x3
    std::array<int, 4> blocks;  ///< of each stage; 0: there is none
    std::int64_t stem = 64;     ///< channels; 16: a stem for small images, whatever ModelOptions says
};

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

/// relu(norm(branch) + src), src by way of the shortcut's projection if there is one.
Tensor join(nn::BatchNorm2d& norm, const Tensor& branch, const Tensor& src, Shortcut* downsample) {
    return downsample == nullptr ? norm.join(branch, src) : norm.join(branch, (*downsample)(src), &downsample->norm());
}

class BasicBlock final : public nn::Module, public graph::Traceable {
public:
    BasicBlock(std::int64_t ic, std::int64_t width, int stride)
        : conv1_(add<nn::Conv2d>("conv1", ic, width, 3, Conv2dOptions{.stride = stride, .pad = 1})),
          bn1_(add<nn::BatchNorm2d>("bn1", width, true)),
          conv2_(add<nn::Conv2d>("conv2", width, width, 3, Conv2dOptions{.pad = 1})),
          bn2_(add<nn::BatchNorm2d>("bn2", width)) {
        if (stride != 1 || ic != width) downsample_ = &add<Shortcut>("downsample", ic, width, stride);
    }
    std::string describe() const override { return "BasicBlock"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        const graph::Value residual = downsample_ == nullptr ? src : downsample_->trace(g, src);
        const graph::Value inner = g.norm(bn1_, g.conv(conv1_, src));
        return g.relu(g.add(g.norm(bn2_, g.conv(conv2_, inner)), residual));
    }

protected:
    Tensor forward(const Tensor& src) override { return join(bn2_, conv2_.after(bn1_, conv1_(src)), src, downsample_); }

private:
    nn::Conv2d& conv1_;
    nn::BatchNorm2d& bn1_;
    nn::Conv2d& conv2_;
    nn::BatchNorm2d& bn2_;
    Shortcut* downsample_ = nullptr;
};

class Bottleneck final : public nn::Module, public graph::Traceable {
public:
    static constexpr std::int64_t kExpansion = 4;

    Bottleneck(std::int64_t ic, std::int64_t width, int stride)
        : conv1_(add<nn::Conv2d>("conv1", ic, width, 1)),
          bn1_(add<nn::BatchNorm2d>("bn1", width, true)),
          conv2_(add<nn::Conv2d>("conv2", width, width, 3, Conv2dOptions{.stride = stride, .pad = 1})),
          bn2_(add<nn::BatchNorm2d>("bn2", width, true)),
          conv3_(add<nn::Conv2d>("conv3", width, kExpansion * width, 1)),
          bn3_(add<nn::BatchNorm2d>("bn3", kExpansion * width)) {
        if (stride != 1 || ic != kExpansion * width)
            downsample_ = &add<Shortcut>("downsample", ic, kExpansion * width, stride);
    }
    std::string describe() const override { return "Bottleneck"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        const graph::Value residual = downsample_ == nullptr ? src : downsample_->trace(g, src);
        const graph::Value inner = g.norm(bn2_, g.conv(conv2_, g.norm(bn1_, g.conv(conv1_, src))));
        return g.relu(g.add(g.norm(bn3_, g.conv(conv3_, inner)), residual));
    }

protected:
    Tensor forward(const Tensor& src) override {
        return join(bn3_, conv3_.after(bn2_, conv2_.after(bn1_, conv1_(src))), src, downsample_);
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
        if (small)
            stem_.push_back(&add<nn::Conv2d>("conv1", o.channels, shape.stem, 3, Conv2dOptions{.pad = 1}));
        else
            stem_.push_back(&add<nn::Conv2d>("conv1", o.channels, shape.stem, 7, Conv2dOptions{.stride = 2, .pad = 3}));
        stem_.push_back(&add<nn::BatchNorm2d>("bn1", shape.stem, true));
        if (!small) stem_.push_back(&add<nn::MaxPool2d>("maxpool", PoolOptions{3, 2, 1}));

        std::int64_t channels = shape.stem;
        for (std::size_t stage = 0; stage < shape.blocks.size() && shape.blocks[stage] > 0; ++stage) {
            const std::int64_t width = shape.stem << stage;
            auto& layer = add<nn::Sequential>("layer" + std::to_string(stage + 1));
            for (int i = 0; i < shape.blocks[stage]; ++i) {
                const int stride = stage > 0 && i == 0 ? 2 : 1;
                if (shape.bottleneck)
                    layer.append<Bottleneck>(std::to_string(i), channels, width, stride);
                else
                    layer.append<BasicBlock>(std::to_string(i), channels, width, stride);
                channels = shape.bottleneck ? Bottleneck::kExpansion * width : width;
            }
            stages_.push_back(&layer);
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

constexpr nn::Initialization kInitialization{.fan_out = true, .linear_bias = true};
constexpr ModelEntry kModels[] = {
    {"resnet20", "fc.", "layer3", true, make<ResNetShape{false, {3, 3, 3}, 16}>, kInitialization},
    {"resnet56", "fc.", "layer3", true, make<ResNetShape{false, {9, 9, 9}, 16}>, kInitialization},
    {"resnet18", "fc.", "layer4", true, make<ResNetShape{false, {2, 2, 2, 2}}>, kInitialization},
    {"resnet34", "fc.", "layer4", true, make<ResNetShape{false, {3, 4, 6, 3}}>, kInitialization},
    {"resnet50", "fc.", "layer4", true, make<ResNetShape{true, {3, 4, 6, 3}}>, kInitialization},
    {"resnet101", "fc.", "layer4", true, make<ResNetShape{true, {3, 4, 23, 3}}>, kInitialization},
    {"resnet152", "fc.", "layer4", true, make<ResNetShape{true, {3, 8, 36, 3}}>, kInitialization},
};

}  // namespace

std::span<const ModelEntry> resnet_models() { return kModels; }

}  // namespace keel
