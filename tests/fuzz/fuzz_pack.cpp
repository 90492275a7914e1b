// The index of a pack, beside a shard that it may describe: as it is, and with the checksum that it should have,
// without which hardly an input would get past it.
#include <xxhash.h>

#include <cstring>
#include <string>

#include "data/dataset.h"
#include "data/formats/pack_format.h"
#include "tests/fuzz/target.h"
#include "tests/support/temporary_folder.h"

using namespace keel;

namespace {

void open(const test::TemporaryFolder& folder, const std::string& index) {
    test::write_text(folder / pack::kIndexName, index);
    fuzz::accept_or_refuse<InputError>([&] {
        const auto dataset = open_dataset("pack:" + folder.path());
        for (const Split split : kSplits)
            for (std::int64_t i = 0; i < dataset->size(split); ++i)
                fuzz::accept_or_refuse<InputError>([&] {
                    const Image image = dataset->load(split, i);
                    fuzz::require(image.channels == dataset->channels() && !image.pixels.empty(),
                                  "an image of other channels");
                });
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::TemporaryFolder folder;
    static const bool made = [] {
        pack::ShardHeader header{.version = pack::kShardVersion, .number = 0};
        std::memcpy(header.magic, pack::kShardMagic, pack::kMagicBytes);
        test::write_text(folder / pack::shard_name(0),
                         std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + std::string(192, 'x'));
        return true;
    }();
    fuzz::require(made, "no folder");
    std::string index(reinterpret_cast<const char*>(data), size);
    // A missing shard is an IoError; the only one that is there has number 0.
    if (constexpr std::size_t kShards = offsetof(pack::IndexHeader, shards); size >= kShards + 4) {
        std::uint32_t shards = 0;
        std::memcpy(&shards, data + kShards, 4);
        if (shards > 1) return 0;
    }
    open(folder, index);
    if (size >= 8) {
        const std::uint64_t hash = XXH3_64bits(index.data(), size - 8);
        std::memcpy(index.data() + size - 8, &hash, 8);
        open(folder, index);
    }
    return 0;
}
