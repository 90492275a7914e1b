#include "data/formats/image_format.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "engine/files.h"
#include "kernels/error.h"

namespace keel {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

const ImageFormat* find_image_format(std::span<const std::uint8_t> file) {
    const auto* found =
        std::ranges::find_if(kImageFormats, [&](const ImageFormat* format) { return format->matches(file); });
    return found == std::end(kImageFormats) ? nullptr : *found;
}

bool begins_with(std::span<const std::uint8_t> file, std::string_view text, std::size_t at) {
    return file.size() >= at + text.size() && std::ranges::equal(text, file.subspan(at, text.size()), {},
                                                                 [](char c) { return static_cast<std::uint8_t>(c); });
}

bool has_image_extension(std::string_view name) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0)
        return false;  // a name that begins with its only dot has no extension
    const std::string_view extension = name.substr(dot + 1);
    return std::ranges::any_of(kImageFormats, [&](const ImageFormat* format) {
        return std::ranges::any_of(format->extensions, [&](std::string_view known) {
            return std::ranges::equal(extension, known, {}, lower);
        });
    });
}

bool is_image_file(const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    if (has_image_extension(name)) return true;
    const std::string ending = path.extension().string();
    if (ending.find_first_not_of("0123456789", 1) != std::string::npos || name.starts_with('.')) return false;
    if (std::ranges::equal(name, std::string_view("dicomdir"), {}, lower)) return false;
    return begins_as(kDicomFormat, path);
}

bool begins_as(const ImageFormat& format, const std::filesystem::path& path) {
    constexpr std::uint64_t kProbe = 4096;
    try {
        const InputFile file(path);
        std::vector<std::uint8_t> begin(std::min(kProbe, file.size()));
        file.read(0, std::as_writable_bytes(std::span(begin)));
        return format.matches(begin);
    } catch (const StorageError&) {
        throw;
    } catch (const Error&) {
        return false;  // a folder, or nothing that can be read
    }
}

std::string image_format_names(std::string_view separator, std::string_view last) {
    std::string names;
    for (std::size_t i = 0; i < std::size(kImageFormats); ++i) {
        if (i > 0) names += i + 1 == std::size(kImageFormats) ? last : separator;
        names += kImageFormats[i]->name;
    }
    return names;
}

std::string image_extensions() {
    std::string all;
    for (const ImageFormat* format : kImageFormats)
        for (const char* extension : format->extensions) all += (all.empty() ? "" : ", ") + std::string(extension);
    return all;
}

}  // namespace keel
