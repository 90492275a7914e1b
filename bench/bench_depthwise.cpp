// The depthwise and grouped convolutions of mobile networks, one image and sixteen at a time, by Keel's own depthwise
// kernels and by oneDNN's.
#include <string>

#include "bench/kernel_bench.h"
#include "kernels/depthwise/prepared.h"
#include "kernels/onednn/conv.h"

namespace {

using namespace keel;
using namespace keel::kernels;

/// A layer of `c` channels in `groups`, on maps of size x size.
struct Layer {
    const char* model;
    std::int64_t size, c;
    int kernel, stride, groups;
};

constexpr Layer kLayers[] = {
    {"mobilenet_v2", 112, 32, 3, 1, 32},      {"mobilenet_v2", 112, 96, 3, 2, 96},
    {"mobilenet_v2", 56, 144, 3, 1, 144},     {"mobilenet_v2", 56, 144, 3, 2, 144},
    {"mobilenet_v2", 28, 192, 3, 1, 192},     {"mobilenet_v2", 28, 192, 3, 2, 192},
    {"mobilenet_v2", 14, 384, 3, 1, 384},     {"mobilenet_v2", 14, 576, 3, 1, 576},
    {"mobilenet_v2", 14, 576, 3, 2, 576},     {"mobilenet_v2", 7, 960, 3, 1, 960},
    {"efficientnet_b0", 56, 144, 5, 2, 144},  {"efficientnet_b0", 28, 240, 5, 1, 240},
    {"efficientnet_b0", 28, 240, 3, 2, 240},  {"efficientnet_b0", 14, 480, 5, 1, 480},
    {"efficientnet_b0", 14, 672, 5, 1, 672},  {"efficientnet_b0", 14, 672, 5, 2, 672},
    {"efficientnet_b0", 7, 1152, 5, 1, 1152}, {"efficientnet_b0", 7, 1152, 3, 1, 1152},
    {"shufflenet_v2", 56, 24, 3, 2, 24},      {"shufflenet_v2", 28, 58, 3, 1, 58},
    {"shufflenet_v2", 28, 116, 3, 2, 116},    {"shufflenet_v2", 14, 116, 3, 1, 116},
    {"shufflenet_v2", 7, 232, 3, 1, 232},     {"convnext_tiny", 56, 96, 7, 1, 96},
    {"convnext_tiny", 14, 384, 7, 1, 384},    {"convnext_tiny", 7, 768, 7, 1, 768},
    {"resnext50", 56, 128, 3, 1, 32},         {"resnext50", 28, 256, 3, 1, 32},
    {"resnext50", 14, 512, 3, 1, 32},         {"resnext50", 7, 1024, 3, 1, 32},
    {"regnet_x_400mf", 28, 64, 3, 1, 4},      {"regnet_x_400mf", 14, 160, 3, 1, 10},
};

using Prepare = std::unique_ptr<const PreparedConv> (*)(const Conv2dGeometry& g, const ConvFusion& fusion);

void add(const Layer& layer, std::int64_t n, const char* name, Prepare prepare) {
    const int pad = layer.kernel / 2;
    const Conv2dGeometry g{
        n,   layer.c, layer.size, layer.size, layer.c,     layer.kernel, layer.kernel, layer.stride, layer.stride,
        pad, pad,     1,          1,          layer.groups};
    const auto number = [](auto value) { return std::to_string(value); };
    const std::string shape = number(layer.kernel) + "x" + number(layer.kernel) + "s" + number(layer.stride) + "/" +
                              number(layer.size) + "/" + number(layer.c);
    bench::add(std::string(layer.model) + "/" + number(n) + "/" + shape + "/" + name, [=] {
        std::shared_ptr<const PreparedConv> conv = prepare(g, {.bias = true});
        const Tensor weights = bench::filled(conv->weights_elements()), bias = bench::filled(g.oc),
                     plain = bench::filled(g.weights_elements());
        conv->pack(plain.data<float>(), weights.data<float>());
        const Tensor src = bench::filled(g.n * g.ih * g.iw * g.ic), dst = bench::filled(g.n * g.oh() * g.ow() * g.oc);
        return [=] {
            ConvOperands operands;
            operands.src = {src.data<float>(), g.ic};
            operands.weights = weights.data<float>();
            operands.bias = bias.data<float>();
            operands.dst = {dst.data<float>(), g.oc};
            conv->run(n, operands);
        };
    });
}

const bool added = [] {
    for (const std::int64_t n : {std::int64_t{1}, bench::kBatch})
        for (const Layer& layer : kLayers) {
            add(layer, n, "onednn", onednn::prepare_conv);
            if (layer.groups == layer.c) add(layer, n, "own", prepare_depthwise_conv);
        }
    return true;
}();

}  // namespace
