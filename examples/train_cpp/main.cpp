// Trains a ResNet18 on small images:  train_cpp medmnist:pneumoniamnist.npz runs/pneumonia [CONFIG.toml]
#include <keel/keel.hpp>

#include <cstdio>

struct Printer final : keel::TrainObserver {
    void on_epoch(const keel::EpochReport& report) override {
        std::printf("epoch %d of %d: loss %.4f\n", int(report.epoch), int(report.epochs), report.train_loss);
        if (report.scores.auc)
            std::printf("  validation: AUC %.4f, accuracy %.4f\n", *report.scores.auc, report.scores.accuracy);
    }
};

int main(int argc, char** argv) try {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s DATA OUT [CONFIG.toml]\n", argv[0]);
        return 2;
    }
    keel::TrainConfig config;
    config.model = "resnet18";
    config.image_size = 28;
    config.small_stem = true;
    config.batch_size = 128;
    config.epochs = 3;
    if (argc > 3) keel::apply_toml(config, keel::read_toml(argv[3]).text, argv[3]);  // any option of keel train
    config.data = argv[1];
    config.out = argv[2];

    Printer printer;
    const keel::TrainResult result = keel::Trainer(config, printer).run();
    std::printf("%s\n", result.best.c_str());
} catch (const keel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
