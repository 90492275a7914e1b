// Images as Python brings them, and what a model takes of them.
#pragma once

#include <keel/embed/images.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "src/convert.h"

namespace keel::python {

/// An image of a call: a file's path, its bytes, or pixels. What it points to is the caller's, who keeps it.
struct ImageSource {
    std::string name{};                       ///< for messages
    std::filesystem::path path{};             ///< of a file
    std::span<const std::uint8_t> file{};     ///< or its bytes,
    int width = 0, height = 0, channels = 0;  ///< or, where they are not 0, pixels
    int bits = 8;
    const void* pixels = nullptr;
};

/// Returns an item of a list that the package made: a path; a dense array of bytes {n}, which is a file; or a dense
/// array of pixels {h, w, c}, of u8, u16 or f32 from 0 to 1. `place` is its number, from 0, for messages. Throws
/// UsageError for another, InputError for sides out of range.
ImageSource source_of(py::handle item, std::size_t place);

/// Returns the pixels, or reads the file as `transform` says; `shown`: at its full size and as it is to be looked at.
/// Throws as load_image() does.
Image image_of(const ImageSource& source, const TransformOptions& transform, bool shown = false);

/// Returns (inputs {n, side, side, channels}, [(image, why), ...]) of a list of items: resized and normalized by all
/// threads. Images that cannot be read are NaN and in the list or, where `strict`, the first one's error is thrown.
/// What says nothing of an image (StorageError, no memory) is thrown in any case.
py::tuple inputs_of(const py::list& items, const TransformOptions& transform, bool strict);

}  // namespace keel::python
