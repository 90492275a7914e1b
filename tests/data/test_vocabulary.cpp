#include "data/sources/vocabulary.h"

#include "data/sources/nih_table.h"
#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("Findings of all sets have one name each", "[vocabulary]") {
    for (const char* text : {"Effusion", "pleural effusion", "Pleural Effusion", "pleural_effusion", " EFFUSION "})
        CHECK(common_label_name(text) == "Effusion");
    CHECK(common_label_name("Pleural Thickening") == "Pleural_Thickening");
    CHECK(common_label_name("hiatal hernia") == "Hernia");
    CHECK(common_label_name("normal") == kNoFinding);
    CHECK(common_label_name("Airspace Opacity") == "Lung Opacity");
    CHECK(common_label_name("Nodule/Mass") == "Nodule/Mass");
    CHECK(common_label_name("") == "");
    for (const char* label : nih_labels()) CHECK(common_label_name(label) == label);
    CHECK(same_finding("Pleural effusion", "Effusion"));
    CHECK(same_finding("Aortic enlargement", "aortic_enlargement"));
    CHECK_FALSE(same_finding("Mass", "Nodule"));
}

TEST_CASE("Views, sexes and patients are called alike", "[vocabulary]") {
    CHECK((view_name("pa") == "PA" && view_name("AP_horizontal") == "AP" && view_name("LL") == "lateral"));
    CHECK((view_name("L") == "lateral" && view_name("COSTAL") == "COSTAL" && view_name(" ").empty()));
    CHECK((view_wanted("PA", "frontal") && view_wanted("AP", "frontal") && view_wanted("Frontal", "frontal")));
    CHECK((view_wanted("PA", "pa") && view_wanted("LATERAL", "PA,lateral") && view_wanted("costal", "COSTAL")));
    CHECK_FALSE((view_wanted("lateral", "frontal") || view_wanted("", "frontal") || view_wanted("AP", "PA")));
    CHECK((sex_name("Female") == "F" && sex_name("m") == "M" && sex_name("O") == "O" && sex_name("").empty()));
    for (const char* text : {"3", "00000003", "3.0", " 3 ", "3.000"}) CHECK(patient_name(text) == "3");
    CHECK((patient_name("0") == "0" && patient_name("000") == "0" && patient_name("3.5") == "3.5"));
    CHECK((patient_name("p10") == "p10" && patient_name("3.") == "3." && patient_name(".0") == ".0"));
    CHECK((patient_name("").empty() && patient_name("10") == "10"));
}
