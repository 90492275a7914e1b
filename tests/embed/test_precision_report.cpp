#include "embed/precision_report.h"

#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("A report of precisions has a word for all models, or one for each, and warns once where bf16 is imitated",
          "[precision_report]") {
    const TemporaryFolder folder;
    const std::string checkpoint = folder / "model";
    write_small_checkpoint(checkpoint);
    for_each_isa([&] {
        const Predictor floats(checkpoint), halves(checkpoint, 1, Precision::bf16);
        PrecisionReport report;
        CHECK(report.add("a", floats).empty());
        CHECK(report.text() == "f32");
        const std::vector<std::string> notes = report.add("b", halves);
        CHECK(notes.size() == (multiplies_bf16() ? 0 : 1));
        for (const std::string& note : notes)
            CHECK_THAT(note, contains("--precision bf16: no instructions for bf16") && contains("times as long"));
        CHECK(report.add("c", halves).empty());
        CHECK(report.text() == "f32, bf16, bf16");
    });
    PrecisionReport alike;
    alike.add("a", Predictor(checkpoint, 1, Precision::bf16));
    alike.add("b", Predictor(checkpoint, 1, Precision::bf16));
    CHECK(alike.text() == "bf16");
}
