#include "data/formats/dicom/writer.h"

#include "data/formats/dicom/file.h"
#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

dicom::Bytes octets_of(const std::string& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("what the writer of DICOM data sets writes, the reader reads", "[data]") {
    const float floats[] = {1.5F, -2};
    const std::uint8_t raw[] = {1, 2, 3};
    dicom::DataSetWriter set;
    set.text(0x00100010, "PN", "A^B^C")
        .text(0x00080018, "UI", "1.2.3")
        .u16(0x00280010, {7, 65535})
        .s32(0x00700052, {-1, 2})
        .f32(0x00700022, floats)
        .bytes(0x7FE00010, "OB", raw)
        .text(0x0040A160, "UT", std::string(70'000, 'x'))
        .sequence(0x00081199, {dicom::DataSetWriter().text(0x00081155, "UI", "1.2"), dicom::DataSetWriter()})
        .sequence(0x00081111, {});
    CHECK(set.has(0x00081111));
    CHECK_FALSE(set.has(0x00081115));
    const std::string bytes = set.encoded(), name = "test";
    dicom::ElementReader reader(octets_of(bytes), {true, false}, name);
    std::map<dicom::Tag, dicom::Element> read;
    dicom::Tag last = 0;
    for (dicom::Element element; reader.next(element);) {
        CHECK(element.tag > last);  // in order, in whatever order they were set
        CHECK(element.value.size() % 2 == 0);
        last = element.tag;
        read[element.tag] = element;
    }
    CHECK(read.size() == 9);
    CHECK(read.at(0x00100010).text() == "A^B^C");
    CHECK(read.at(0x00100010).value[5] == ' ');
    CHECK(read.at(0x00080018).value[5] == 0);
    CHECK(read.at(0x00280010).u16(1) == 65535);
    CHECK(read.at(0x00700052).value.size() == 8);
    CHECK(read.at(0x0040A160).value.size() == 70'000);
    CHECK(read.at(0x7FE00010).value.size() == 4);
    std::vector<std::size_t> items;
    dicom::for_items(read.at(0x00081199), name, [&](dicom::Bytes item) { items.push_back(item.size()); });
    CHECK(items == std::vector<std::size_t>{12, 0});
    CHECK_THROWS_AS(set.text(0x00100010, "LO", std::string(70'000, 'x')), UsageError);
}

TEST_CASE("a file that is written has the header that the reader looks for", "[data]") {
    const std::string file = dicom::encode_file_head({"1.2.840.10008.5.1.4.1.1.7", "1.2.3.4", "1.2.840.10008.1.2.1",
                                                      "2.25.1", "KEEL", "ME"}) +
                             dicom::DataSetWriter().text(0x00080018, "UI", "1.2.3.4").encoded();
    std::vector<std::uint8_t> inflated;
    const dicom::DataSet set = dicom::find_data_set(octets_of(file), inflated, "test");
    CHECK(set.syntax == "1.2.840.10008.1.2.1");
    CHECK(set.media_class == "1.2.840.10008.5.1.4.1.1.7");
    CHECK(set.data.size() == 16);
}

TEST_CASE("texts as elements hold them", "[data]") {
    CHECK(dicom::element_text("a\\b\n\xC3\xA9", 16) == "a/b???");
    CHECK(dicom::element_text("abcdef", 3) == "abc");
    for (const char* uid : {"1.2.840.10008", "0", "2.25.00123"}) CHECK(dicom::is_uid(uid));
    for (const char* none : {"", ".1", "1.", "1..2", "1.2a", "../1", " 1.2"}) CHECK_FALSE(dicom::is_uid(none));
    CHECK(dicom::is_uid(std::string(64, '1')));
    CHECK_FALSE(dicom::is_uid(std::string(65, '1')));
}
