// Keel's side of scripts/parity.py: keel_parity MODEL PROBLEM RESULT BATCH STEPS LR MOMENTUM THREADS PRECISION
// PROBLEM holds `state.NAME`, `images` {n, c, h, w} and `labels`. With STEPS 0, RESULT gets the logits in both modes,
// those of the inference compiler and, after one backward pass, `gradient.NAME` and `statistic.NAME`; else `losses` of
// that many SGD steps on one batch after the other.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/optimizer.h"
#include "engine/precision.h"
#include "engine/safetensors.h"
#include "graph/build/trace.h"
#include "graph/runtime.h"
#include "kernels/parallel.h"
#include "models/registry.h"

using namespace keel;

namespace {

using Tensors = std::map<std::string, Tensor>;

/// Rows [begin, begin + n) of images in PyTorch's order, as NHWC.
Tensor image_rows(const Tensor& nchw, std::int64_t begin, std::int64_t n) {
    const std::int64_t c = nchw.dim(1), h = nchw.dim(2), w = nchw.dim(3), pixels = h * w;
    Tensor nhwc = Tensor::empty({n, h, w, c});
    const float* src = nchw.data<float>() + begin * c * pixels;
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t k = 0; k < c; ++k)
            for (std::int64_t p = 0; p < pixels; ++p)
                nhwc.data<float>()[(i * pixels + p) * c + k] = src[(i * c + k) * pixels + p];
    return nhwc;
}

Tensor label_rows(const Tensor& labels, std::int64_t begin, std::int64_t n) {
    return Tensor::from(std::span<const std::int32_t>(labels.data<std::int32_t>() + begin, static_cast<std::size_t>(n)),
                        {n});
}

/// Returns what the inference compiler makes of a model in evaluation mode.
Tensor inferred_logits(nn::Module& model, const Tensor& src) {
    const Runtime runtime(graph::trace(model, src.dim(1), src.dim(2), src.dim(3)), src.dim(0),
                          PrecisionScope::current());
    Tensor logits = Tensor::empty({src.dim(0), runtime.graph().dst.c});
    runtime.run(src.dim(0), src.data<float>(), logits.data<float>());
    return logits;
}

TensorFile one_step(nn::Module& model, const Tensors& problem) {
    const Tensor& labels = problem.at("labels");
    const Tensor src = image_rows(problem.at("images"), 0, labels.elements());
    TensorFile result;
    model.train(false);
    {
        const NoGrad scope;
        result.tensors.push_back({"eval_logits", model(src)});
    }
    result.tensors.push_back({"inferred_logits", inferred_logits(model, src)});
    model.train(true);
    const Tensor logits = model(src);
    backward(cross_entropy(logits, labels));
    result.tensors.push_back({"train_logits", logits});
    for (const auto& [name, tensor] : model.parameters()) result.tensors.push_back({"gradient." + name, tensor.grad()});
    for (const auto& [name, tensor] : model.buffers()) result.tensors.push_back({"statistic." + name, tensor});
    return result;
}

TensorFile sgd_steps(nn::Module& model, const Tensors& problem, std::int64_t batch, int steps, double lr,
                     double momentum) {
    Optimizer optimizer({{.name = "all", .parameters = model.parameters()}}, {.momentum = momentum});
    std::vector<float> losses;
    for (int step = 0; step < steps; ++step) {
        optimizer.zero_grad();
        const Tensor loss = cross_entropy(model(image_rows(problem.at("images"), step * batch, batch)),
                                          label_rows(problem.at("labels"), step * batch, batch));
        backward(loss);
        optimizer.step(lr);
        losses.push_back(static_cast<float>(loss.item()));
    }
    return {{}, {{"losses", Tensor::from<float>(losses, {steps})}}};
}

void run(char** arguments) {
    Tensors problem;
    for (const auto& [name, tensor] : read_safetensors(arguments[2]).tensors) problem[name] = tensor;
    const int steps = std::atoi(arguments[5]);
    set_thread_count(std::atoi(arguments[8]));
    const PrecisionScope precision(precision_of(arguments[9]));
    const auto model = make_model(arguments[1], {});
    for (const auto& [name, tensor] : model->state()) tensor.assign(problem.at("state." + name));
    write_safetensors(arguments[3], steps == 0 ? one_step(*model, problem)
                                               : sgd_steps(*model, problem, std::atoi(arguments[4]), steps,
                                                           std::atof(arguments[6]), std::atof(arguments[7])));
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 10) {
        std::fprintf(stderr, "usage: keel_parity MODEL PROBLEM RESULT BATCH STEPS LR MOMENTUM THREADS PRECISION\n");
        return 2;
    }
    try {
        run(arguments);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "keel_parity: %s\n", error.what());
        return 1;
    }
}
