// How images are read, on the command line: what commands say, and what a checkpoint keeps.
#include <string>
#include <vector>

#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/data/deep_files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;
using json = keel::Json;

namespace {

void write_file(const std::string& path, const FileBytes& bytes) {
    write_text(path, std::string(bytes.begin(), bytes.end()));
}

Image times(Image image, int factor) {
    for (std::size_t i = 0; i < image.samples(); ++i)
        image.row16(0)[i] = static_cast<std::uint16_t>(image.row16(0)[i] * factor);
    return image;
}

Image narrow(int i) { return deep_noise(18, 16, 1, static_cast<std::uint64_t>(i), 4095); }

/// Two classes of 12 bits in PNG of 16.
std::string write_set(const TemporaryFolder& scratch) {
    for (int i = 0; i < 24; ++i)
        write_file(scratch / ("set/") + (i % 2 == 0 ? "A/" : "B/") + std::to_string(i) + ".png",
                   encode_deep_png(narrow(i)));
    return "folder:" + scratch / "set";
}

ProgramResult train(const std::string& data, const std::string& out, Arguments more = {}) {
    Arguments words{"train",        "--model", "resnet20",     "--small-stem",
                    "--image-size", "16",      "--batch-size", "8",
                    "--epochs",     "1",       "--threads",    "1",
                    "--workers",    "1",       "--data",       data,
                    "--out",        out};
    words.insert(words.end(), more.begin(), more.end());
    return run_keel(words);
}

}  // namespace

TEST_CASE("Twelve bits in sixteen are told by every command, and the depth is kept", "[image_options]") {
    const TemporaryFolder scratch;
    const std::string data = write_set(scratch), dark = scratch / "dark", good = scratch / "good";
    const auto check_told = [](const std::string& text) {
        CHECK_THAT(text, contains("uses 12 of 16 bits") && contains("--bit-depth 12 makes 4095 white"));
    };
    const ProgramResult plain = train(data, dark);
    REQUIRE(plain.code == 0);
    check_told(read_text(dark + "/log.txt"));
    const ProgramResult checked = run_keel({"data", "check", "--quiet", "--data", data});
    CHECK(checked.code == 0);
    CHECK_THAT(checked.out, contains("narrow_range"));
    check_told(checked.err);
    REQUIRE(train(data, good, {"--bit-depth", "12"}).code == 0);
    CHECK_THAT(read_text(good + "/log.txt"), !contains("narrow range"));
    CHECK_THAT(read_text(good + "/config.toml"), contains("bit_depth = 12"));

    const std::string model = good + "/checkpoints/best.safetensors";
    const ProgramResult scored = run_keel({"eval", "--checkpoint", model, "--data", data, "--split", "val"});
    CHECK(scored.code == 0);
    CHECK_THAT(scored.err, !contains("narrow range") && !contains("otherwise"));
    const ProgramResult other =
        run_keel({"eval", "--checkpoint", model, "--data", data, "--split", "val", "--bit-depth", "0"});
    CHECK_THAT(other.err, contains("images are read otherwise than the model's were: bit_depth 0 and not 12"));
    check_told(other.err);
    const ProgramResult refused = train(data, scratch / "none", {"--bit-depth", "8", "--max-bad", "0"});
    CHECK(refused.code == 3);
    CHECK_THAT(refused.err, contains("bit_depth 8 allows 255 at most"));
}

TEST_CASE("predict reads images as the checkpoint does, whatever their format and depth", "[image_options]") {
    const TemporaryFolder scratch;
    REQUIRE(train(write_set(scratch), scratch / "run", {"--bit-depth", "12"}).code == 0);
    const std::string model = scratch / "run" + "/checkpoints/best.safetensors";
    const Image image = narrow(100);
    write_file(scratch / "a.png", encode_deep_png(image));
    write_file(scratch / "b.pgm", encode_pnm(image, 4095));
    write_file(scratch / "c.tif",
               reads_tiff() ? encode_tiff({.bits = 16, .tile = 16}, tiff_image(image)) : encode_deep_png(image));
    write_file(scratch / "turned.png", encode_deep_png(turned(image, 8), 6));
    const auto scores = [&](const Arguments& files, const Arguments& more = {}) {
        Arguments words{"predict", "--checkpoint", model, "--json"};
        words.insert(words.end(), more.begin(), more.end());
        for (const std::string& file : files) words.push_back(scratch / file);
        return run_keel(words);
    };
    const ProgramResult result = scores({"a.png", "b.pgm", "c.tif", "turned.png"});
    REQUIRE(result.code == 0);
    CHECK(result.err.empty());
    const json images = parse_json(result.out).at("images");
    for (int i = 1; i < 4; ++i) CHECK(images[static_cast<std::size_t>(i)]["scores"] == images[0]["scores"]);

    const ProgramResult stored = scores({"a.png", "turned.png"}, {"--no-exif-rotation"});
    CHECK_THAT(stored.err, contains("exif_rotation false and not true") && contains("not turned as EXIF says"));
    CHECK(parse_json(stored.out)["images"][0]["scores"] != parse_json(stored.out)["images"][1]["scores"]);
    write_file(scratch / "full.png", encode_deep_png(times(image, 16)));
    const ProgramResult mixed = scores({"a.png", "full.png"}, {"--bit-depth", "0"});
    CHECK_THAT(mixed.err, contains("of 2 images looked at 1 have a narrow range") && contains("uses 12 of 16 bits"));
    CHECK(scores({"a.png"}, {"--bit-depth", "17"}).code == 2);
    CHECK(scores({"a.png"}, {"--rescale", "5"}).code == 2);
    CHECK(scores({"full.png"}).code == 3);
}

TEST_CASE("Channels that images cannot become are refused before one is read", "[image_options]") {
    const TemporaryFolder scratch;
    for (int i = 0; i < 8; ++i)
        write_file(scratch / "set/" + (i % 2 == 0 ? "A/" : "B/") + std::to_string(i) + ".ppm",
                   encode_pnm(deep_noise(9, 9, 3, static_cast<std::uint64_t>(i)), 65535));
    const ProgramResult refused = train("folder:" + scratch / "set", scratch / "run", {"--channels", "4"});
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, contains("channels 4: the images of folder:"));
    CHECK(train("folder:" + scratch / "set", scratch / "grey", {"--channels", "1"}).code == 0);
    const TemporaryFolder grey;
    CHECK(train(write_set(grey), grey / "run", {"--channels", "4"}).code == 0);
}
