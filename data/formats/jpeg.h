// JPEG by libjpeg-turbo.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "data/image.h"

namespace keel {

struct JpegSession;

/// A JPEG file whose header has been read. One use, one thread.
class JpegFile {
public:
    /// Throws InputError that names `name` where the header is damaged, or of a kind that libjpeg-turbo does not read. `file` must
    /// outlive the object.
    JpegFile(std::span<const std::uint8_t> file, std::string name);
    ~JpegFile();
    JpegFile(const JpegFile&) = delete;
    JpegFile& operator=(const JpegFile&) = delete;

    int width() const;
    int height() const;
    int channels() const;  ///< as stored: 1, 3 or 4 (CMYK)
    bool divisible(int reduce) const { return width() % reduce == 0 && height() % reduce == 0; }

    /// The picture in grey or RGB with its sides divided by `reduce`: 1, 2, 4 or 8, by which both sides can be divided. The decoder
    /// then leaves out the high frequencies of each block, which is what the picture would lose anyway when it is resized.
    /// Throws InputError where the data are damaged or end too early.
    Image decode(int reduce);

private:
    [[noreturn]] void fail() const;
    std::string name_;
    std::unique_ptr<JpegSession> session_;
};

}  // namespace keel
