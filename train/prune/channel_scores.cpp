// What channels are worth, and the statistics of batch norms: what pruning measures on images.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/core.h>

#include "engine/autograd.h"
#include "engine/rng_scope.h"
#include "kernels/error.h"
#include "train/prune/prune.h"

namespace keel {
namespace {

std::map<std::string, Tensor> tensors_by_name(const std::vector<NamedTensor>& tensors) {
    std::map<std::string, Tensor> named;
    for (const auto& [name, tensor] : tensors) named.emplace(name, tensor);
    return named;
}

bool is_norm(const Tensor& weight) { return weight.rank() == 1; }

/// Gradients of the gates alone are made during the lifetime of the object; none is left behind.
class GateGradients {
public:
    GateGradients(nn::Module& module, const std::vector<ChannelGroup>& groups) : parameters_(module.parameters()) {
        std::map<std::string, bool> is_gate;
        for (const ChannelGroup& group : groups)
            for (const ChannelSlice& gate : group.gates) is_gate[gate.tensor] = true;
        for (const auto& [name, parameter] : parameters_) {
            required_.push_back(parameter.requires_grad());
            parameter.set_requires_grad(is_gate.contains(name));
        }
        clear();
    }
    ~GateGradients() {
        clear();
        for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].tensor.set_requires_grad(required_[i]);
    }
    GateGradients(const GateGradients&) = delete;
    GateGradients& operator=(const GateGradients&) = delete;

    void clear() const {
        for (const NamedTensor& parameter : parameters_) parameter.tensor.set_grad({});
    }

    /// Returns the sum of parameter * gradient over all but the first dim of a gate; empty where it has no gradient.
    std::vector<double> slopes(const std::string& gate) const {
        for (const auto& [name, parameter] : parameters_) {
            if (name != gate || !parameter.grad()) continue;
            const Tensor values = parameter.contiguous(), gradient = parameter.grad().contiguous();
            const auto rows = static_cast<std::size_t>(values.dim(0));
            const std::size_t each = static_cast<std::size_t>(values.elements()) / rows;
            std::vector<double> sums(rows);
            for (std::size_t i = 0; i < rows * each; ++i)
                sums[i / each] += double{values.values<float>()[i]} * double{gradient.values<float>()[i]};
            return sums;
        }
        return {};
    }

private:
    std::vector<NamedTensor> parameters_;
    std::vector<bool> required_;
};

/// Adds the square of each channel's slope over all of its gates.
void add_squares(const std::vector<ChannelGroup>& groups, const GateGradients& gradients, double share,
                 ChannelScores& scores) {
    std::map<std::string, std::vector<double>> slopes;  // of each gate, which several groups may share
    for (std::size_t g = 0; g < groups.size(); ++g) {
        std::vector<double> sums(static_cast<std::size_t>(groups[g].width));
        for (const ChannelSlice& gate : groups[g].gates) {
            const auto [found, is_new] = slopes.try_emplace(gate.tensor);
            if (is_new) found->second = gradients.slopes(gate.tensor);
            for (std::size_t c = 0; c < sums.size() && !found->second.empty(); ++c)
                sums[c] += found->second[static_cast<std::size_t>(gate.begin) + c];
        }
        for (std::size_t c = 0; c < sums.size(); ++c) {
            if (!std::isfinite(sums[c]))
                throw InputError(
                    fmt::format("[prune] the gradient of channel {} of {} is not finite", c, groups[g].name));
            scores[g][c] += share * sums[c] * sums[c];
        }
    }
}

}  // namespace

ChannelScores batch_norm_scores(const LoadedModel& model) {
    const auto parameters = tensors_by_name(model.module->parameters());
    ChannelScores scores;
    for (const ChannelGroup& group : channel_groups(model.spec.name, model.spec.options)) {
        std::vector<double>& sums = scores.emplace_back();
        double norms = 0;
        for (const ChannelSlice& gate : group.gates) {
            const Tensor& weight = parameters.at(gate.tensor);
            if (!gate.tensor.ends_with(".weight") || !is_norm(weight)) continue;
            sums.resize(static_cast<std::size_t>(group.width));
            for (std::size_t c = 0; c < sums.size(); ++c)
                sums[c] += std::abs(double{weight.values<float>()[static_cast<std::size_t>(gate.begin) + c]});
            ++norms;
        }
        for (double& sum : sums) sum /= norms;
    }
    return scores;
}

ChannelScores taylor_scores(const LoadedModel& model, const Loss& loss, std::span<const Batch> batches) {
    const std::vector<ChannelGroup> groups = channel_groups(model.spec.name, model.spec.options);
    ChannelScores scores;
    for (const ChannelGroup& group : groups) scores.emplace_back(static_cast<std::size_t>(group.width));
    nn::Module& module = *model.module;
    const bool training = module.training();
    module.train(false);
    const GateGradients gradients(module, groups);
    for (const Batch& batch : batches) {
        backward(loss(module(images_of(batch)), batch));
        add_squares(groups, gradients, 1 / static_cast<double>(batches.size()), scores);
        gradients.clear();
    }
    module.train(training);
    return scores;
}

void measure_statistics(const LoadedModel& model, std::span<const Batch> batches) {
    if (batches.empty()) return;
    nn::Module& module = *model.module;
    struct Sums {
        std::vector<double> sum, squares;
    };
    const std::vector<NamedTensor> buffers = module.buffers();
    std::vector<Sums> sums;
    for (const NamedTensor& buffer : buffers) {
        const auto channels = static_cast<std::size_t>(buffer.tensor.elements());
        sums.push_back({std::vector<double>(channels), std::vector<double>(channels)});
    }
    const NoGrad no_grad;
    const bool training = module.training();
    module.train(true);
    for (const Batch& batch : batches) {
        // From zero the running statistics become this batch's times their momentum.
        for (const NamedTensor& buffer : buffers) buffer.tensor.assign(buffer.tensor.zeros_like());
        const RngScope draws(0, 0, draws_of(batch));
        module(images_of(batch));
        for (std::size_t b = 0; b < buffers.size(); ++b)
            for (std::size_t c = 0; c < sums[b].sum.size(); ++c) {
                const double value = double{buffers[b].tensor.values<float>()[c]} / BatchNormOptions{}.momentum;
                sums[b].sum[c] += value;
                sums[b].squares[c] += value * value;
            }
    }
    module.train(training);
    const auto n = static_cast<double>(batches.size());
    const Sums* means = nullptr;  // of the norm whose variance comes next
    for (std::size_t b = 0; b < buffers.size(); ++b) {
        const bool variance = buffers[b].name.ends_with(".running_var");
        for (std::size_t c = 0; c < sums[b].sum.size(); ++c) {
            double value = sums[b].sum[c] / n;
            // That of all images: within the batches, and between them.
            if (variance && means != nullptr)
                value += std::max(0.0, means->squares[c] / n - means->sum[c] / n * (means->sum[c] / n));
            buffers[b].tensor.values<float>()[c] = static_cast<float>(value);
        }
        means = variance ? nullptr : &sums[b];
    }
}

}  // namespace keel
