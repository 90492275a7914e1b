#include "serve/model_table.h"

#include <algorithm>
#include <filesystem>

#include "engine/files.h"
#include "kernels/error.h"
#include "tests/serve/served_files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::serve;
using keel::test::contains;
using keel::test::ServedFiles;

namespace {

namespace fs = std::filesystem;

/// Replaces a file as writers of models do: under another name, renamed.
void replace(const std::string& from, const std::string& to) {
    fs::copy_file(from, to + ".new");
    fs::rename(to + ".new", to);
}

/// Another checkpoint of the same model.
std::string other_checkpoint(const ServedFiles& files) {
    const std::string path = files.folder / "other.safetensors";
    test::spoil_checkpoint(files.checkpoint, path, "fc.bias", 3.0F);
    return path;
}

}  // namespace

TEST_CASE("Words of the command line name models", "[model_table]") {
    CHECK(parse_model("/m/best.safetensors").name == "best");
    CHECK(parse_model("chex=/m/best.safetensors").name == "chex");
    CHECK(parse_model("chex=/m/best.safetensors").version == "1");
    CHECK(parse_model("chex:2024-05=best.safetensors").version == "2024-05");
    CHECK(parse_model("chex=a.safetensors,b.safetensors").files ==
          std::vector<std::string>{"a.safetensors", "b.safetensors"});
    CHECK(parse_model("/odd=folder/best.safetensors").files ==
          std::vector<std::string>{"/odd=folder/best.safetensors"});
    CHECK(parse_model("models/chex/").name == "chex");
    for (const char* word : {"", "=", "a=", "a=b,", "a=,b", "a b=c", ":1=c", "a:=c", ".a=b", "a/b:c=d,,e"})
        CHECK_THROWS_AS(parse_model(word), UsageError);
    CHECK_THROWS_AS(parse_model(std::string(101, 'a') + "=b"), UsageError);
}

TEST_CASE("Versions are ordered as people count", "[model_table]") {
    const std::vector<std::string> ordered{"1",          "2", "9",  "10", "010", "11a", "2024-05-30",
                                           "2024-06-01", "a", "a1", "a2", "a10", "b"};
    for (std::size_t i = 0; i < ordered.size(); ++i)
        for (std::size_t k = 0; k < ordered.size(); ++k) {
            if ((ordered[i] == "10" && ordered[k] == "010") || (ordered[i] == "010" && ordered[k] == "10")) continue;
            CHECK(version_before(ordered[i], ordered[k]) == (i < k));
        }
    CHECK(version_before("010", "10") != version_before("10", "010"));
}

TEST_CASE("A table finds models by name and version, without one the newest", "[model_table]") {
    const ServedFiles files(0);
    ModelSource newer = files.source();
    newer.version = "10";
    ModelSource older = files.source();
    older.version = "9";
    const ModelTable table({newer, older, files.source("else")}, 4);
    CHECK(table.find("small")->source().version == "10");
    CHECK(table.find("small", "9")->source().version == "9");
    CHECK(table.find("else")->labels() == std::vector<std::string>{"a", "b", "c"});
    CHECK_FALSE(table.find("small", "1"));
    CHECK_FALSE(table.find("Small"));
    CHECK_FALSE(table.find("../small"));
    CHECK(table.all().size() == 3);
    CHECK_THROWS_WITH(ModelTable({files.source(), files.source()}, 4), contains("small version 1"));
}

