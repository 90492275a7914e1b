#include "tune/fit/records.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "tests/tune/made_up_fit.h"

using namespace keel;
using namespace keel::test;

namespace keel::fit {  // not used: names of other searches are compiled beside these

using keel::test::contains;

TEST_CASE("Records are found again by kind and key, the newest of them", "[fit]") {
    TemporaryFolder folder;
    const Speed speed = made_up_figures(0.001, 123).speed;
    {
        Records records(folder / "fit.jsonl");
        CHECK(records.size() == 0);
        CHECK(records.find("speed", "k").is_null());
        records.add("speed", "k", "m", to_json(Speed{}));
        records.add("speed", "k", "m", to_json(speed));
        records.add("accuracy", "k", "m", to_json(Accuracy{0.9, Interval{0.8, 0.95}, 0.001, std::nullopt}));
    }
    const Records again(folder / "fit.jsonl");
    CHECK(again.size() == 2);
    const Speed read = speed_from(again.find("speed", "k"));
    CHECK(read.images_per_second == speed.images_per_second);
    CHECK(read.latency_high == speed.latency_high);
    CHECK(read.memory_mb == speed.memory_mb);
    const Accuracy accuracy = accuracy_from(again.find("accuracy", "k"));
    CHECK(accuracy.interval->high == 0.95);
    CHECK_FALSE(accuracy.drop_interval);
}

TEST_CASE("Half a line is what a killed process leaves: it is cut off, and said", "[fit]") {
    TemporaryFolder folder;
    const std::string file = folder / "fit.jsonl", whole = R"({"kind":"speed","key":"a","name":"m"})";
    for (std::size_t cut = 1; cut <= whole.size(); ++cut) {
        write_text(file, whole + "\n" + whole.substr(0, cut));
        Records records(file);
        CHECK(records.size() == 1);
        CHECK_THAT(records.dropped(), contains("half a line"));
        records.add("speed", "b", "m", Json::object());
        CHECK(Records(file).size() == 2);
        CHECK(Records(file).dropped().empty());
    }
}

TEST_CASE("Lines that are no records are refused with file and line", "[fit]") {
    TemporaryFolder folder;
    const std::string file = folder / "fit.jsonl", good = "{\"kind\":\"a\",\"key\":\"b\",\"name\":\"c\"}\n";
    for (const char* bad : {"{", "[]", "7", "{\"kind\":\"speed\"}", "{\"kind\":1,\"key\":\"a\",\"name\":\"m\"}",
                            "\x01\x02", "{\"kind\":\"a\",\"key\":\"b\",\"name\":\"c\"}}"}) {
        INFO(bad);
        write_text(file, good + "\n" + bad + "\n");
        try {
            Records records(file);
            FAIL("taken");
        } catch (const InputError& error) {
            CHECK_THAT(error.what(), contains("fit.jsonl:3 is no record of a measurement"));
        }
    }
    CHECK_THROWS_AS(speed_from(Json{{"images_per_second", "fast"}}), InputError);
    CHECK_THROWS_AS(accuracy_from(Json{{"metric", 0.5}, {"drop", 0}, {"interval", {1, 2, 3}}}), InputError);
}

}  // namespace keel::fit
