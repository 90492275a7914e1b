// What the sources share. A new source is one file that defines an open function and one line in dataset.cpp's table.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

using OpenFunction = std::unique_ptr<Dataset> (*)(const std::string& path, const DatasetOptions& options);

std::unique_ptr<Dataset> open_nih(const std::string& path, const DatasetOptions& options);
std::unique_ptr<Dataset> open_phantom(const std::string& path, const DatasetOptions& options);
std::unique_ptr<Dataset> open_medmnist(const std::string& path, const DatasetOptions& options);
std::unique_ptr<Dataset> open_folder(const std::string& path, const DatasetOptions& options);
std::unique_ptr<Dataset> open_cifar10(const std::string& path, const DatasetOptions& options);
std::unique_ptr<Dataset> open_pack(const std::string& path, const DatasetOptions& options);

/// A data set whose pictures are files (Sample::file).
std::unique_ptr<Dataset> make_file_dataset(DatasetContents contents);

/// A data set whose pictures lie in memory, one after another, interleaved; Sample::record counts them.
std::unique_ptr<Dataset> make_memory_dataset(DatasetContents contents, int width, int height, std::vector<std::uint8_t> pixels);

/// Marks round(fraction * keys.size()) of the keys, at least one and never all where there are two or more: those whose
/// hash under the seed is lowest, so that the choice depends on the keys and the seed alone. Equal keys must not occur.
std::vector<bool> hold_out(const std::vector<std::string>& keys, double fraction, std::uint64_t seed);

/// Moves what hold_out() chooses, by the samples' names, from one split to another.
void split_off(std::vector<Sample>& from, std::vector<Sample>& to, double fraction, std::uint64_t seed);

/// The files of a folder that look like pictures (png, jpg, jpeg, bmp, in any case), by name; folders within it are not entered.
std::vector<std::string> list_images(const std::string& directory);
/// The folders in a folder, by name. Both throw IoError if it cannot be read.
std::vector<std::string> list_directories(const std::string& directory);

}  // namespace keel
