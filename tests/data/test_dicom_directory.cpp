// Which files of a folder are DICOM, what a DICOMDIR names, and which files are of one patient.
#include <filesystem>

#include "data/formats/decode.h"
#include "data/formats/dicom/directory.h"
#include "data/formats/dicom/patient.h"
#include "data/sources/dicom_patients.h"
#include "data/sources/sources.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/dicom_writer.h"

using namespace keel;
using namespace keel::test;

namespace {

using Texts = std::vector<std::string>;

DicomWriter image_of(const std::string& patient, const std::string& issuer = "") {
    DicomWriter writer;
    writer.grey(2, 1, 12);
    if (!patient.empty()) writer.text(0x00100020, "LO", patient);
    if (!issuer.empty()) writer.text(0x00100021, "LO", issuer);
    writer.pixels({0, 4095});
    return writer;
}

DicomWriter record(const std::string& type, const std::string& file) {
    DicomWriter writer;
    writer.text(0x00041430, "CS", type);
    if (!file.empty()) writer.text(0x00041500, "CS", file);
    return writer;
}

void write_directory(const std::string& path, const std::vector<DicomWriter>& records, bool open_sequences = false) {
    DicomWriter writer;
    writer.media_class = "1.2.840.10008.1.3.10";
    writer.open_sequences = open_sequences;
    std::vector<const DicomWriter*> items;
    for (const DicomWriter& item : records) items.push_back(&item);
    writer.sequence(0x00041220, items);
    write_bytes(path, writer.file());
}

}  // namespace

TEST_CASE("A listing takes files without an ending where they begin as DICOM", "[dicom]") {
    const TemporaryFolder scratch;
    DicomWriter plain = image_of("1"), bare = plain;
    bare.header = false;
    bare.text(0x00080005, "CS", "ISO_IR 100");
    for (const char* name :
         {"IM0001", "1.2.840.113619.2.5", "a.dcm", "b.DCM", "._c", ".d", "e.txt", "DICOMDIR", "dicomdir"})
        write_bytes(scratch / name, plain.file());
    write_bytes(scratch / "IM0002", bare.file());
    for (const char* name : {"README", "1.2.3", "LICENSE"})
        write_text(scratch / name, "A text that is long enough to be taken for something.\n");
    write_text(scratch / "empty", "");
    write_text(scratch / "broken.dcm", "");  // by its ending; that it cannot be read is said where it is read
    std::filesystem::create_directory(scratch / "folder");
    CHECK(list_images(scratch.path()) ==
          Texts{"1.2.840.113619.2.5", "IM0001", "IM0002", "a.dcm", "b.DCM", "broken.dcm"});
    CHECK_FALSE(is_image_file(scratch / "missing"));
}

TEST_CASE("A DICOMDIR stands for the images that it names", "[dicom]") {
    const TemporaryFolder scratch;
    write_bytes(scratch / "images/im1", image_of("1").file());
    write_bytes(scratch / "images/IM2.;1", image_of("1").file());
    for (const bool open : {false, true}) {
        write_directory(
            scratch / "DICOMDIR",
            {record("PATIENT", ""), record("STUDY", ""), record("SERIES", ""), record("IMAGE", "IMAGES\\IM1"),
             record("IMAGE", "IMAGES\\IM2"), record("IMAGE", "IMAGES\\IM3 "), record("SR DOCUMENT", "IMAGES\\SR1")},
            open);
        REQUIRE(is_dicom_directory(scratch / "DICOMDIR"));
        const DicomDirectory directory = read_dicom_directory(scratch / "DICOMDIR");
        CHECK(directory.images == Texts{scratch / "images/im1", scratch / "images/IM2.;1"});
        CHECK(directory.missing == Texts{"IMAGES/IM3"});
        CHECK(directory.others == 1);
    }
    try {
        load_image(scratch / "DICOMDIR", 1);
        FAIL("a DICOMDIR was decoded");
    } catch (const InputError& error) {
        CHECK_THAT(error.what(), contains("no image, but an index of files (DICOMDIR)"));
    }
    CHECK_FALSE(is_dicom_directory(scratch / "images/im1"));
    CHECK_FALSE(is_dicom_directory(scratch / "images"));
    CHECK_FALSE(is_dicom_directory(scratch / "missing/DICOMDIR"));
}

TEST_CASE("A DICOMDIR that leads elsewhere, or is none, is refused", "[dicom]") {
    const TemporaryFolder scratch;
    for (const char* file : {"..\\secret", "A\\..\\..\\secret", "/etc/passwd", "\\etc", "A\\\\B", ".", "A/B"}) {
        write_directory(scratch / "DICOMDIR", {record("IMAGE", file)});
        INFO(file);
        CHECK_THROWS_AS(read_dicom_directory(scratch / "DICOMDIR"), InputError);
    }
    write_bytes(scratch / "DICOMDIR", image_of("1").file());
    CHECK_THROWS_AS(read_dicom_directory(scratch / "DICOMDIR"), InputError);
    write_text(scratch / "DICOMDIR", "text");
    CHECK_THROWS_AS(read_dicom_directory(scratch / "DICOMDIR"), InputError);
    CHECK_THROWS_AS(read_dicom_directory(scratch / "missing"), IoError);
}

TEST_CASE("Files of one patient are grouped, and the group is a file's name", "[dicom]") {
    const TemporaryFolder scratch;
    DicomWriter late = image_of("PID-7");
    late.put(0x00091001, "OB", DicomWriter::Bytes(100'000));  // private elements before the number
    DicomWriter implicit = image_of("PID-7 ");                // blanks around it mean nothing
    implicit.explicit_vr = false;
    implicit.syntax = "1.2.840.10008.1.2";
    write_bytes(scratch / "a", image_of("PID-7").file());
    write_bytes(scratch / "b", image_of("PID-8").file());
    write_bytes(scratch / "c", late.file());
    write_bytes(scratch / "d", implicit.file());
    write_bytes(scratch / "e", image_of("").file());
    write_bytes(scratch / "f", image_of("PID-7", "another hospital").file());
    write_text(scratch / "g", "no DICOM");
    Texts files, names;
    for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "missing"}) {
        files.push_back(scratch / name);
        names.push_back(std::string("set/") + name);
    }
    CHECK(dicom_patient_groups(files, names) == Texts{"set/a", "set/b", "set/a", "set/a", "", "set/f", "", ""});
    std::array<std::vector<Sample>, 3> splits;
    for (std::size_t i = 0; i < 4; ++i) splits[i % 2].push_back({.name = names[i], .file = files[i]});
    splits[2].push_back({.name = "known", .file = files[0], .patient = "12"});
    group_by_dicom_patient(splits);
    CHECK((splits[0][0].patient == "set/a" && splits[0][1].patient == "set/a"));
    CHECK((splits[1][0].patient == "set/b" && splits[1][1].patient == "set/a"));
    CHECK(splits[2][0].patient == "12");
}
