#include "models/random_training.h"

#include <vector>

#include "engine/rng_scope.h"
#include "kernels/random.h"

namespace keel {

Tensor random_images(std::int64_t n, std::int64_t size, std::int64_t channels, std::uint64_t seed) {
    Tensor images = Tensor::empty({n, size, size, channels});
    Random random(seed, Draw::bench);
    for (float& value : images.values<float>()) value = random.uniform(-1, 1);
    return images;
}

RandomTraining::RandomTraining(const std::string& model, const ModelOptions& options, std::int64_t batch,
                               std::int64_t image_size, std::uint64_t seed, Precision precision)
    : seed_(seed),
      precision_(precision),
      model_(make_model(model, options, seed)),
      optimizer_({{"all", model_->parameters()}}, {.kind = OptimizerKind::sgd, .weight_decay = 1e-4, .momentum = 0.9}),
      images_(random_images(batch, image_size, options.channels, seed)),
      labels_(Tensor::empty({batch}, DType::s32)) {
    Random random(seed, Draw::bench, 1);
    for (std::int32_t& label : labels_.values<std::int32_t>())
        label = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(options.classes)));
}

void RandomTraining::compute(const Hook& before, const Hook& after) {
    const RngScope draws(seed_, steps_++, std::vector<std::int64_t>(static_cast<std::size_t>(images_.dim(0))));
    const PrecisionScope precision(precision_);
    const Tensor loss = cross_entropy((*model_)(images_), labels_);
    if (before) before();
    backward(loss);
    if (after) after();
}

void RandomTraining::update() {
    optimizer_.step(0.01);
    optimizer_.zero_grad();
}

}  // namespace keel
