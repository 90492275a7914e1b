// Models in several files, and indexes that say where what lies.
#include "embed/weights/weight_files.h"

#include <array>
#include <filesystem>

#include "embed/weights/shards.h"
#include "engine/checkpoint.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

/// Two shards and their index, as HuggingFace's libraries call them.
class Shards {
public:
    Shards() {
        write_safetensors(folder_ / "model-1.safetensors", {{{"format", "pt"}}, {{"a", Tensor::full({2}, 1)}}});
        write_safetensors(folder_ / "model-2.safetensors",
                          {{}, {{"b", Tensor::full({3}, 2)}, {"c", Tensor::full({1}, 3)}}});
        index(R"({"metadata": {"total_size": 24},
                  "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors",
                                 "c": "model-2.safetensors"}})");
    }
    void index(const std::string& text) const { write_text(path(), text); }
    std::filesystem::path path() const { return folder_ / "model.safetensors.index.json"; }
    std::filesystem::path beside(const std::string& name) const { return folder_ / name; }
    WeightFile read() const { return read_weights(std::array{path()}); }

private:
    TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("An index gives the tensors of all its files", "[shards]") {
    const Shards shards;
    CHECK(is_shard_index(shards.path()));
    CHECK_FALSE(is_shard_index(shards.beside("model-1.safetensors")));
    const WeightFile read = shards.read();
    REQUIRE(read.file.tensors.size() == 3);
    CHECK(read.file.tensors[0].name == "a");
    CHECK(read.how == "2 files");
    CHECK(read_weights_metadata(shards.path()).empty());
    const WeightFile given =
        read_weights(std::array{shards.beside("model-2.safetensors"), shards.beside("model-1.safetensors")});
    REQUIRE(given.file.tensors.size() == 3);
    CHECK(given.file.tensors[2].name == "a");
}

TEST_CASE("An index is held to its own folder", "[shards]") {
    const Shards shards;
    const auto refused = [&](const std::string& text, const std::string& why) {
        INFO(text);
        shards.index(text);
        CHECK_THROWS_AS(shards.read(), InputError);
        CHECK_THROWS_WITH(shards.read(), contains("model.safetensors.index.json") && contains(why));
    };
    for (const char* name : {"../model-1.safetensors", "/etc/passwd", "..", ".", "", "sub/model-1.safetensors",
                             "sub\\\\model-1.safetensors", "model-1.safetensors\\u0000"})
        refused(std::string(R"({"weight_map": {"a": ")") + name + "\"}}", "is not one of the index's own folder");
    std::filesystem::create_symlink(shards.beside("model-1.safetensors"), shards.beside("link"));
    refused(R"({"weight_map": {"a": "link"}})", "is a link");
    std::filesystem::create_directory(shards.beside("folder"));
    refused(R"({"weight_map": {"a": "folder"}})", "is not there");
    refused(R"({"weight_map": {"a": "model-9.safetensors"}})", "'model-9.safetensors' is not there");
    refused(R"({"weight_map": {"a": 1}})", "is no text");
    refused(R"({"weight_map": {"a": "x", "a": "y"}})", "the name a comes twice");
    refused(R"({"weight_map": {"a": "x"}, "weight_map": {"b": "y"}})", "the name weight_map comes twice");
    for (const char* text : {"", "{", "[]", "{}", R"({"weight_map": []})", R"({"weight_map": {}})", "1", "null"})
        refused(text, "a JSON object with a 'weight_map'");
    refused("{\"weight_map\": {\"a\": \"b\"}, \"x\": " + std::string(1 << 24, ' ') + "1}", "more than");
}

TEST_CASE("Files hold what their index lists, no more and no less", "[shards]") {
    const Shards shards;
    const auto refused = [&](const std::string& map, const std::string& why) {
        INFO(map);
        shards.index("{\"weight_map\": {" + map + "}}");
        CHECK_THROWS_AS(shards.read(), InputError);
        CHECK_THROWS_WITH(shards.read(), contains(why));
    };
    const std::string a = R"("a": "model-1.safetensors")", b = R"(, "b": "model-2.safetensors")",
                      c = R"(, "c": "model-2.safetensors")";
    refused(a + b, "model-2.safetensors holds tensor c, which the index does not list");
    refused(a + b + R"(, "c": "model-1.safetensors")", "holds tensor c, which the index lists in model-1.safetensors");
    refused(a + b + c + R"(, "d": "model-1.safetensors")", "tensor d is not in model-1.safetensors");
    const auto both = std::array{shards.beside("model-1.safetensors"), shards.beside("model-1.safetensors")};
    CHECK_THROWS_WITH(read_weights(both), contains("tensor a is in a file before it as well"));
    save_checkpoint(shards.beside("keel.safetensors"), {{}, {{"z", Tensor::full({1}, 1)}}});
    CHECK_THROWS_WITH(read_weights(std::array{shards.beside("model-1.safetensors"), shards.beside("keel.safetensors")}),
                      contains("is a checkpoint of Keel, not a part of a model"));
}
