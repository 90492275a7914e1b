// How images are read, from a configuration to the checkpoint; and networks of any number of channels.
#include "data/sources/pack.h"
#include "embed/loaded_model.h"
#include "embed/predictor.h"
#include "kernels/error.h"
#include "tests/data/deep_files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_training.h"
#include "train/config_file.h"
#include "train/evaluate.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;

namespace {

void write_file(const std::string& path, const FileBytes& bytes) {
    write_text(path, std::string(bytes.begin(), bytes.end()));
}

/// Two classes of TIFF files, twelve images, 12 bits in 16, of so many channels.
std::string write_images(const TemporaryFolder& scratch, int channels) {
    const std::string root = scratch / ("set" + std::to_string(channels));
    for (int i = 0; i < 12; ++i) {
        const Image noise = deep_noise(20 + i, 21, channels, static_cast<std::uint64_t>(i), i % 2 == 0 ? 4095 : 1500);
        write_file(root + (i < 8 ? "/train/" : "/val/") + (i % 2 == 0 ? "A/" : "B/") + std::to_string(i) + ".tif",
                   encode_tiff({.bits = 16, .photometric = channels == 3 ? 2 : 1, .extra = 0}, tiff_image(noise)));
    }
    return root;
}

TrainConfig config_for(const std::string& data, const std::string& out = "") {
    TrainConfig config = small_config(out);
    config.data = data;
    config.epochs = 1;
    config.bit_depth = 12;
    config.image_size = 16;
    config.batch_size = 4;
    return config;
}

std::string weights_after(const TrainConfig& config) {
    Trainer trainer(config);
    trainer.run();
    return bytes_of(trainer.module().state());
}

}  // namespace

TEST_CASE("Networks of 1 to 32 channels train on TIFF files, are saved and predict them", "[image_options]") {
    if (!reads_tiff()) return;
    const TemporaryFolder scratch;
    for (const int channels : {1, 2, 4, 32}) {
        INFO(channels << " channels");
        const std::string root = write_images(scratch, channels), out = scratch / ("run" + std::to_string(channels));
        TrainConfig config = config_for("folder:" + root, out);
        config.mean.assign(static_cast<std::size_t>(channels), 0.25F);
        config.std.assign(static_cast<std::size_t>(channels), 0.5F);
        Trainer trainer(config);
        const TrainResult result = trainer.run();
        const Predictor model(result.best);
        CHECK(model.spec().options.channels == channels);
        CHECK(model.spec().reading.bit_depth == 12);
        CHECK(model.spec().reading.keep_16_bits);
        const TransformOptions transform = transform_of(model.spec());
        const Image image = load_image(root + "/val/A/8.tif", transform);
        CHECK((image.channels == channels && image.bits == 32));
        const Tensor scores = model.predict(input_of({&image, 1}, transform));
        CHECK(scores.data<float>()[0] + scores.data<float>()[1] == Approx(1));
    }
}

TEST_CASE("A run from a pack of 16 bits is the run from its files, to the bit", "[image_options]") {
    if (!reads_tiff()) return;
    const TemporaryFolder scratch;
    const std::string root = write_images(scratch, 2);
    TrainConfig config = config_for("folder:" + root);
    config.rotate = 10;
    config.brightness = 0.1;
    const std::string want = weights_after(config);
    write_pack(*open_dataset(config.data, config),
               {.directory = scratch / "pack", .split = {}, .size = 16, .on_bad_image = {}, .on_progress = {}});
    TrainConfig packed = config;
    packed.data = "pack:" + scratch / "pack";
    CHECK(weights_after(packed) == want);
    TrainConfig shallow = config;
    shallow.keep_16_bits = false;
    CHECK(weights_after(shallow) != want);
}

TEST_CASE("Grey images become any number of channels, others are refused before one is read", "[image_options]") {
    if (!reads_tiff()) return;
    const TemporaryFolder scratch;
    const std::string grey = write_images(scratch, 1), rgb = write_images(scratch, 3);
    for (const int channels : {3, 4, 32}) {
        TrainConfig config = config_for("folder:" + grey);
        config.channels = channels;
        CHECK(!weights_after(config).empty());
    }
    TrainConfig config = config_for("folder:" + rgb);
    config.channels = 1;
    CHECK(!weights_after(config).empty());
    config.channels = 4;
    CHECK_THROWS_WITH(Trainer(config), contains("channels 4: the images of folder:") && contains("have 3"));
    CHECK_THROWS_AS(Trainer(config), UsageError);
}

TEST_CASE("A network for other channels takes weights of RGB", "[image_options]") {
    if (!reads_tiff()) return;
    const TemporaryFolder scratch;
    TrainConfig config = config_for("folder:" + write_images(scratch, 3), scratch / "rgb");
    Trainer(config).run();
    TrainConfig more = config_for("folder:" + write_images(scratch, 5));
    more.init = scratch / "rgb" + "/checkpoints/last.safetensors";
    struct Observer : TrainObserver {
        void on_start(const TrainStart& start) override { remarks = start.data; }
        std::vector<Remark> remarks;
    } observer;
    Trainer(more, observer).run();
    REQUIRE(!observer.remarks.empty());
    CHECK(observer.remarks.back().text == "weights: conv1.weight, made for images of 5 channels");
}

TEST_CASE("A configuration of before means that images are read as they were", "[image_options]") {
    TrainConfig config;
    std::string text = to_toml(config);
    const std::size_t at = text.find("bit_depth = "), end = text.find('\n', text.find("exif_rotation = "));
    REQUIRE((at != std::string::npos && end != std::string::npos));
    TrainConfig same;
    apply_toml(same, text, "now");
    CHECK(static_cast<const ImageReading&>(same) == ImageReading{});
    text.erase(at, end + 1 - at);
    TrainConfig old;
    apply_toml(old, text, "then");
    CHECK(static_cast<const ImageReading&>(old) == old_reading());
    config.bit_depth = 12;
    config.rescale = {0, 1};
    CHECK_THROWS_WITH(check_train_config(config), contains("rescale and bit_depth contradict each other"));
}

TEST_CASE("A checkpoint that does not say how images are read means 8 bits, not turned", "[image_options]") {
    ModelSpec spec;
    spec.name = "resnet18";
    spec.options = {.classes = 1, .channels = 1};
    spec.mean = {0};
    spec.std = {1};
    spec.label_names = {"a"};
    spec.reading.bit_depth = 12;
    std::map<std::string, std::string> metadata;
    write_spec(spec, metadata);
    CHECK(read_spec(metadata, "x").reading == spec.reading);
    std::string& text = metadata.at("keel.model");
    const std::size_t at = text.find("\"reading\":{"), end = text.find('}', at);
    std::string old = text;
    old.erase(at, end + 2 - at);  // and the comma
    CHECK(read_spec({{"keel.model", old}}, "x").reading == old_reading());
    std::string bad = text;
    bad.replace(text.find("\"bit_depth\":12"), 14, "\"bit_depth\":99");
    CHECK_THROWS_WITH(read_spec({{"keel.model", bad}}, "x"), contains("'keel.model' is malformed"));
}
