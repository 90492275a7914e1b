#include "train/train_state.h"

#include <algorithm>

#include "kernels/error.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;
using keel::test::small_contents;
using keel::test::SmallDataset;

namespace {

TrainConfig state_config() {
    TrainConfig config;
    config.model = "resnet18";
    config.small_stem = true;
    config.image_size = 16;
    return config;
}

}  // namespace

TEST_CASE("The model is for the data's labels and channels, its normalization for their kind", "[train_state]") {
    const SmallDataset data(small_contents(Task::labels, 4));
    TrainConfig config = state_config();
    const TrainState grey = make_train_state(config, data, 4);
    CHECK(grey.spec.multi_label);
    CHECK(grey.spec.label_names == data.label_names());
    CHECK(grey.spec.options.classes == 2);
    CHECK(grey.spec.options.channels == 1);
    CHECK(grey.spec.mean == std::vector<float>{0.5F});
    CHECK(grey.spec.std == std::vector<float>{0.25F});
    CHECK_FALSE(grey.ema);
    CHECK(grey.schedule.lr == 0.001);  // of four ranks as of one
    config.channels = 3;
    config.std = {0.125F};
    config.ema_decay = 0.5;
    config.positive_weights = "balanced";
    const TrainState rgb = make_train_state(config, data);
    CHECK(rgb.spec.options.channels == 3);
    CHECK(rgb.spec.mean == std::vector<float>{0.485F, 0.456F, 0.406F});
    CHECK(rgb.spec.std == std::vector<float>{0.125F});
    CHECK(rgb.ema);
    CHECK(rgb.tensors().size() == grey.tensors().size() + rgb.module->state().size());
}

TEST_CASE("Learning rates are scaled by the number of ranks as asked", "[train_state]") {
    const SmallDataset data(small_contents(Task::classes, 4));
    TrainConfig config = state_config();
    config.lr = 0.5;
    config.lr_scaling = "linear";
    CHECK(make_train_state(config, data, 4).schedule.lr == 2);
    config.lr_scaling = "sqrt";
    CHECK(make_train_state(config, data, 4).schedule.lr == 1);
}

TEST_CASE("A frozen backbone leaves the classifier to be trained", "[train_state]") {
    const SmallDataset data(small_contents(Task::classes, 4));
    TrainConfig config = state_config();
    config.freeze = "backbone";
    const TrainState state = make_train_state(config, data);
    for (const NamedTensor& parameter : state.module->parameters())
        CHECK(parameter.tensor.requires_grad() == parameter.name.starts_with("fc."));
}

TEST_CASE("Tensors of a state go into another; those that do not fit are refused", "[train_state]") {
    const SmallDataset data(small_contents(Task::classes, 4));
    TrainConfig config = state_config();
    const TrainState from = make_train_state(config, data);
    config.seed = 1;
    TrainState to = make_train_state(config, data);
    const auto first = [](const TrainState& state) { return state.module->parameters().front().tensor.clone(); };
    const auto equal = [&] {
        return std::ranges::equal(first(from).contiguous().values<float>(), first(to).contiguous().values<float>());
    };
    CHECK_FALSE(equal());
    to.load(from.tensors(), "x.safetensors");
    CHECK(equal());
    std::vector<NamedTensor> part = from.tensors();
    part.erase(part.begin());
    CHECK_THROWS_WITH(to.load(part, "x.safetensors"), contains("x.safetensors"));
}

TEST_CASE("Weights that balance labels are for labels", "[train_state]") {
    TrainConfig config = state_config();
    config.positive_weights = "balanced";
    CHECK_THROWS_AS(make_train_state(config, SmallDataset(small_contents(Task::classes, 4))), UsageError);
}

TEST_CASE("A guard takes back what became of buffers since they were kept", "[train_state]") {
    const auto module = make_model("resnet18", {.classes = 2, .channels = 1, .small_stem = true});
    const auto fill = [&](float value) {
        for (const NamedTensor& buffer : module->buffers()) std::ranges::fill(buffer.tensor.values<float>(), value);
    };
    const auto all_are = [&](float value) {
        return std::ranges::all_of(module->buffers(), [&](const NamedTensor& buffer) {
            return std::ranges::all_of(buffer.tensor.values<float>(), [&](float x) { return x == value; });
        });
    };
    fill(1);
    BufferGuard guard(*module);
    fill(2);
    guard.restore();
    CHECK(all_are(1));
    fill(3);
    guard.keep();
    fill(4);
    guard.restore();
    CHECK(all_are(3));
}
