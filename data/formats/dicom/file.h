// What a DICOM file says of its image. Of all its elements only those that pixels and grey levels depend on are read:
// names, birth dates and numbers of patients never leave the bytes of the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/formats/dicom/elements.h"
#include "data/image.h"

namespace keel::dicom {

/// A table of grey levels (PS3.3, C.11.1.1 and C.11.2.1.1): the input `first` and what is below has the first entry,
/// and so on; what is beyond the last has the last.
struct Lut {
    int first = 0;
    double largest = 65535;  ///< that an entry can be: 2^bits - 1
    std::vector<std::uint16_t> entries{};
};

/// What PS3.3, C.11.2.1.2 and C.11.2.1.3, make of a center and a width.
enum class WindowShape { linear, linear_exact, sigmoid };

struct Window {
    double center = 0, width = 1;
    WindowShape shape = WindowShape::linear;
};

/// The elements of an image, as they stand in the file.
struct Attributes {
    std::string sop_class{};                 ///< what kind of object this is
    int rows = 0, columns = 0, samples = 1;  ///< samples of a pixel
    double frames = 1;
    int allocated = 0, stored = 0, high_bit = 0;  ///< bits
    bool is_signed = false;
    std::string photometric{};
    std::optional<double> slope{}, intercept{}, window_center{}, window_width{};
    WindowShape window_shape = WindowShape::linear;
    std::optional<Lut> modality_lut{}, voi_lut{};
    std::optional<int> padding{}, padding_limit{};  ///< as 16 bits without a sign
    bool inverse = false;                           ///< the presentation LUT's shape
    PixelSpacing spacing{}, imager_spacing{};
    std::optional<Element> pixels{};
    bool float_pixels = false;

    /// The pixels' distance in the patient, else that on the detector.
    PixelSpacing pixel_spacing() const { return spacing.known() ? spacing : imager_spacing; }
};

/// A file that has been read.
struct File {
    std::string syntax{};  ///< UID of the transfer syntax; empty where the file does not say
    Attributes attributes{};
    std::vector<std::uint8_t> inflated{};  ///< what the elements lie in, if not in the file itself
};

/// Where a file's data set is, and how it is written.
struct DataSet {
    Bytes data{};
    Encoding encoding{};
    std::string syntax{};
    std::string media_class{};  ///< what kind of object the file's header says it is
};

/// Returns whether a file begins as a DICOM file does: by its mark, or, without one, by two elements that only a DICOM
/// data set begins with.
bool begins_as_dicom(Bytes file);

/// Finds the data set of a file that begins so. One that is deflated is inflated into `inflated`. Throws InputError
/// that names `name`.
DataSet find_data_set(Bytes file, std::vector<std::uint8_t>& inflated, const std::string& name);

/// Reads the file; what it returns points into `file`. Throws InputError that names `name` where the file is damaged.
File read_dicom(Bytes file, const std::string& name);

}  // namespace keel::dicom
