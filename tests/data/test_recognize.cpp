#include "data/sources/recognize.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("A folder is recognized by the file that marks it", "[recognize]") {
    const TemporaryFolder scratch;
    const std::string folder = scratch / "set";
    write_text(folder + "/notes.txt", "nothing that is known");
    CHECK(recognize_folder(folder) == folder);
    write_text(folder + "/Data_Entry_2017.txt", "");
    write_text(folder + "/My_Data_Entry_2017.csv", "");
    CHECK(recognize_folder(folder) == folder);
    write_text(folder + "/Data_Entry_2017_v2020.csv", "");
    CHECK(recognize_folder(folder) == "nih:" + folder);
    write_text(folder + "/SYNTHETIC.txt", "");  // a phantom set has NIH's table as well
    CHECK(recognize_folder(folder) == "phantom:" + folder);
    write_text(folder + "/index.keelpack", "");
    CHECK(recognize_folder(folder) == "pack:" + folder);
}

TEST_CASE("What is no folder comes back as it is", "[recognize]") {
    const TemporaryFolder scratch;
    write_text(scratch / "Data_Entry_2017.csv", "");
    for (const std::string& text :
         {std::string(), scratch / "none", "nih:" + scratch.path(), scratch / "Data_Entry_2017.csv"})
        CHECK(recognize_folder(text) == text);
    CHECK(recognize_folder(scratch.path()) == "nih:" + scratch.path());
}
