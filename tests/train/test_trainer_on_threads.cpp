// Ranks that are threads of one process train together, as a program that divides a machine has them.
#include <vector>

#include "distributed/thread_communicator.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"
#include "train/trainer.h"

using namespace keel;

namespace {

/// Grey images whose two classes differ in their mean.
class Shades final : public Dataset {
public:
    Shades() : Dataset(contents()) {}

private:
    static DatasetContents contents() {
        DatasetContents all{.task = Task::classes, .label_names = {"dark", "light"}};
        for (const Split split : {Split::train, Split::val})
            for (int i = 0; i < 16; ++i)
                all.splits[static_cast<std::size_t>(split)].push_back(
                    {.name = split_name(split) + std::to_string(i), .record = i, .label = i % 2});
        return all;
    }
    Image read(const Sample& sample, LeastSize) const override {
        Image image(16, 16, 1);
        for (std::size_t i = 0; i < image.pixels.size(); ++i)
            image.pixels[i] = static_cast<std::uint8_t>(60 * (1 + sample.label) +
                                                        (i * 7 + static_cast<std::size_t>(sample.record) * 13) % 40);
        return image;
    }
};

/// All parameters after a run on so many ranks, of each rank.
std::vector<std::vector<float>> trained_on(int ranks, TrainConfig config = {}) {
    config.model = "resnet20";
    config.data = "shades";
    config.image_size = 16;
    config.small_stem = true;
    config.batch_size = 8 / ranks;
    config.max_steps = 3;
    config.threads = 1;
    config.reproducible = true;
    std::vector<std::vector<float>> weights(static_cast<std::size_t>(ranks));
    run_worlds({.ranks = ranks, .per_node = ranks}, [&](World& world) {
        TrainObserver observer;
        Trainer trainer(config, observer, world, {.dataset = std::make_unique<Shades>()});
        trainer.run();
        for (const NamedTensor& parameter : trainer.module().parameters()) {
            const Tensor plain = parameter.tensor.contiguous();
            auto& mine = weights[static_cast<std::size_t>(world.rank())];
            mine.insert(mine.end(), plain.values<float>().begin(), plain.values<float>().end());
        }
    });
    return weights;
}

}  // namespace

TEST_CASE("ranks that are threads learn the same, and what one rank alone does, to the bit", "[train]") {
    const ThreadScope one(1);
    const auto alone = trained_on(1), together = trained_on(2);
    fix_sums(false);
    CHECK(alone[0].size() > 250'000);
    CHECK(together[0] == alone[0]);
    CHECK(together[1] == alone[0]);
}

TEST_CASE("ranks that are threads learn the same in bf16, to the bit", "[train][bf16]") {
    const ThreadScope one(1);
    TrainConfig config;
    config.precision = "bf16";
    const auto alone = trained_on(1, config), together = trained_on(2, config);
    fix_sums(false);
    CHECK(alone[0] != trained_on(1)[0]);
    fix_sums(false);
    CHECK(together[0] == alone[0]);
    CHECK(together[1] == alone[0]);
}

TEST_CASE("a balanced, mixed and erased run with a loss that learns is the same on any number of ranks, to the bit",
          "[train]") {
    const ThreadScope one(1);
    TrainConfig config;
    config.loss = "auc-margin";
    config.sampler = "balanced";
    config.mixup = 0.4;
    config.cutmix = 1;
    config.erase = 0.5;
    const auto alone = trained_on(1, config), together = trained_on(2, config), plain = trained_on(1);
    fix_sums(false);
    CHECK(together[0] == alone[0]);
    CHECK(together[1] == alone[0]);
    CHECK(plain[0] != alone[0]);
}
