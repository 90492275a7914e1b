// How the samples of an image file become brightness. A model is right for one answer alone, so its checkpoint keeps
// it, as does a pack.
#pragma once

#include <string>
#include <vector>

namespace keel {

struct ImageReading {
    int bit_depth = 0;             ///< bits that samples of 16 bits use, 1 to 16; 0: all of them
    std::vector<float> rescale{};  ///< samples that are black and white, of those with more than 8 bits; empty: 0 and
                                   ///< the largest, of floating-point ones 0 and 1
    bool keep_16_bits = true;      ///< samples of more than 8 bits are not rounded to 8: round(255 v), v from 0 to 1
    int page = 0;                  ///< TIFF: the page that is read, counted from 1; 0: the only one
    std::vector<float> window{};   ///< DICOM: center and width of the window that is shown, in the units after the
                                   ///< modality LUT; empty: the file's own, the first
    bool exif_rotation = true;     ///< images are turned as EXIF's Orientation says

    bool operator==(const ImageReading&) const = default;
};

/// Returns what checkpoints and packs mean that do not say how their images were read.
inline ImageReading old_reading() {
    ImageReading reading;
    reading.keep_16_bits = reading.exif_rotation = false;
    return reading;
}

/// Throws UsageError for values out of range, or that contradict each other.
void check_reading(const ImageReading& reading);

/// Returns in what `is` differs from `was`: "bit_depth 12 and not 0, exif_rotation false and not true"; empty: in
/// nothing.
std::string reading_differences(const ImageReading& is, const ImageReading& was);

/// Returns the reading as a JSON object.
std::string reading_to_json(const ImageReading& reading);

/// Returns the reading that such a text says; a key that is not there has its default. Throws InputError, without
/// naming a file, where the text is malformed or a value out of range.
ImageReading reading_from_json(const std::string& text);

}  // namespace keel
