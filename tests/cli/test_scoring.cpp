// What follows scores: views, ensembles, thresholds, calibration and groups, as the program's users see it.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/json.h"
#include "runs/predictions_file.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel::test;
using json = keel::Json;

namespace {

/// A phantom set and two runs on it, made once for all tests here.
struct Runs {
    TemporaryFolder folder;
    std::string data = draw_phantom(folder), one = folder / "one/checkpoints/best.safetensors",
                two = folder / "two/checkpoints/best.safetensors";
    Runs() {
        REQUIRE(run_keel(train_command(data, folder / "one", {"--epochs", "1"})).code == 0);
        REQUIRE(run_keel(train_command(data, folder / "two", {"--epochs", "1", "--seed", "5"})).code == 0);
    }
    ProgramResult eval(const Arguments& more) const {
        Arguments words{"eval", "--data", data, "--split", "train", "--json", "--quiet"};
        words.insert(words.end(), more.begin(), more.end());
        return run_keel(words);
    }
    json scores(const Arguments& more) const {
        const ProgramResult result = eval(more);
        INFO(result.err);
        REQUIRE(result.code == 0);
        return keel::parse_json(result.out);
    }
    std::string image() const { return folder / "phantom/images/00000001_000.png"; }
};

const Runs& runs() {
    static const Runs once;
    return once;
}

json predict(const Arguments& more) {
    Arguments words{"predict", "--json", "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult result = run_keel(words);
    INFO(result.err);
    REQUIRE(result.code == 0);
    return keel::parse_json(result.out);
}

}  // namespace

TEST_CASE("keel eval and predict: several checkpoints are the mean of their probabilities", "[scoring]") {
    const Runs& r = runs();
    std::vector<keel::Predictions> all;
    for (const Arguments& checkpoints : {Arguments{r.one}, Arguments{r.two}, Arguments{r.one, r.two}}) {
        Arguments words{"--predictions", r.folder / "p.csv"};
        for (const std::string& file : checkpoints) words.insert(words.end(), {"--checkpoint", file});
        const json object = r.scores(words);
        CHECK(object.at("split") == "train");
        CHECK(object.at("checkpoints") == checkpoints);
        all.push_back(keel::read_predictions(r.folder / "p.csv").predictions);
    }
    REQUIRE(all[0].probabilities.size() == all[2].probabilities.size());
    double apart = 0;
    for (std::size_t i = 0; i < all[0].probabilities.size(); ++i) {
        const double a = all[0].probabilities[i], b = all[1].probabilities[i];
        CHECK(std::abs(all[2].probabilities[i] - (a + b) / 2) < 1e-6);
        apart = std::max(apart, std::abs(a - b));
    }
    CHECK(apart > 1e-3);
    const json scores = predict({"--checkpoint", r.one, "--checkpoint", r.two, r.image()})["images"][0]["scores"];
    for (std::size_t i = 0; i < all[2].names.size(); ++i)
        if (all[2].names[i] == "00000001_000.png")
            CHECK(std::abs(scores.at("Atelectasis").get<double>() - all[2].probabilities[14 * i]) < 1e-6);
}

TEST_CASE("keel eval and predict: ten crops, and what does not fit", "[scoring]") {
    const Runs& r = runs();
    const json plain = r.scores({"--checkpoint", r.one}),
               crops = r.scores({"--checkpoint", r.one, "--tta", "ten-crop", "--resize", "40"});
    CHECK_FALSE(plain.contains("views"));
    CHECK(crops.at("views") == "resized to 40, ten crops of 32");
    CHECK(crops.at("loss") != plain.at("loss"));
    CHECK(r.scores({"--checkpoint", r.one, "--resize", "48", "--crop", "40"}).at("views") ==
          "resized to 48, central crop of 40");
    const json a = predict({"--checkpoint", r.one, "--tta", "flip", r.image()}),
               b = predict({"--checkpoint", r.one, r.image()});
    CHECK(a["images"][0]["scores"] != b["images"][0]["scores"]);

    const ProgramResult larger = r.eval({"--checkpoint", r.one, "--resize", "20"});
    CHECK(larger.code == 2);
    CHECK_THAT(larger.err, contains("a crop of 32 pixels is larger than the image of 20"));
    CHECK(r.eval({"--checkpoint", r.one, "--tta", "five"}).code == 2);
    CHECK(run_keel({"predict", "--checkpoint", r.one, "--checkpoint", r.two, "--heatmaps", r.folder / "h", r.image()})
              .code == 2);
    CHECK(r.eval({"--checkpoint", r.one, "--checkpoint", r.image()}).code == 3);
}

TEST_CASE("keel threshold: yes and no, kept in the checkpoint", "[scoring]") {
    const Runs& r = runs();
    const std::string judged = r.folder / "judged.safetensors";
    CHECK_FALSE(predict({"--checkpoint", r.one, r.image()})["images"][0].contains("calls"));
    CHECK_THAT(run_keel({"predict", "--checkpoint", r.one, "--operating-point", "f1", r.image()}).err,
               contains("has no operating points; keel threshold measures them"));
    CHECK_THAT(r.eval({"--checkpoint", r.one, "--calibrated"}).err, contains("has no calibration"));

    const ProgramResult made =
        run_keel({"threshold", "--checkpoint", r.one, "--data", r.data, "--split", "train", "--rule", "sensitivity",
                  "--sensitivity", "0.8", "--calibrate", "platt", "--out", judged, "--json", "--quiet"});
    INFO(made.err);
    REQUIRE(made.code == 0);
    CHECK_THAT(made.err, contains("measured on the train split"));
    const json points = keel::parse_json(made.out);
    CHECK(points.at("chosen") == "sensitivity");
    CHECK(points.at("checkpoint") == judged);
    CHECK(fingerprint(judged) == fingerprint(r.one));  // no weight has changed

    const json answer = predict({"--checkpoint", judged, r.folder / "phantom/images"});
    std::size_t yes = 0;
    for (const json& image : answer.at("images"))
        for (const auto& [label, score] : image.at("scores").items()) {
            const json& point = points.at("rules").at("sensitivity").at(label);
            const json& call = image.at("calls").at(label);
            REQUIRE(call.is_null() == point.is_null());
            if (point.is_null()) continue;
            CHECK(call == (score.get<double>() >= point.at("threshold").get<double>()));
            CHECK(point.at("sensitivity") >= 0.8);
            yes += call.get<bool>() ? 1 : 0;
        }
    CHECK(yes > 0);
    CHECK(answer.at("operating_point").at("rule") == "sensitivity");
    const json by_f1 = predict({"--checkpoint", judged, "--operating-point", "f1", r.image()});
    CHECK(by_f1.at("operating_point").at("thresholds").at("Mass") ==
          points.at("rules").at("f1").at("Mass").value("threshold", json()));

    const json calibrated = predict({"--checkpoint", judged, "--calibrated", r.image()}),
               raw = predict({"--checkpoint", judged, r.image()});
    CHECK(calibrated["images"][0]["calls"] == raw["images"][0]["calls"]);
    CHECK(calibrated["images"][0]["scores"] != raw["images"][0]["scores"]);
    CHECK(r.scores({"--checkpoint", judged, "--calibrated"}).at("loss") <
          r.scores({"--checkpoint", judged}).at("loss"));
    const ProgramResult text = run_keel({"predict", "--checkpoint", judged, r.image()});
    CHECK((text.out.find(" yes") != std::string::npos || text.out.find(" no") != std::string::npos));
    CHECK_THAT(run_keel({"predict", "--checkpoint", judged, "--tta", "flip", r.image()}).err,
               contains("thresholds were measured on images as in training"));
    CHECK_THAT(run_keel({"predict", "--checkpoint", judged, "--checkpoint", r.two, r.image()}).err,
               contains("the ensemble says no yes or no"));
    CHECK(run_keel({"threshold", "--checkpoint", r.one, "--data", r.data, "--sensitivity", "0"}).code == 2);
    CHECK(run_keel({"threshold", "--checkpoint", r.image(), "--data", r.data}).code == 3);
}

TEST_CASE("keel eval and score: groups of patients, from the data and from a file", "[scoring]") {
    const Runs& r = runs();
    const std::string csv = r.folder / "groups.csv";
    const json groups = r.scores({"--checkpoint", r.one, "--by", "sex,age:40", "--predictions", csv, "--fewest", "1",
                                  "--replicates", "50"})
                            .at("subgroups");
    REQUIRE(groups.at("by").size() == 2);
    CHECK(groups.at("by")[0].at("by") == "sex");
    CHECK(groups.at("by")[1].at("by") == "age:40");
    std::int64_t samples = 0;
    for (const json& group : groups.at("by")[0].at("groups")) samples += group.at("samples").get<std::int64_t>();
    CHECK(samples == r.scores({"--checkpoint", r.one}).at("samples"));

    // The same of the file alone, and of the file against the table of labels.
    for (const Arguments& labels : {Arguments{}, Arguments{"--labels", r.folder / "phantom/Data_Entry_2017.csv"}}) {
        Arguments words{"score",  "--predictions", csv, "--by", "sex,age:40", "--fewest", "1",
                        "--json", "--replicates",  "50"};
        words.insert(words.end(), labels.begin(), labels.end());
        const ProgramResult result = run_keel(words);
        INFO(result.err);
        REQUIRE(result.code == 0);
        const json again = keel::parse_json(result.out).at("subgroups");
        for (std::size_t k = 0; k < 2; ++k)
            for (std::size_t g = 0; g < groups.at("by")[k].at("groups").size(); ++g)
                for (const auto& [label, score] : groups.at("by")[k].at("groups")[g].at("labels").items()) {
                    const json& other = again.at("by")[k].at("groups")[g].at("labels").at(label);
                    CHECK(other.at("auroc") == score.at("auroc"));
                    CHECK(other.at("false_negative_rate") == score.at("false_negative_rate"));
                    CHECK(other.at("positives") == score.at("positives"));
                }
    }
    const ProgramResult text =
        run_keel({"eval", "--checkpoint", r.one, "--data", r.data, "--split", "val", "--by", "view", "--quiet"});
    CHECK_THAT(text.out, contains("By view"));
    CHECK_THAT(text.out, contains("too few"));
    CHECK_THAT(text.out, contains("val split of " + r.data));
    const ProgramResult wrong = r.eval({"--checkpoint", r.one, "--by", "sexe"});
    CHECK(wrong.code == 2);
    CHECK_THAT(wrong.err, contains("did you mean 'sex'?"));
    CHECK(r.eval({"--checkpoint", r.one, "--by", "age:x"}).code == 2);
}

TEST_CASE("keel score: names without folder or ending, and tables as others write them", "[score]") {
    const TemporaryFolder folder;
    write_text(folder / "l.csv", "Image Index,Finding Labels,Patient ID\na.png,Mass,1\nb.png,No Finding,2\n");
    const auto score = [&](const std::string& predictions) {
        write_text(folder / "p.csv", predictions);
        const ProgramResult result = run_keel(
            {"score", "--predictions", folder / "p.csv", "--labels", folder / "l.csv", "--only", "Mass", "--json"});
        INFO(result.err);
        REQUIRE(result.code == 0);
        CHECK(keel::parse_json(result.out).at("auroc").at("Mass") == 1);
        return result.err;
    };
    CHECK(score("Image Index,Mass\na.png,1\nb.png,0\n") ==
          "keel score: " + (folder / "p.csv") + ": 2 samples are scored\n");
    for (const char* names : {"a,1\nb,0", "/data/images/a.png,1\n/data/images/b.png,0", "A.PNG,1\nB.jpg,0"})
        CHECK_THAT(score("Image Index,Mass\n" + std::string(names) + "\n"),
                   contains("2 images are found by their names"));
    CHECK_THAT(score("Image Index;Mass;Lung Lesion\na.png;0,9;x\nb.png;0,1;y\n"),
               contains("1 columns are no labels and are left out: Lung Lesion"));
}
