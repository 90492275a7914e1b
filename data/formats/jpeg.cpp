// JPEG, by libjpeg-turbo. It reports an error by longjmp, which must not pass over a C++ object that has a destructor.
// So the functions that it may leave hold none, and everything that must be cleaned up belongs to the JpegFile.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <jpeglib.h>

#include <jerror.h>

#include "data/formats/exif.h"
#include "data/formats/image_format.h"
#include "kernels/error.h"

namespace keel {
namespace {

struct JpegSession {
    jpeg_decompress_struct info;
    jpeg_error_mgr errors;
    jpeg_progress_mgr progress;
    std::jmp_buf escape;
    char message[JMSG_LENGTH_MAX];
    ~JpegSession() { jpeg_destroy_decompress(&info); }
};

constexpr int kMaxScans =
    500;  // each passes over all of the image; libjpeg-turbo's own programs draw the line here, too

[[noreturn]] void leave(j_common_ptr info) {
    auto* session = static_cast<JpegSession*>(info->client_data);
    (*info->err->format_message)(info, session->message);
    std::longjmp(session->escape, 1);
}

/// Damaged data are an error here, not an image that is grey from there on. Of the other warnings nothing comes.
void on_warning(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
        case JWRN_HIT_MARKER:
        case JWRN_HUFF_BAD_CODE:
        case JWRN_ARITH_BAD_CODE:
        case JWRN_JPEG_EOF:
        case JWRN_MUST_RESYNC:
            leave(info);
        default:
            return;
    }
}

void on_progress(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
    auto* session = static_cast<JpegSession*>(info->client_data);
    std::snprintf(session->message, sizeof session->message, "more than %d scans", kMaxScans);
    std::longjmp(session->escape, 1);
}

/// False with a message where libjpeg gave up.
bool read_header(JpegSession& s, const std::uint8_t* file, std::size_t size) {
    s.info.err = jpeg_std_error(&s.errors);
    s.info.client_data = &s;
    s.errors.error_exit = leave;
    s.errors.emit_message = on_warning;
    s.progress.progress_monitor = on_progress;
    if (setjmp(s.escape) != 0) return false;
    jpeg_create_decompress(&s.info);
    s.info.progress = &s.progress;
    jpeg_mem_src(&s.info, file, size);
    jpeg_read_header(&s.info, TRUE);
    return true;
}

/// False with a message where libjpeg gave up. `dst` takes all rows, output_width * output_components samples each.
bool read_rows(JpegSession& s, std::uint8_t* dst) {
    if (setjmp(s.escape) != 0) return false;
    jpeg_start_decompress(&s.info);
    const std::size_t stride = std::size_t{s.info.output_width} * static_cast<std::size_t>(s.info.output_components);
    while (s.info.output_scanline < s.info.output_height) {
        JSAMPROW row = dst + s.info.output_scanline * stride;
        jpeg_read_scanlines(&s.info, &row, 1);
    }
    jpeg_finish_decompress(&s.info);
    return true;
}

/// Ink to light. Adobe's programs store the inks inverted.
Image from_cmyk(const Image& cmyk, bool inverted) {
    Image rgb(cmyk.width, cmyk.height, 3);
    const std::uint8_t* src = cmyk.pixels.data();
    const int flip = inverted ? 0 : 255;
    for (std::size_t i = 0; i < rgb.pixels.size(); ++i) {
        const std::size_t pixel = i / 3 * 4;
        rgb.pixels[i] = static_cast<std::uint8_t>(((src[pixel + i % 3] ^ flip) * (src[pixel + 3] ^ flip) + 127) / 255);
    }
    return rgb;
}

/// A JPEG file whose header has been read. One use, one thread.
class JpegFile {
public:
    /// Throws InputError that names `name` where the header is damaged, or of a kind that libjpeg-turbo does not read.
    /// `file` must outlive the object.
    JpegFile(std::span<const std::uint8_t> file, std::string name);

    int width() const { return static_cast<int>(session_->info.image_width); }
    int height() const { return static_cast<int>(session_->info.image_height); }
    int channels() const { return session_->info.num_components; }  ///< as stored: 1, 3 or 4 (CMYK)
    bool divisible(int reduce) const { return width() % reduce == 0 && height() % reduce == 0; }

    /// Returns the image in grey or RGB with its sides divided by `reduce`: 1, 2, 4 or 8, by which both sides can be
    /// divided. The decoder then leaves out the high frequencies of each block, which is what the image would lose
    /// anyway when it is resized. Throws InputError where the data are damaged or end too early.
    Image decode(int reduce);

private:
    [[noreturn]] void fail() const { throw InputError("[decode] " + name_ + ": " + session_->message); }

    std::string name_;
    std::unique_ptr<JpegSession> session_;
};

JpegFile::JpegFile(std::span<const std::uint8_t> file, std::string name)
    : name_(std::move(name)), session_(std::make_unique<JpegSession>()) {
    if (!read_header(*session_, file.data(), file.size())) fail();
    if (channels() == 2 || channels() > 4)
        throw InputError("[decode] " + name_ + ": a JPEG of " + std::to_string(channels()) + " components");
}

Image JpegFile::decode(int reduce) {
    jpeg_decompress_struct& info = session_->info;
    info.out_color_space = channels() == 1 ? JCS_GRAYSCALE : channels() == 3 ? JCS_RGB : JCS_CMYK;
    info.scale_num = 1;
    info.scale_denom = static_cast<unsigned>(reduce);
    Image image(width() / reduce, height() / reduce, channels());
    if (!read_rows(*session_, image.pixels.data())) fail();
    return channels() == 4 ? from_cmyk(image, info.saw_Adobe_marker != 0) : image;
}

using Bytes = ImageFormat::Bytes;

constexpr const char* kExtensions[] = {"jpg", "jpeg", "jpe", "jfif"};

bool matches(Bytes b) { return b.size() >= 3 && b[0] == 0xFF && b[1] == 0xD8 && b[2] == 0xFF; }

ImageHeader header(Bytes bytes, const std::string& name) {
    const JpegFile file(bytes, name);
    return {file.width(), file.height(), file.channels(), 8};
}

Image decode(Bytes bytes, const ImageHeader&, const DecodeOptions& options, const std::string& name) {
    JpegFile file(bytes, name);
    const LeastSize least = options.least;
    for (const int reduce : {8, 4, 2}) {
        if (file.divisible(reduce) && file.width() / reduce >= least.width && file.height() / reduce >= least.height)
            return file.decode(reduce);
    }
    return file.decode(1);
}

/// Looks for the segment APP1 that holds EXIF, up to the start of scan.
int orientation(Bytes file, const ImageReading&) {
    constexpr std::string_view kName("Exif\0\0", 6);
    for (std::size_t at = 2; at + 4 <= file.size() && file[at] == 0xFF;) {
        const std::uint8_t marker = file[at + 1];
        if (marker == 0xFF) {  // padding
            ++at;
            continue;
        }
        const std::size_t length = std::size_t{file[at + 2]} << 8 | file[at + 3];
        if (marker == 0xDA || length < 2 || length > file.size() - at - 2) break;
        const Bytes data = file.subspan(at + 4, length - 2);
        if (marker == 0xE1 && begins_with(data, kName)) return exif_orientation(data);
        at += 2 + length;
    }
    return 1;
}

}  // namespace

const ImageFormat kJpegFormat{"JPEG", kExtensions, matches, header, decode, orientation};

}  // namespace keel
