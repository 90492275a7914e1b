#include "src/sources.h"

#include <keel/kernels/error.h>
#include <keel/kernels/parallel.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>

namespace keel::python {
namespace {

int bits_of(const py::array& array) {
    if (py::isinstance<py::array_t<std::uint8_t>>(array)) return 8;
    if (py::isinstance<py::array_t<std::uint16_t>>(array)) return 16;
    if (py::isinstance<py::array_t<float>>(array)) return 32;
    throw UsageError("[images] wanted pixels of uint8, uint16 or float32, got " + std::string(py::str(array.dtype())));
}

int extent_of(const py::array& array, int axis, std::int64_t most, const std::string& name) {
    const py::ssize_t extent = array.shape(axis);
    if (extent < 1 || extent > most)
        throw InputError("[images] " + name + " is " + std::to_string(array.shape(1)) + " x " +
                         std::to_string(array.shape(0)) + " x " + std::to_string(array.shape(2)) +
                         ": wanted sides of 1 to " + std::to_string(kMaxImageSide) + " pixels and 1 to " +
                         std::to_string(kMaxImageChannels) + " channels");
    return static_cast<int>(extent);
}

ImageSource source_of(const py::array& array, std::string name) {
    ImageSource source{.name = std::move(name), .bits = bits_of(array)};
    if ((array.flags() & py::array::c_style) == 0) throw UsageError("[images] wanted a dense array");
    if (array.ndim() == 1 && source.bits == 8) {
        source.file = {static_cast<const std::uint8_t*>(array.data()), static_cast<std::size_t>(array.size())};
        return source;
    }
    if (array.ndim() != 3) throw UsageError("[images] wanted an image of 3 axes, got " + std::to_string(array.ndim()));
    source.height = extent_of(array, 0, kMaxImageSide, source.name);
    source.width = extent_of(array, 1, kMaxImageSide, source.name);
    source.channels = extent_of(array, 2, kMaxImageChannels, source.name);
    if (std::int64_t{source.height} * source.width > kMaxImagePixels)
        throw InputError("[images] " + source.name + " has more than " + std::to_string(kMaxImagePixels) + " pixels");
    source.pixels = array.data();
    return source;
}

/// Writes an image's input, or NaN in its place, and what was thrown.
std::exception_ptr write_input(const ImageSource& source, const TransformOptions& transform, std::int64_t elements,
                               float* dst) {
    try {
        const Image image = image_of(source, transform);
        try {
            transform_image(image, transform, {}, dst);
        } catch (const InputError& error) {
            throw InputError(source.name + ": " + error.what());
        }
        return nullptr;
    } catch (...) {
        std::fill_n(dst, elements, std::numeric_limits<float>::quiet_NaN());
        return std::current_exception();
    }
}

/// Returns what an error says of its image; rethrows what says nothing of it.
std::string reason_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const StorageError&) {
        throw;
    } catch (const UsageError&) {
        throw;
    } catch (const Error& of_image) {
        return of_image.what();
    }
}

}  // namespace

ImageSource source_of(py::handle item, std::size_t place) {
    const std::string name = "image " + std::to_string(place + 1);
    if (py::isinstance<py::array>(item)) return source_of(py::reinterpret_borrow<py::array>(item), name);
    const std::filesystem::path path = path_of(item);
    return {.name = path.string(), .path = path};
}

Image image_of(const ImageSource& source, const TransformOptions& transform, bool shown) {
    if (source.pixels != nullptr) {
        Image image(source.width, source.height, source.channels, source.bits);
        std::memcpy(image.pixels.data(), source.pixels, image.pixels.size());
        return image;
    }
    if (shown) {
        const std::vector<std::uint8_t> read =
            source.path.empty() ? std::vector<std::uint8_t>() : read_bytes(source.path.string(), kMaxImageFileBytes);
        return decode_image(source.path.empty() ? source.file : std::span(read), 0, source.name,
                            {.reading = transform.reading});
    }
    return source.path.empty() ? decode_image(source.file, transform, source.name)
                               : load_image(source.path.string(), transform);
}

py::tuple inputs_of(const py::list& items, const TransformOptions& transform, bool strict) {
    std::vector<ImageSource> sources;
    for (const py::handle item : items) sources.push_back(source_of(item, sources.size()));
    const std::int64_t side = transform.image_size, elements = side * side * transform.channels;
    Tensor inputs;
    std::vector<NoAnswer> none;
    {
        const py::gil_scoped_release released;
        check_transform(transform);
        inputs = Tensor::empty({std::ssize(sources), side, side, transform.channels});
        float* const first = inputs.data<float>();
        std::vector<std::exception_ptr> errors(sources.size());
        parallel_for(std::ssize(sources), 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const auto at = static_cast<std::size_t>(i);
                errors[at] = write_input(sources[at], transform, elements, first + i * elements);
            }
        });
        for (std::size_t i = 0; i < errors.size(); ++i) {
            if (!errors[i]) continue;
            if (strict) std::rethrow_exception(errors[i]);
            none.push_back({static_cast<std::int64_t>(i), reason_of(errors[i])});
        }
    }
    return py::make_tuple(array_of(inputs), list_of(none));
}

}  // namespace keel::python
