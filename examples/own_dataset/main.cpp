// Images from a storage of one's own, on as many ranks as mpirun starts:  mpirun -n 2 own_dataset OUT
#include <keel/distributed/mpi/launched.h>
#include <keel/distributed/mpi/mpi_communicator.h>
#include <keel/keel.hpp>

#include <cstdio>

namespace {

constexpr int kSide = 32;

/// Squares and discs, which stand for what lies in a database: an image is made when it is asked for.
class Shapes final : public keel::Dataset {
public:
    Shapes() : Dataset(contents()) {}

private:
    static keel::DatasetContents contents() {
        keel::DatasetContents all{.task = keel::Task::classes, .label_names = {"square", "disc"}};
        for (const keel::Split split : {keel::Split::train, keel::Split::val})
            for (int i = 0; i < 64; ++i) {
                auto& samples = all.splits[std::size_t(split)];
                const std::string name = std::string(keel::split_name(split)) + std::to_string(i);
                samples.push_back({.name = name, .record = i, .label = i % 2});
            }
        return all;
    }

    /// Several threads call this at once.
    keel::Image read(const keel::Sample& sample, keel::LeastSize) const override {
        keel::Image image(kSide, kSide, 1);
        const int radius = 6 + int(sample.record / 2 % 4);
        const int cx = 10 + int(sample.record * 7 % 12), cy = 10 + int(sample.record * 5 % 12);
        for (int y = 0; y < kSide; ++y)
            for (int x = 0; x < kSide; ++x) {
                const int dx = std::abs(x - cx), dy = std::abs(y - cy);
                const bool disc = sample.label == 1;
                const bool inside = disc ? dx * dx + dy * dy <= radius * radius : std::max(dx, dy) <= radius;
                image.row(y)[x] = std::uint8_t(inside ? 200 : 50);
            }
        return image;
    }
};

/// Prints on the first rank.
struct Printer final : keel::TrainObserver {
    explicit Printer(const keel::World& ranks) : world(ranks) {}
    void on_epoch(const keel::EpochReport& report) override {
        if (world.is_root())
            std::printf("epoch %d: loss %.4f, accuracy %.4f\n", int(report.epoch), report.train_loss,
                        report.scores.accuracy);
    }
    const keel::World& world;
};

int train(keel::World& world, const char* out) {
    keel::TrainConfig config;
    config.model = "resnet18";
    config.data = "shapes";  // what messages call it
    config.out = out;
    config.image_size = kSide;
    config.small_stem = true;
    config.batch_size = 16 / world.size();  // of each rank
    config.epochs = 3;
    config.threads = 1;  // of each rank

    Printer printer(world);
    const auto result = keel::Trainer(config, printer, world, {.dataset = std::make_unique<Shapes>()}).run();
    if (world.is_root()) std::printf("%d ranks: %s\n", world.size(), result.best.c_str());
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s OUT\n", argv[0]);
        return 2;
    }
    return keel::with_launched_ranks([&](keel::World& world) { return train(world, argv[1]); });
} catch (const keel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    keel::abort_ranks(1);  // the others may wait for this one
    return 1;
}
