#include "serve/dicom/codes.h"

#include "kernels/error.h"
#include "serve/dicom/net/node_address.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

// A namespace of its own: a folder's tests are compiled together.
namespace keel::dicom_node::code_tests {

using namespace keel::test;

TEST_CASE("labels have codes, their own where nothing else means the same", "[serve]") {
    const LabelCodes codes;
    CHECK(codes.find("Pneumothorax") == Code{"36118008", "SCT", "Pneumothorax"});
    CHECK(codes.find("pleural_effusion") == codes.find("Effusion"));
    CHECK(codes.find("Infiltration") == Code{"112121", "DCM", "Infiltrate"});
    CHECK(codes.find("Pleural_Thickening").scheme == "99KEEL");
    CHECK(codes.find("odd") == Code{"odd", "99KEEL", "odd"});
    // Values have 16 letters: long labels that begin alike have different ones.
    const Code a = codes.find("a label of many letters, a"), b = codes.find("a label of many letters, b");
    CHECK(a.value.size() == 16);
    CHECK(a.value != b.value);
    CHECK(a.meaning == "a label of many letters, a");
    CHECK_FALSE(codes.find("").value.empty());
    CHECK(codes.find("ein\\Befund \xC3\xBC").meaning == "ein/Befund ??");
}

TEST_CASE("a table brings codes of one's own", "[serve]") {
    const TemporaryFolder scratch;
    write_text(
        scratch / "codes.csv",
        "label,scheme,value,meaning\nPleural_Thickening,99HOSP,PT1,\"Thickened, pleura\"\nMass,99HOSP,M1,Mass\n");
    LabelCodes codes;
    codes.read(scratch / "codes.csv");
    CHECK(codes.find("pleural thickening") == Code{"PT1", "99HOSP", "Thickened, pleura"});
    CHECK(codes.find("Mass") == Code{"M1", "99HOSP", "Mass"});
    CHECK(codes.find("Nodule").scheme == "SCT");
}

TEST_CASE("a table of codes that would make no element is refused with its line", "[serve]") {
    const TemporaryFolder scratch;
    const std::string file = scratch / "codes.csv", head = "label,value,scheme,meaning\n";
    const std::vector<std::pair<std::string, std::string>> rows{
        {"label,value,scheme\na,1,SCT\n", "there is no meaning"},
        {head + "a,12345678901234567,SCT,a\n", "codes.csv:2"},
        {head + "a,1,SCT,a\nb,,SCT,b\n", "codes.csv:3"},
        {head + "a,1,,a\n", "a value and a scheme of 1 to 16 letters"},
        {head + "a,1,SCT," + std::string(65, 'x') + "\n", "a meaning of 1 to 64"},
        {head + "a,1\\2,SCT,a\n", "without '\\'"},
        {head + ",1,SCT,a\n", "wanted a label"},
    };
    for (const auto& [text, message] : rows) {
        write_text(file, text);
        LabelCodes codes;
        CHECK_THROWS_WITH(codes.read(file), contains(message));
    }
}

TEST_CASE("addresses of application entities", "[serve]") {
    CHECK(parse_own_address("KEEL:11112", "--dicom") == NodeAddress{"KEEL", "127.0.0.1", 11112});
    CHECK(parse_own_address("KEEL@0.0.0.0:104", "--dicom") == NodeAddress{"KEEL", "0.0.0.0", 104});
    CHECK(parse_own_address("A B@[::1]:0", "--dicom") == NodeAddress{"A B", "::1", 0});
    CHECK(parse_peer_address("PACS@archive.example:4242", "--dicom-peer") ==
          NodeAddress{"PACS", "archive.example", 4242});
    CHECK(address_text({"A", "::1", 7}) == "A@[::1]:7");
    for (const char* bad : {"", "KEEL", "KEEL:", ":1", "KEEL:x", "KEEL:70000", "KEEL:-1", "KEEL@:104", "KEEL:104@host",
                            "SEVENTEEN_LETTERS:1", "A\\B:1", "@host:1", "KEEL:1 "})
        CHECK_THROWS_AS(parse_own_address(bad, "--dicom"), UsageError);
    CHECK_THROWS_WITH(parse_peer_address("PACS:104", "--dicom-peer"), contains("--dicom-peer wants AET@HOST:PORT"));
    CHECK_THROWS_AS(parse_peer_address("PACS@host:0", "--dicom-peer"), UsageError);
}

}  // namespace keel::dicom_node::code_tests
