// What sources share: data sets of files and in memory, splits that are made, folders that are listed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/sources/table.h"

namespace keel {

/// Returns a data set whose images are files (Sample::file).
std::unique_ptr<Dataset> make_file_dataset(DatasetContents contents, const ImageReading& reading);

/// Returns "10 % of the rest, seed 0": the origin of a split that was held out of `what`.
std::string held_out_text(double fraction, const std::string& what, std::uint64_t seed);

/// Returns "a.png, b.png and 7 more": at most `most` of the names, as messages show them.
std::string some_of(const std::vector<std::string>& names, std::size_t most = 3);

/// Images one after another, interleaved, samples of 16 bits in the processor's order of bytes.
struct PixelBlock {
    std::vector<std::uint8_t> bytes;
    std::size_t begin = 0;    ///< of the first image
    std::int64_t images = 0;  ///< all within `bytes`
};

/// Returns a data set whose images lie in memory with 8 bits, one after another, interleaved; Sample::record counts
/// them.
std::unique_ptr<Dataset> make_memory_dataset(DatasetContents contents, int width, int height,
                                             std::vector<std::uint8_t> pixels);
/// Returns one of images of 8 or 16 bits in several blocks; Sample::record counts on from block to block.
std::unique_ptr<Dataset> make_memory_dataset(DatasetContents contents, int width, int height, int bits,
                                             std::vector<PixelBlock> blocks);

/// Marks round(fraction * keys.size()) of the keys, at least one and never all where there are two or more: those whose
/// hash under the seed is lowest, so that the choice depends on the keys and the seed alone. Equal keys must not occur.
std::vector<bool> hold_out(const std::vector<std::string>& keys, double fraction, std::uint64_t seed);

/// Returns the keys' indices in the order in which hold_out() takes them.
std::vector<std::size_t> hold_out_order(const std::vector<std::string>& keys, std::uint64_t seed);

/// Moves what hold_out() chooses, by the samples' names, from one split to another.
void split_off(std::vector<Sample>& from, std::vector<Sample>& to, double fraction, std::uint64_t seed);

/// Returns the files of a folder that are images (is_image_file), by name; folders within it are not entered.
std::vector<std::string> list_images(const std::string& directory);
/// Returns the folders in a folder, by name. Both leave out hidden names (data/sources/image_tree.h), and throw IoError
/// if the folder cannot be read.
std::vector<std::string> list_directories(const std::string& directory);

}  // namespace keel
