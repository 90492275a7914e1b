// How the samples of an image file become brightness. A model is right for one answer alone, so its checkpoint keeps
// it.
#pragma once

namespace keel {

struct ImageReading {
    int bit_depth = 0;          ///< bits that samples of 16 bits use, 9 to 16; 0: all of them
    double window_center = 0;   ///< DICOM: of the window that is shown, in the units after the modality LUT
    double window_width = 0;    ///< DICOM: and its width; 0: the file's own window, the first
    bool exif_rotation = true;  ///< images are turned as EXIF's Orientation says

    bool operator==(const ImageReading&) const = default;
};

}  // namespace keel
