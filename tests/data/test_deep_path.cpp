// 16 bits all the way: from files to a network's input against a reference in double that shares no code with it, and
// through packs.
#include <array>
#include <cmath>
#include <filesystem>

#include "data/formats/decode.h"
#include "data/formats/pack_format.h"
#include "data/pipeline/loader.h"
#include "data/sources/pack.h"
#include "tests/data/deep_files.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

/// PIL's antialiased bilinear resize of one channel along one axis, in double: dst[i] = sum of w(j) src[j].
std::vector<double> weights_of(int i, int from, int to) {
    const double scale = static_cast<double>(from) / to, support = std::max(scale, 1.0), centre = (i + 0.5) * scale;
    std::vector<double> weights(static_cast<std::size_t>(from));
    double sum = 0;
    for (int j = 0; j < from; ++j) {
        const double distance = std::abs(j + 0.5 - centre) / support;
        sum += weights[static_cast<std::size_t>(j)] = distance < 1 ? 1 - distance : 0;
    }
    for (double& weight : weights) weight /= sum;
    return weights;
}

/// (resized v / white - mean) / std of every sample, v as the file holds them.
std::vector<double> reference(const Image& deep, double white, int side, const std::vector<double>& mean,
                              const std::vector<double>& std) {
    const auto w = static_cast<std::size_t>(deep.width), c = static_cast<std::size_t>(deep.channels);
    std::vector<double> rows(static_cast<std::size_t>(side) * w * c), out;
    for (int y = 0; y < side; ++y) {
        const auto weights = weights_of(y, deep.height, side);
        for (int j = 0; j < deep.height; ++j)
            for (std::size_t i = 0; i < w * c; ++i)
                rows[static_cast<std::size_t>(y) * w * c + i] +=
                    weights[static_cast<std::size_t>(j)] * deep.row16(j)[i];
    }
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x) {
            const auto weights = weights_of(x, deep.width, side);
            for (std::size_t k = 0; k < c; ++k) {
                double sum = 0;
                for (std::size_t i = 0; i < w; ++i)
                    sum += weights[i] * rows[static_cast<std::size_t>(y) * w * c + i * c + k];
                out.push_back((sum / white - mean[k]) / std[k]);
            }
        }
    return out;
}

double worst(const AlignedFloats& found, const std::vector<double>& want) {
    REQUIRE(found.size() == want.size());
    double most = 0;
    for (std::size_t i = 0; i < want.size(); ++i) most = std::max(most, std::abs(double{found[i]} - want[i]));
    return most;
}

/// The first batch of the training split.
Batch first_batch(const Dataset& dataset, const TransformOptions& transform, int workers = 2) {
    Batch batch;
    LoaderOptions loader;
    loader.transform = transform;
    loader.batch_size = dataset.size(Split::train);
    loader.workers = workers;
    Loader(dataset, loader).next(batch);
    return batch;
}

DatasetOptions of_depth(int bits) {
    DatasetOptions options;
    options.bit_depth = bits;
    return options;
}

}  // namespace

TEST_CASE("From a file of 16 bits to the network's input within 1e-6 of a reference in double", "[deep]") {
    struct Case {
        int width, height, channels, side, bits;
    };
    for (const Case& c : {Case{211, 173, 1, 64, 16},
                          {64, 64, 3, 64, 16},
                          {50, 40, 3, 96, 16},
                          {307, 401, 1, 32, 12},
                          {1201, 17, 1, 24, 16}}) {
        INFO(c.width << " x " << c.height << " x " << c.channels << " to " << c.side << ", " << c.bits << " bits");
        const TemporaryFolder scratch;
        const Image deep = deep_noise(c.width, c.height, c.channels, 7, (1U << c.bits) - 1);
        for (const char* name : {"train/A/0.png", "train/B/0.png", "val/A/1.png"})
            write_bytes(scratch / name, encode_deep_png(deep));
        const auto dataset = open_dataset("folder:" + scratch.path(), of_depth(c.bits));
        REQUIRE(dataset->channels() == c.channels);
        const std::array mean{0.485F, 0.456F, 0.406F}, std{0.229F, 0.224F, 0.225F};
        TransformOptions transform{.image_size = c.side, .channels = c.channels};
        transform.mean.assign(mean.begin(), mean.begin() + c.channels);
        transform.std.assign(std.begin(), std.begin() + c.channels);
        const Batch batch = first_batch(*dataset, transform);
        REQUIRE(batch.n == 2);
        std::vector<double> want =
            reference(deep, (1 << c.bits) - 1, c.side, {mean.begin(), mean.end()}, {std.begin(), std.end()});
        want.insert(want.end(), want.begin(), want.end());
        CHECK(worst(batch.images, want) <= 1e-6);
    }
}

