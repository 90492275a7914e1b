// DICOM files: decoded as data sets and programs ask for them, read as a DICOMDIR, and asked whose image they are.
#include <vector>

#include "data/formats/decode.h"
#include "data/formats/dicom/directory.h"
#include "data/formats/dicom/patient.h"
#include "tests/fuzz/target.h"

using namespace keel;

namespace {

void decode(std::span<const std::uint8_t> file) {
    const ImageHeader header = kDicomFormat.header(file, "input");
    if (std::int64_t{header.width} * header.height > 1 << 16 || header.width < 1 || header.height < 1) return;
    for (const bool plain : {true, false}) {
        DecodeOptions options{.keep_16_bits = plain};
        if (!plain) {
            options.least = {2, 2};
            options.reading.window = {40, 400};
        }
        const Image image = decode_image(file, 0, "input", options);
        fuzz::require(image.channels == 1 && image.width >= 1 && image.height >= 1 && image.width <= header.width &&
                          image.height <= header.height &&
                          image.pixels.size() == image.row_bytes() * static_cast<std::size_t>(image.height),
                      "the image does not fit its header");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::uint8_t> file(data, size);
    if (!kDicomFormat.matches(file)) return 0;
    fuzz::accept_or_refuse<InputError>([&] { decode(file); });
    const fuzz::MemoryFile on_disk(file);
    fuzz::accept_or_refuse<InputError>([&] { read_dicom_directory(on_disk.path()); });
    dicom::patient_of(on_disk.path());
    return 0;
}
