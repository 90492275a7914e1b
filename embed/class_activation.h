// Where in an image a model finds what speaks for a label: a map over one of its layers.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "embed/loaded_model.h"

namespace keel {

/// Maps of a model in evaluation mode. One thread at a time.
class ClassActivation {
public:
    /// Without `layer`: class activation maps (Zhou et al., "Learning deep features for discriminative localization",
    /// CVPR 2016) for models whose classifier reads the pooled last feature map, DenseNet and ResNet; for VGG Grad-CAM
    /// on that map. With `layer`, a module's dotted name: Grad-CAM on the map that it makes. Throws UsageError for a
    /// name that is none.
    explicit ClassActivation(LoadedModel model, const std::string& layer = {});

    const ModelSpec& spec() const { return model_.spec; }
    const std::string& layer() const { return layer_; }
    bool uses_gradients() const { return uses_gradients_; }

    /// Returns maps {n, h, w, labels.size()} of normalized images {n, image_size, image_size, channels}, where h x w is
    /// the layer's map A:
    ///   class activation:  sum_c W[label, c] * A[y, x, c], whose mean plus the label's bias is its logit;
    ///   Grad-CAM:          sum_c alpha[c] * A[y, x, c], alpha[c] = mean over y, x of d logit / d A[y, x, c]
    /// (Selvaraju et al., "Grad-CAM", ICCV 2017), before the ReLU that ends it there. On a layer whose pooled map the
    /// classifier reads the second is the first divided by h * w. Throws UsageError if the layer makes no map of its
    /// own (a batch norm that is part of the convolution after it, a linear layer) or if the classifier does not depend
    /// on it; InputError, which names the image, for a map with NaN or infinity.
    Tensor maps(const Tensor& images, std::span<const std::int64_t> labels) const;

private:
    /// The layer's map and the logits that follow from it; with gradients the map is what they are recorded from.
    struct Pass {
        Tensor map, logits;
    };
    Pass run(const Tensor& images) const;
    /// Returns {n, c}, n = 1 where the weights are those of any image.
    Tensor channel_weights(const Pass& pass, std::int64_t label) const;

    LoadedModel model_;
    std::string layer_;
    const nn::Module* module_ = nullptr;
    bool uses_gradients_ = false;
};

}  // namespace keel
