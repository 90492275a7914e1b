#include "data/formats/tiff_file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "data/formats/decode.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr int kMostPages = 65'536;
constexpr tmsize_t kMostMemory = tmsize_t{1} << 30;  // that libtiff may take at once

struct FreeOptions {
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

}  // namespace

TiffFile::TiffFile(std::span<const std::uint8_t> file, std::string name) : file_(file), name_(std::move(name)) {
    const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
    if (!options) throw Error("[decode] out of memory");
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMostMemory);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, this);
    TIFFOpenOptionsSetWarningHandlerExtR(
        options.get(), [](TIFF*, void*, const char*, const char*, va_list) { return 1; }, nullptr);
    // m: no mapping, h: not the first page yet, so that its tags are read by open_page() alone.
    tiff_.reset(TIFFClientOpenExt(
        "", "rm", this, read, [](thandle_t, void*, tmsize_t) -> tmsize_t { return -1; }, seek,
        [](thandle_t) { return 0; },
        [](thandle_t self) -> toff_t { return static_cast<TiffFile*>(self)->file_.size(); },
        [](thandle_t, void**, toff_t*) { return 0; }, [](thandle_t, void*, toff_t) {}, options.get()));
    if (!tiff_) fail("damaged TIFF header");
}

int TiffFile::on_error(TIFF*, void* self, const char*, const char* format, va_list values) {
    char* message = static_cast<TiffFile*>(self)->message_;
    if (message[0] == '\0') std::vsnprintf(message, sizeof(message_), format, values);  // the first says why
    return 1;
}

tmsize_t TiffFile::read(thandle_t self, void* dst, tmsize_t bytes) {
    auto& file = *static_cast<TiffFile*>(self);
    if (bytes <= 0 || file.at_ >= file.file_.size()) return 0;
    const std::size_t count = std::min(static_cast<std::size_t>(bytes), file.file_.size() - file.at_);
    std::memcpy(dst, file.file_.data() + file.at_, count);
    file.at_ += count;
    return static_cast<tmsize_t>(count);
}

toff_t TiffFile::seek(thandle_t self, toff_t offset, int from) {
    auto& file = *static_cast<TiffFile*>(self);
    const std::uint64_t base = from == SEEK_CUR ? file.at_ : from == SEEK_END ? file.file_.size() : 0;
    return file.at_ = base + offset;  // past the end nothing is read
}

void TiffFile::refuse(const std::string& what) const { throw InputError("[decode] " + name_ + ": " + what); }

void TiffFile::fail(const char* what) const { refuse(message_[0] != '\0' ? std::string("TIFF: ") + message_ : what); }

bool TiffFile::is_full_page() const {
    std::uint32_t kind = 0;
    TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_SUBFILETYPE, &kind);
    return (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0;
}

bool TiffFile::has_another() {
    for (int i = 0; i < kMostPages && TIFFReadDirectory(tiff_.get()) != 0; ++i)
        if (is_full_page()) return true;
    message_[0] = '\0';  // the next directory is damaged or not there: this page is none the worse for it
    return false;
}

TiffPage TiffFile::open_page(int number) {
    // A file of reduced images alone is read as well: its first page then counts.
    int found = is_full_page() ? 1 : 0;
    const int wanted = std::max(number, 1);
    while (found < wanted && has_another()) ++found;
    if (found < wanted && wanted == 1 && TIFFSetDirectory(tiff_.get(), 0) != 0) found = 1;
    if (found < wanted)
        refuse("a TIFF of " + std::to_string(found) + " pages, page " + std::to_string(number) + " is wanted");
    TIFF* tiff = tiff_.get();
    TiffPage page;
    std::uint16_t planar = PLANARCONFIG_CONTIG, extras = 0, *kinds = nullptr;
    if (TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page.width) == 0 ||
        TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page.height) == 0)
        fail("a TIFF without a size");
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &page.samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &page.bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &page.format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &page.compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &page.orientation);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds);
    if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page.photometric) == 0)
        page.photometric = page.samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    page.planar = planar == PLANARCONFIG_SEPARATE;
    page.tiled = TIFFIsTiled(tiff) != 0;
    if (page.samples < 1 || page.samples > 2 * kMaxImageChannels)
        refuse("a TIFF of " + std::to_string(page.samples) + " samples a pixel, at most " +
               std::to_string(kMaxImageChannels) + " channels are read");
    for (int i = 0; i < page.samples; ++i) {
        const int extra = i - (page.samples - std::min(extras, page.samples));
        const bool alpha = extra >= 0 && kinds != nullptr &&
                           (kinds[extra] == EXTRASAMPLE_ASSOCALPHA || kinds[extra] == EXTRASAMPLE_UNASSALPHA);
        if (!alpha) page.kept.push_back(i);
    }
    if (page.kept.empty() || std::ssize(page.kept) > kMaxImageChannels)
        refuse("a TIFF of " + std::to_string(page.kept.size()) + " channels, 1 to " +
               std::to_string(kMaxImageChannels) + " are read");
    return page;
}

}  // namespace keel
