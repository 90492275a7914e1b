// CIFAR-10 (Krizhevsky 2009): the binary version, or the same images as an ImageFolder.
#include <algorithm>
#include <filesystem>

#include <fmt/core.h>

#include "data/formats/decode.h"
#include "data/sources/divide.h"
#include "data/sources/sources.h"
#include "data/sources/split_folders.h"
#include "engine/paths.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr int kSide = 32;
constexpr std::size_t kPlane = kSide * kSide, kRecordBytes = 1 + 3 * kPlane;
constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 28;
constexpr const char* kBinaryVersion = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
constexpr const char* kClasses[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                    "dog",      "frog",       "horse", "ship", "truck"};

/// Appends the records of one file: a class byte, then the red, the green and the blue plane.
void read_records(const std::string& path, std::vector<Sample>& samples, std::vector<std::uint8_t>& pixels) {
    const auto bytes = read_bytes(path, kMaxFileBytes);
    if (bytes.empty() || bytes.size() % kRecordBytes != 0) {
        throw InputError(
            fmt::format("[cifar10] {} has {} bytes, a multiple of {} is wanted", path, bytes.size(), kRecordBytes));
    }
    const std::string stem = std::filesystem::path(path).stem().string();
    for (std::size_t i = 0; i < bytes.size() / kRecordBytes; ++i) {
        const std::uint8_t* record = bytes.data() + i * kRecordBytes;
        if (record[0] >= std::size(kClasses))
            throw InputError(fmt::format("[cifar10] {}: record {} has class {}", path, i, record[0]));
        Sample& sample = samples.emplace_back();
        sample.name = fmt::format("{}/{}", stem, i);
        sample.record = static_cast<std::int64_t>(pixels.size() / (3 * kPlane));
        sample.label = record[0];
        for (std::size_t p = 0; p < kPlane; ++p) {
            for (std::size_t c = 0; c < 3; ++c) pixels.push_back(record[1 + c * kPlane + p]);
        }
    }
}

/// Says what lies in a folder where the binary version does not.
void refuse_other_versions(const std::string& path) {
    const auto there = [&](const char* name) { return is_there(path + "/" + name); };
    if (there("data_batch_1.bin")) return;
    if (there("data_batch_1") || there("batches.meta") || there("cifar-10-batches-py"))
        throw InputError(
            fmt::format("[cifar10] {} holds CIFAR-10's Python version: pickles, which are never opened, for "
                        "opening one executes what it says; fetch the binary version, {}",
                        path, kBinaryVersion));
    if (there("cifar-10-batches-bin"))
        throw InputError(fmt::format("[cifar10] the batches are in {}/cifar-10-batches-bin: name that folder", path));
    if (there("train.bin") && there("test.bin"))
        throw InputError(fmt::format("[cifar10] {} holds CIFAR-100, whose records have two labels", path));
}

}  // namespace

std::unique_ptr<Dataset> open_cifar10(const std::string& path, const DatasetOptions& options) {
    if (!is_folder(path))
        throw InputError(fmt::format("[cifar10] {} is a file; unpack the binary version ({}) and name its folder", path,
                                     kBinaryVersion));
    if (find_split_folders(path).divided) return open_folder(path, options);
    refuse_other_versions(path);
    DatasetContents contents;
    contents.label_names.assign(std::begin(kClasses), std::end(kClasses));
    contents.channels = 3;
    auto& [train, val, test] = contents.splits;
    std::vector<std::uint8_t> pixels;
    for (int i = 1; i <= 5; ++i) {
        const std::string file = fmt::format("{}/data_batch_{}.bin", path, i);
        read_records(file, train, pixels);
    }
    read_records(path + "/test_batch.bin", test, pixels);
    contents.origins = {"data_batch_*.bin", divided_text(options.val_fraction, "those", train, options),
                        "test_batch.bin"};
    divide(train, val, options.val_fraction, options);
    return make_memory_dataset(std::move(contents), kSide, kSide, std::move(pixels));
}

}  // namespace keel
