#include "data/formats/image_format.h"

#include <algorithm>
#include <iterator>

namespace keel {

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
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::any_of(kImageFormats, [&](const ImageFormat* format) {
        return std::ranges::any_of(format->extensions, [&](std::string_view known) {
            return std::ranges::equal(extension, known, {}, lower);
        });
    });
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
