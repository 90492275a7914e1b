// GIF, by giflib: the first frame.
#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "data/formats/optional_formats.h"

namespace keel {
namespace {

using Bytes = ImageFormat::Bytes;

[[noreturn]] void bad(const std::string& name, const std::string& what) {
    throw InputError("[decode] " + name + ": " + what);
}

struct Close {
    void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

/// A GIF file in memory.
class GifFile {
public:
    GifFile(Bytes file, const std::string& name) : left_(file), name_(name) {
        int error = 0;
        gif_.reset(DGifOpen(this, read, &error));
        if (!gif_) fail(error);
    }
    GifFileType& operator*() const { return *gif_; }

    /// Goes on to the next frame; false at the end of the file.
    bool next_frame() {
        for (GifRecordType type{};;) {
            need(DGifGetRecordType(gif_.get(), &type));
            if (type == TERMINATE_RECORD_TYPE) return false;
            if (type == IMAGE_DESC_RECORD_TYPE) {
                need(DGifGetImageDesc(gif_.get()));
                return true;
            }
            if (type == EXTENSION_RECORD_TYPE) skip_extension();
        }
    }
    /// Reads the next line of the frame.
    void read_line(std::vector<GifPixelType>& line) {
        need(DGifGetLine(gif_.get(), line.data(), static_cast<int>(line.size())));
    }
    /// Passes over a frame's data.
    void skip_pixels() {
        int code_size = 0;
        GifByteType* block = nullptr;
        need(DGifGetCode(gif_.get(), &code_size, &block));
        while (block != nullptr) need(DGifGetCodeNext(gif_.get(), &block));
    }

private:
    static int read(GifFileType* gif, GifByteType* dst, int bytes) {
        Bytes& left = static_cast<GifFile*>(gif->UserData)->left_;
        const std::size_t count = std::min(left.size(), static_cast<std::size_t>(std::max(bytes, 0)));
        if (count > 0) std::memcpy(dst, left.data(), count);
        left = left.subspan(count);
        return static_cast<int>(count);
    }
    void skip_extension() {
        int code = 0;
        GifByteType* block = nullptr;
        need(DGifGetExtension(gif_.get(), &code, &block));
        while (block != nullptr) need(DGifGetExtensionNext(gif_.get(), &block));
    }
    void need(int status) const {
        if (status != GIF_OK) fail(gif_->Error);
    }
    [[noreturn]] void fail(int error) const {
        if (left_.empty()) bad(name_, "truncated GIF file");
        const char* text = GifErrorString(error);
        bad(name_, std::string("damaged GIF file: ") + (text != nullptr ? text : "unknown error"));
    }

    Bytes left_;
    const std::string& name_;
    std::unique_ptr<GifFileType, Close> gif_;
};

ImageHeader header(Bytes file, const std::string& name) {
    const GifFile gif(file, name);
    return {(*gif).SWidth, (*gif).SHeight, 3, 8, 3};
}

void put_color(const ColorMapObject* map, int index, std::uint8_t* dst, const std::string& name) {
    if (map == nullptr || index >= map->ColorCount) bad(name, "a GIF pixel has no color");
    const GifColorType& color = map->Colors[index];
    dst[0] = color.Red;
    dst[1] = color.Green;
    dst[2] = color.Blue;
}

/// Where line i of a frame lies in it: interlaced ones come in four passes.
std::vector<int> line_order(int height, bool interlaced) {
    std::vector<int> order;
    if (interlaced)
        for (const auto& [first, step] : {std::pair{0, 8}, {4, 8}, {2, 4}, {1, 2}})
            for (int y = first; y < height; y += step) order.push_back(y);
    else
        for (int y = 0; y < height; ++y) order.push_back(y);
    return order;
}

/// Fills `image` with the color that lies behind the frames, where the file names one; else it stays black.
void fill_background(const GifFileType& gif, Image& image) {
    const ColorMapObject* map = gif.SColorMap;
    if (map == nullptr || gif.SBackGroundColor >= map->ColorCount) return;
    const GifColorType& color = map->Colors[gif.SBackGroundColor];
    const std::uint8_t rgb[] = {color.Red, color.Green, color.Blue};
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = rgb[i % 3];
}

Image decode(Bytes file, const ImageHeader& claimed, const DecodeOptions&, const std::string& name) {
    GifFile gif(file, name);
    if (!gif.next_frame()) bad(name, "a GIF file without an image");
    const GifImageDesc frame = (*gif).Image;
    const ColorMapObject* map = frame.ColorMap != nullptr ? frame.ColorMap : (*gif).SColorMap;
    if (frame.Left < 0 || frame.Top < 0 || frame.Width < 1 || frame.Height < 1 ||
        frame.Width > claimed.width - frame.Left || frame.Height > claimed.height - frame.Top)
        bad(name, "a GIF frame lies outside of its image");
    Image image(claimed.width, claimed.height, 3);
    fill_background(*gif, image);
    std::vector<GifPixelType> line(static_cast<std::size_t>(frame.Width));
    for (const int y : line_order(frame.Height, frame.Interlace)) {
        gif.read_line(line);
        std::uint8_t* dst = image.row(frame.Top + y) + 3 * static_cast<std::size_t>(frame.Left);
        for (std::size_t x = 0; x < line.size(); ++x) put_color(map, line[x], dst + 3 * x, name);
    }
    while (gif.next_frame()) gif.skip_pixels();  // a file that is cut off is no good one, whatever its first frame
    return image;
}

}  // namespace

const ImageFormat kGifFormat{"GIF", kGifExtensions, is_gif, header, decode};

}  // namespace keel
