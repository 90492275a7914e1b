// From a trained run to what it saw, as the program's users see it: heatmaps, report, comparison, event files.
#include <filesystem>
#include <set>

#include "data/formats/decode.h"
#include "data/sources/boxes.h"
#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel::test;
using json = keel::Json;
namespace fs = std::filesystem;

namespace {

/// A phantom set and a run on it, made once for all tests here.
struct Trained {
    TemporaryFolder folder;
    std::string data = folder / "phantom", run = folder / "run", checkpoint = run + "/checkpoints/best.safetensors";
    Trained() {
        REQUIRE(run_keel({"data", "synth", data, "--count", "40", "--size", "64", "--balanced", "--quiet"}).code == 0);
        const auto trained =
            run_keel({"train", "--model", "resnet20", "--data", "phantom:" + data, "--out", run, "--image-size", "64",
                      "--batch-size", "8", "--epochs", "1", "--optimizer", "sgd", "--tensorboard", "--quiet"});
        INFO(trained.err);
        REQUIRE(trained.code == 0);
        CHECK(trained.err.find("no report") == std::string::npos);
    }
    std::vector<std::string> predict(const std::vector<std::string>& more) const {
        std::vector<std::string> words{"predict", "--checkpoint", checkpoint, "--json", "--heatmaps", folder / "maps"};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
};

const Trained& trained() {
    static const Trained once;
    return once;
}

}  // namespace

TEST_CASE("A run leaves a report with images, predictions, the machine and event files", "[report][train]") {
    const Trained& t = trained();
    const std::string html = read_text(t.run + "/report.html");
    CHECK_THAT(html, contains("<h2>Most confident errors</h2>"));
    CHECK_THAT(html, contains("phantom:"));
    CHECK(html.find("Images are missing") == std::string::npos);
    if (html.find("class=\"error\"") != std::string::npos) CHECK_THAT(html, contains("data:image/jpeg;base64,"));
    CHECK(keel::parse_json(read_text(t.run + "/machine.json")).contains("cpu"));
    CHECK(read_text(t.run + "/val_predictions.csv").starts_with("Image Index,prob_Atelectasis,"));
    CHECK(std::distance(fs::directory_iterator(t.run + "/tensorboard"), {}) == 1);

    fs::remove(t.run + "/report.html");
    const auto again = run_keel({"report", t.run, "--json"});
    REQUIRE(again.code == 0);
    CHECK(keel::parse_json(again.out).at("report") == t.run + "/report.html");
    CHECK(fs::file_size(t.run + "/report.html") > 10'000);

    fs::copy(t.run, t.folder / "twin", fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    const auto compared = run_keel({"compare", t.run, t.folder / "twin", "--out", t.folder / "both.html", "--quiet"});
    REQUIRE(compared.code == 0);
    CHECK_THAT(read_text(t.folder / "both.html"), contains("2 runs side by side"));
    CHECK(run_keel({"compare", t.run}).code == 2);
    CHECK(run_keel({"report", t.data}).code == 2);
}

TEST_CASE("Heatmaps are images of the image's size, named after image and label", "[heatmap]") {
    const Trained& t = trained();
    const std::string image = t.data + "/images/00000001_000.png";
    const auto asked = run_keel(t.predict({image}));
    INFO(asked.err);
    REQUIRE(asked.code == 0);
    const json answer = keel::parse_json(asked.out).at("images")[0];
    REQUIRE(answer.at("heatmaps").size() == 1);
    const json& map = answer.at("heatmaps")[0];
    std::string best;
    for (const auto& [label, score] : answer.at("scores").items())
        if (best.empty() || score > answer.at("scores").at(best)) best = label;
    CHECK(map.at("label") == best);
    CHECK(map.at("file") == t.folder / "maps/00000001_000." + best + ".png");
    CHECK_FALSE(map.contains("inside"));
    const keel::Image over = keel::load_image(map.at("file"), 0);
    CHECK((over.width == 64 && over.height == 64 && over.channels == 3));
    for (const auto& part : map.at("peak")) CHECK((part > 0 && part < 64));

    SECTION("labels as asked, by gradient and in another color, names that collide kept apart") {
        fs::create_directories(t.folder / "other");
        fs::copy_file(image, t.folder / "other/00000001_000.png", fs::copy_options::overwrite_existing);
        const auto two =
            run_keel(t.predict({"--heatmap-label", "Mass", "--heatmap-label", "Hernia", "--heatmap-layer", "layer3",
                                "--heatmap-colours", "viridis", image, t.folder / "other/00000001_000.png"}));
        INFO(two.err);
        REQUIRE(two.code == 0);
        std::set<std::string> files;
        const json both = keel::parse_json(two.out);
        for (const json& entry : both.at("images"))
            for (const json& m : entry.at("heatmaps")) files.insert(m.at("file"));
        CHECK(files.size() == 4);
        for (const std::string& file : files) CHECK(fs::exists(file));
        CHECK(files.contains(t.folder / "maps/00000001_000-2.Hernia.png"));
    }
    SECTION("all labels") {
        const auto all = run_keel(t.predict({"--heatmap-label", "all", image}));
        REQUIRE(all.code == 0);
        CHECK(keel::parse_json(all.out).at("images")[0].at("heatmaps").size() == 14);
    }
    SECTION("what does not fit is refused") {
        const auto refused = [&](const std::vector<std::string>& words, const char* message) {
            const auto result = run_keel(t.predict(words));
            CHECK_THAT(result.err, contains(message));
            return result.code;
        };
        CHECK(refused({"--heatmap-label", "Masss", image}, "did you mean 'Mass'?") == 2);
        CHECK(refused({"--heatmap-layer", "layer7", image}, "has no layer 'layer7'") == 2);
        CHECK(refused({"--heatmap-layer", "layer1.0.bn1", image}, "makes no map of its own") == 2);
        CHECK(refused({"--boxes", "/nowhere.csv", image}, "/nowhere.csv") == 5);
        write_text(t.folder / "boxes.csv",
                   "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000001_000.png,Mass,600,2,3,4\n");
        CHECK(refused({"--boxes", t.folder / "boxes.csv", image}, "beyond the image, which is 64x64") == 3);
        write_text(t.folder / "boxes.csv",
                   "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000001_000.png,Mass,30,40,300,400\n");
        CHECK(refused({"--boxes", t.folder / "boxes.csv", image}, "wanted boxes in its own pixels") == 3);
        CHECK(refused({"--boxes", t.folder / "boxes.csv", "--boxes-side", "200", image}, "no boxes of images") == 3);
        CHECK(run_keel({"predict", "--checkpoint", t.checkpoint, "--boxes", "x.csv", image}).code == 2);
    }
}

TEST_CASE("Peaks are counted against boxes", "[heatmap]") {
    const Trained& t = trained();
    const std::string boxes = t.data + "/BBox_List_2017.csv";
    std::set<std::pair<std::string, std::string>> pairs;
    for (const keel::LabelledBox& box : keel::read_boxes(boxes)) pairs.emplace(box.image, box.label);
    REQUIRE(pairs.size() > 3);
    const auto asked = run_keel(t.predict({"--boxes", boxes, t.data + "/images"}));
    INFO(asked.err);
    REQUIRE(asked.code == 0);
    const json result = keel::parse_json(asked.out), all = result.at("localisation").at("all");
    CHECK(all.at("pairs") == pairs.size());
    std::size_t inside = 0, seen = 0;
    for (const json& entry : result.at("images"))
        for (const json& map : entry.at("heatmaps")) {
            if (!map.contains("inside")) continue;
            ++seen;
            inside += map.at("inside").get<bool>() ? 1 : 0;
            // The box of this very peak, by hand.
            bool holds = false;
            for (const keel::LabelledBox& b : keel::read_boxes(boxes))
                if (b.label == map.at("label") && fs::path(entry.at("path").get<std::string>()).filename() == b.image)
                    holds = holds || (map.at("peak")[0] >= b.box.x && map.at("peak")[0] < b.box.x + b.box.width &&
                                      map.at("peak")[1] >= b.box.y && map.at("peak")[1] < b.box.y + b.box.height);
            CHECK(holds == map.at("inside").get<bool>());
        }
    CHECK(seen == pairs.size());
    CHECK(all.at("inside") == inside);
    CHECK(all.at("share").get<double>() == Approx(static_cast<double>(inside) / static_cast<double>(seen)));
    CHECK((all.at("chance") > 0 && all.at("chance") < 1));
}

TEST_CASE("Boxes in pixels of larger images are scaled to these", "[heatmap]") {
    const Trained& t = trained();
    const std::string own = t.data + "/BBox_List_2017.csv", large = t.folder / "large.csv";
    std::vector<keel::LabelledBox> boxes = keel::read_boxes(own);
    for (keel::LabelledBox& b : boxes)  // as if the images had been of 1024 x 1024
        b.box = {16 * b.box.x, 16 * b.box.y, 16 * b.box.width, 16 * b.box.height};
    write_text(large, keel::boxes_csv(boxes));
    const auto asked = [&](const std::vector<std::string>& more) {
        std::vector<std::string> words = more;
        words.insert(words.end(), {"--quiet", t.data + "/images"});
        const auto result = run_keel(t.predict(words));
        INFO(result.err);
        REQUIRE(result.code == 0);
        CHECK(result.err.empty());
        return keel::parse_json(result.out).at("localisation");
    };
    CHECK(asked({"--boxes", large, "--boxes-side", "1024"}) == asked({"--boxes", own}));

    // A box that fits by chance, beside others that tell the scale.
    const std::string first = boxes.front().image;
    write_text(t.folder / "chance.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,\n" + first +
                                            ",Mass,3,4,20,20,,,\nelsewhere.png,Mass,600,2,300,4,,,\n");
    const auto result = run_keel(t.predict({"--boxes", t.folder / "chance.csv", t.data + "/images/" + first}));
    CHECK(result.code == 0);
    CHECK_THAT(result.err, contains("reach to 900 pixels, " + first + " is 64x64"));
}
