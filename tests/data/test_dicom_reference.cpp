// pydicom's test files, against what pydicom and DCMTK make of them (tests/data/dicom_reference.py). Wants
// python3-pydicom, dcmtk and libgdcm-tools.
#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "data/formats/decode.h"
#include "data/formats/dicom/codec.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

/// Lets the script write its table into `folder`; false where no Python here can.
bool make_reference(const std::string& folder) {
    for (const char* python : {"python3", "/usr/bin/python3"}) {  // Debian's modules belong to Debian's Python
        const std::string command = std::string(python) + " -B " KEEL_SOURCE_DIR "/tests/data/dicom_reference.py " +
                                    folder + " > " + folder + "/out";
        const int status = std::system(command.c_str());
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    }
    return false;
}

void check_image(const std::string& file, int width, int height, const std::string& reference) {
    const Image image = decode_image(read_bytes(file, 1 << 28), 0, file, {.keep_16_bits = true});
    const std::string want = read_text(reference);
    REQUIRE((image.width == width && image.height == height && image.channels == 1));
    REQUIRE(want.size() == image.samples());
    int worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
        const double level = image.bits == 16 ? image.row16(0)[i] / 257.0 : image.pixels[i];
        worst = std::max(worst, std::abs(static_cast<int>(std::lround(level)) - static_cast<std::uint8_t>(want[i])));
    }
    INFO(reference);
    CHECK(worst <= 1);
}

}  // namespace

TEST_CASE("pydicom's test files have the grey levels that pydicom and DCMTK give them", "[dicom][slow]") {
    const TemporaryFolder folder;
    if (!make_reference(folder.path())) {
        WARN("skipped: wants python3-pydicom, python3-numpy and dcmtk: " << read_text(folder / "out"));
        return;
    }
    std::istringstream table(read_text(folder / "list.txt"));
    int images = 0, refused = 0;
    for (std::string line; std::getline(table, line);) {
        const std::size_t tab = line.find('\t');
        const std::string file = line.substr(0, tab);
        std::istringstream words(line.substr(tab + 1));
        std::string kind, reference;
        int width = 0, height = 0;
        words >> kind;
        INFO(file);
        if (kind == "refuse") {
            CHECK_THROWS_AS(load_image(file, 0), InputError);
            ++refused;
        } else if (kind == "skip") {
            WARN("skipped: " << line);
        } else if (words >> width >> height; dicom::has_dicom_codecs()) {
            while (words >> reference) check_image(file, width, height, folder / reference);
            ++images;
        }
    }
    CHECK((images > 0 || !dicom::has_dicom_codecs()));
    CHECK(refused > 0);
}
