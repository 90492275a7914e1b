// libjpeg reports an error by longjmp, which must not pass over a C++ object that has a destructor. So the functions that it may
// leave hold none, and everything that must be cleaned up belongs to the JpegFile.
#include "data/formats/jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

#include <jpeglib.h>

#include <jerror.h>

#include "kernels/error.h"

namespace keel {

struct JpegSession {
    jpeg_decompress_struct info;
    jpeg_error_mgr errors;
    jpeg_progress_mgr progress;
    std::jmp_buf escape;
    char message[JMSG_LENGTH_MAX];
    ~JpegSession() { jpeg_destroy_decompress(&info); }
};

namespace {

constexpr int kMaxScans = 500;  // each passes over all of the picture; libjpeg-turbo's own programs draw the line here, too

[[noreturn]] void leave(j_common_ptr info) {
    auto* session = static_cast<JpegSession*>(info->client_data);
    (*info->err->format_message)(info, session->message);
    std::longjmp(session->escape, 1);
}

/// Damaged data are an error here, not a picture that is grey from there on. Of the other warnings nothing comes.
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

/// Likewise. `dst` takes all rows, output_width * output_components samples each.
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

}  // namespace

JpegFile::JpegFile(std::span<const std::uint8_t> file, std::string name)
    : name_(std::move(name)), session_(std::make_unique<JpegSession>()) {
    if (!read_header(*session_, file.data(), file.size())) fail();
    if (channels() == 2 || channels() > 4)
        throw InputError("[decode] " + name_ + ": a JPEG of " + std::to_string(channels()) + " components");
}

JpegFile::~JpegFile() = default;

void JpegFile::fail() const { throw InputError("[decode] " + name_ + ": " + session_->message); }

int JpegFile::width() const { return static_cast<int>(session_->info.image_width); }
int JpegFile::height() const { return static_cast<int>(session_->info.image_height); }
int JpegFile::channels() const { return session_->info.num_components; }

Image JpegFile::decode(int reduce) {
    jpeg_decompress_struct& info = session_->info;
    info.out_color_space = channels() == 1 ? JCS_GRAYSCALE : channels() == 3 ? JCS_RGB : JCS_CMYK;
    info.scale_num = 1;
    info.scale_denom = static_cast<unsigned>(reduce);
    Image image(width() / reduce, height() / reduce, channels());
    if (!read_rows(*session_, image.pixels.data())) fail();
    return channels() == 4 ? from_cmyk(image, info.saw_Adobe_marker != 0) : image;
}

}  // namespace keel
