// What one image costs before the network sees it, stage by stage, on one thread. Reads the files of the folder that
// KEEL_BENCH_IMAGES names, those of a format together, DICOM files one by one; without it, a phantom of 1024 pixels as
// PNG and as JPEG.
#include <benchmark/benchmark.h>
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/formats/decode.h"
#include "data/phantom/phantom.h"
#include "data/pipeline/transform.h"
#include "data/sources/sources.h"

namespace {

using namespace keel;
using Bytes = std::vector<std::uint8_t>;

constexpr int kSide = 224;

struct Files {
    std::string name;
    std::vector<std::string> paths;  ///< empty for those made here
    std::vector<Bytes> contents;
};

void append(void* context, void* data, int size) {
    auto* from = static_cast<std::uint8_t*>(data);
    static_cast<Bytes*>(context)->insert(static_cast<Bytes*>(context)->end(), from, from + size);
}

/// The files of a folder: a group a format; of DICOM one a file, as they differ in how they are compressed.
std::vector<Files> read_folder(const std::string& folder) {
    std::map<std::string, Files> groups;
    for (const std::string& name : list_images(folder)) {
        Bytes bytes = read_bytes(folder + "/" + name, kMaxImageFileBytes);
        const ImageFormat* format = find_image_format(bytes);
        if (format == nullptr) continue;
        const std::string group = format == &kDicomFormat ? "DICOM " + name : format->name;
        Files& files = groups[group];
        files.name = group;
        files.paths.push_back(folder + "/" + name);
        files.contents.push_back(std::move(bytes));
    }
    std::vector<Files> all;
    for (auto& [name, files] : groups) all.push_back(std::move(files));
    return all;
}

std::vector<Files> find_files() {
    if (const char* folder = std::getenv("KEEL_BENCH_IMAGES")) return read_folder(folder);
    Files png{"PNG", {}, {}}, jpeg{"JPEG", {}, {}};
    const Image image = draw_phantom(plan_phantom({}).front(), 1024, 1);
    stbi_write_png_to_func(append, &png.contents.emplace_back(), image.width, image.height, 1, image.pixels.data(), 0);
    stbi_write_jpg_to_func(append, &jpeg.contents.emplace_back(), image.width, image.height, 1, image.pixels.data(),
                           90);
    return {std::move(png), std::move(jpeg)};
}

/// Runs `body` on the next of `inputs` in each iteration.
template <class Input, class Body>
void add(const std::string& name, std::vector<Input> inputs, Body body) {
    benchmark::RegisterBenchmark(name.c_str(),
                                 [inputs = std::move(inputs), body](benchmark::State& state) mutable {
                                     std::size_t i = 0;
                                     for (auto _ : state) {
                                         body(inputs[i]);
                                         i = (i + 1) % inputs.size();
                                     }
                                 })
        ->Unit(benchmark::kMillisecond)
        ->MinTime(0.3);
}

const bool added = [] {
    const TransformOptions plain{.image_size = kSide};
    // what docs/recipes/chexnet.toml asks for
    const TransformOptions augmented{.image_size = kSide,
                                     .augment = true,
                                     .rotate_degrees = 7,
                                     .shift = 0.03F,
                                     .scale_min = 0.8F,
                                     .brightness = 0.1F,
                                     .contrast = 0.1F};
    const auto transform = [](const TransformOptions& options) {
        return [options, dst = std::vector<float>(kSide * kSide)](const Image& image) mutable {
            transform_image(image, options, draw_augmentation(options, 1, 2, 3), dst.data());
        };
    };
    for (const Files& files : find_files()) {
        std::vector<Image> images;
        for (const Bytes& bytes : files.contents) images.push_back(decode_image(bytes, 1, files.name));
        if (!files.paths.empty()) {
            add(files.name + "/read", files.paths,
                [](const std::string& path) { benchmark::DoNotOptimize(read_bytes(path, kMaxImageFileBytes)); });
        }
        add(files.name + "/decode", files.contents,
            [](const Bytes& bytes) { benchmark::DoNotOptimize(decode_image(bytes, 1, "bench")); });
        // as far as the network has use for it, in the depth that the file has
        add(files.name + "/decode_reduced", files.contents, [least = least_size(plain, {})](const Bytes& bytes) {
            benchmark::DoNotOptimize(decode_image(bytes, 1, "bench", {.least = least, .keep_16_bits = true}));
        });
        add(files.name + "/resize", images,
            [](const Image& image) { benchmark::DoNotOptimize(resize(image, kSide, kSide)); });
        add(files.name + "/transform", images, transform(plain));
        add(files.name + "/transform_augmented", images, transform(augmented));
    }
    return true;
}();

}  // namespace