TEST_CASE("A folder's files are its versions", "[model_table]") {
    const ServedFiles files(0);
    const std::string folder = files.folder / "versions";
    fs::create_directories(folder);
    CHECK_THROWS_AS(sources_of({parse_model("chex=" + folder)}), InputError);
    fs::copy_file(files.checkpoint, folder + "/2.safetensors");
    fs::copy_file(files.checkpoint, folder + "/10.safetensors");
    test::write_text(folder + "/.hidden.safetensors", "x");
    test::write_text(folder + "/notes.txt", "x");
    ModelTable table({parse_model("chex=" + folder)}, 4);
    CHECK(table.all().size() == 2);
    CHECK(table.find("chex")->source().version == "10");
    CHECK_FALSE(table.changed({parse_model("chex=" + folder)}));
    fs::copy_file(files.checkpoint, folder + "/11.safetensors");
    CHECK(table.changed({parse_model("chex=" + folder)}));
    CHECK(table.reload({parse_model("chex=" + folder)}).done.size() == 1);
    CHECK(table.find("chex")->source().version == "11");
    test::write_text(folder + "/no good.safetensors", "x");
    CHECK_THROWS_AS(table.reload({parse_model("chex=" + folder)}), UsageError);
    CHECK(table.all().size() == 3);
}

TEST_CASE("Reloading reads what has changed and keeps the rest", "[model_table]") {
    const ServedFiles files(1);
    const std::string other = other_checkpoint(files), served = files.folder / "served.safetensors";
    replace(files.checkpoint, served);
    const std::vector<ModelSource> named{{.name = "a", .files = {served}}, files.source("b")};
    ModelTable table(named, 4);
    const auto before = table.find("a"), untouched = table.find("b");
    CHECK_FALSE(table.changed(named));
    CHECK(table.reload(named).done.empty());
    CHECK(table.find("a") == before);

    replace(other, served);
    CHECK(table.changed(named));
    const ModelTable::Reload reload = table.reload(named);
    CHECK(reload.done.size() == 1);
    CHECK(reload.failed.empty());
    CHECK(table.find("b") == untouched);
    CHECK_FALSE(table.changed(named));
    // Who held the old model still has it, as it was.
    const std::string& image = files.images.front();
    const auto scored = [&](const ModelTable::Model& model) {
        return test::scored_alone(*model, model->scorer().load(image));
    };
    CHECK(scored(before) == test::served_scores(files.checkpoint, image));
    CHECK(scored(table.find("a")) == test::served_scores(other, image));
    CHECK(scored(before) != scored(table.find("a")));

    CHECK(table.reload({named[0]}).done.size() == 1);  // b is dropped
    CHECK_FALSE(table.find("b"));
    CHECK(untouched->labels().size() == 3);
}

TEST_CASE("A file that cannot be read leaves the model that was there", "[model_table]") {
    const ServedFiles files(1);
    const std::string served = files.folder / "served.safetensors";
    replace(files.checkpoint, served);
    const std::vector<ModelSource> named{{.name = "a", .files = {served}}};
    ModelTable table(named, 4);
    const auto before = table.find("a");
    test::write_text(served, "no model");
    const ModelTable::Reload reload = table.reload(named);
    CHECK(reload.done.empty());
    REQUIRE(reload.failed.size() == 1);
    CHECK_THAT(reload.failed[0], contains("the one before stays"));
    CHECK(table.find("a") == before);
    const ModelSource missing{.name = "c", .files = {files.folder / "missing.safetensors"}};
    CHECK_THAT(table.reload({named[0], missing}).failed.at(1), contains("left out"));
    CHECK_THROWS_AS(table.reload({missing}), InputError);
    CHECK(table.find("a") == before);
    CHECK_THROWS_AS(ModelTable({missing}, 4), IoError);
    // Heatmaps would be those of another file than the scores.
    CHECK_THROWS_WITH(before->heat(before->scorer().load(files.images[0]).front(), 0),
                      contains("served.safetensors") || contains("replaced"));
}

TEST_CASE("An ensemble of one checkpoint twice says what the checkpoint says", "[model_table]") {
    const ServedFiles files(2);
    const ServedModel twice({.name = "e", .files = {files.checkpoint, files.checkpoint}}, 4);
    CHECK_FALSE(twice.explains());
    const auto inputs = twice.scorer().load(files.images[1]);
    REQUIRE(inputs.size() == 2);
    CHECK(inputs[0].same_memory(inputs[1]));  // both read the same
    CHECK(test::scored_alone(twice, inputs) == test::served_scores(files.checkpoint, files.images[1]));
    CHECK_THROWS_AS(twice.heat(inputs[0], 0), UsageError);
}