TEST_CASE("A pack of images of 16 bits feeds a network the same bits as their files", "[deep][pack]") {
    const TemporaryFolder scratch;
    for (int i = 0; i < 12; ++i) {
        const auto n = static_cast<std::uint64_t>(i);
        const std::string folder = scratch / (i < 9 ? "set/train/" : "set/val/") + (i % 2 == 0 ? "A/" : "B/");
        write_bytes(folder + std::to_string(i) + ".png", encode_deep_png(deep_noise(40 + 3 * i, 33, 1, n, 4095)));
        write_bytes(folder + std::to_string(i) + ".pgm", encode_pnm(deep_noise(24, 24, 1, n + 50, 4095), 4095));
        const Image third = deep_noise(31, 57, 1, n + 99, 4095);
        write_bytes(
            folder + std::to_string(i) + ".tif",
            reads_tiff() ? encode_tiff({.bits = 16, .orientation = 6}, tiff_image(third)) : encode_deep_png(third, 6));
    }
    for (const int bits : {0, 12})
        for (const int size : {24, 0}) {
            INFO("depth " << bits << ", size " << size);
            const auto source = open_dataset("folder:" + scratch / "set", of_depth(bits));
            const std::string directory = scratch / ("pack" + std::to_string(bits) + "_" + std::to_string(size));
            write_pack(*source,
                       {.directory = directory, .split = {}, .size = size, .on_bad_image = {}, .on_progress = {}});
            const auto packed = open_dataset("pack:" + directory);
            CHECK(packed->reading() == source->reading());
            TransformOptions transform{.image_size = 24,
                                       .augment = true,
                                       .rotate_degrees = 10,
                                       .shift = 0.1F,
                                       .brightness = 0.2F,
                                       .contrast = 0.2F};
            if (size == 0) transform.scale_min = 0.5F;
            const Batch want = first_batch(*source, transform, 1), found = first_batch(*packed, transform, 3);
            CHECK(want.n == 27);
            CHECK(found.names == want.names);
            CHECK(found.images == want.images);
        }
}

TEST_CASE("A pack says that options which it was not written with have no effect", "[pack]") {
    const TemporaryFolder scratch;
    for (const char* name : {"set/A/0.png", "set/B/0.png", "set/A/1.png", "set/B/1.png"})
        write_bytes(scratch / name, encode_deep_png(deep_noise(9, 9, 1, 1, 4095)));
    write_pack(*open_dataset("folder:" + scratch / "set", of_depth(12)),
               {.directory = scratch / "pack", .split = {}, .size = 8, .on_bad_image = {}, .on_progress = {}});
    CHECK(open_dataset("pack:" + scratch / "pack")->remarks().empty());
    CHECK(open_dataset("pack:" + scratch / "pack", of_depth(12))->remarks().empty());
    const auto other = open_dataset("pack:" + scratch / "pack", of_depth(14));
    REQUIRE(other->remarks().size() == 1);
    CHECK(other->remarks()[0].warning);
    CHECK(other->remarks()[0].text.find("bit_depth 12 and not 14") != std::string::npos);
}
