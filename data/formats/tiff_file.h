// An open TIFF file in memory. Together with tiff.cpp all that includes libtiff.
#pragma once

#include <tiffio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace keel {

/// What a page's tags say, within limits that keep all arithmetic on them from overflowing.
struct TiffPage {
    std::uint32_t width = 0, height = 0;
    std::uint16_t samples = 1, bits = 1, format = SAMPLEFORMAT_UINT, photometric = PHOTOMETRIC_MINISBLACK;
    std::uint16_t compression = COMPRESSION_NONE, orientation = 1;
    bool planar = false, tiled = false;
    std::vector<int> kept;  ///< the samples of a pixel that are not alpha
};

/// libtiff prints nothing: its errors are kept and become InputErrors that name `name`, its warnings are dropped. One
/// use, one thread; `file` must outlive the object.
class TiffFile {
public:
    TiffFile(std::span<const std::uint8_t> file, std::string name);

    /// Goes to a page and reads its tags: the `number`-th of the full pages (reduced images and masks do not count),
    /// from 1; 0: the first. Throws InputError where there is no such page.
    TiffPage open_page(int number);
    /// Returns whether a full page follows the one that open_page() found. Leaves that page.
    bool has_another();

    TIFF* handle() const { return tiff_.get(); }
    std::size_t size() const { return file_.size(); }
    /// Throws InputError: what libtiff said, or `what` where it said nothing.
    [[noreturn]] void fail(const char* what) const;
    /// Throws InputError: `what`.
    [[noreturn]] void refuse(const std::string& what) const;

private:
    struct Close {
        void operator()(TIFF* tiff) const { TIFFClose(tiff); }
    };
    static int on_error(TIFF*, void* self, const char* module, const char* format, va_list values);
    static tmsize_t read(thandle_t self, void* dst, tmsize_t bytes);
    static toff_t seek(thandle_t self, toff_t offset, int from);

    bool is_full_page() const;

    std::span<const std::uint8_t> file_;
    std::uint64_t at_ = 0;
    std::string name_;
    char message_[256] = "";
    std::unique_ptr<TIFF, Close> tiff_;
};

}  // namespace keel
