#include "runs/models_text.h"

#include "embed/import_weights.h"
#include "graph/build/graph_file.h"
#include "graph/build/trace.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("A model is shown by its name, and by files of every kind", "[models_text]") {
    const ModelText named = layers_text("resnet20", {.classes = 3, .channels = 1}, 32);
    CHECK_THAT(named.table, contains("layer1.0.conv1") && contains("Conv2d 3x3"));
    CHECK(named.json.at("layers").front().at("name") == "conv1");

    const TemporaryFolder folder;
    const std::string weights = folder / "w.safetensors", checkpoint = folder / "k.safetensors",
                      graph = folder / "g.safetensors";
    std::vector<NamedTensor> tensors = make_model("resnet20", {.classes = 3, .channels = 1}, 1)->state();
    for (NamedTensor& entry : tensors) entry.name = "net." + entry.name;
    write_safetensors(weights, {{}, tensors});
    const ModelText foreign = layers_text(weights, {}, 224);
    CHECK_THAT(foreign.table, contains("resnet20 (without the prefix net.), images of 224 pixels in 1 channel"));
    CHECK((foreign.json.at("channels") == 1 && foreign.json.at("name") == "resnet20"));

    const Imported imported = import_weights(weights, {.image_size = 32, .labels = {"a", "b", "c"}});
    save_model(checkpoint, imported.model);
    const ModelText own = layers_text(checkpoint, {}, 224);
    CHECK_THAT(own.table, contains("images of 32 pixels") && contains("a, b, c"));
    CHECK(own.json.at("layers") == named.json.at("layers"));

    std::map<std::string, std::string> metadata;
    write_spec(imported.model.spec, metadata);
    save_graph(graph, graph::trace(*imported.model.module, 32, 32, 1), metadata);
    const ModelText compiled = layers_text(graph, {}, 224);
    CHECK_THAT(compiled.table, contains("resnet20, a graph, images of 32 pixels"));
    CHECK(compiled.json.at("macs") == named.json.at("macs"));
    CHECK(compiled.json.at("layers").front().at("kind") == "conv");
    CHECK_THROWS_AS(layers_text(folder / "missing", {}, 224), UsageError);
    write_text(folder / "text", "no weights at all");
    CHECK_THROWS_AS(layers_text(folder / "text", {}, 224), InputError);
}

TEST_CASE("All models are a line each", "[models_text]") {
    const ModelText all = models_text({.classes = 2}, 32);
    CHECK(all.json.at("models").size() == model_registry().size());
    CHECK_THAT(all.table, contains("densenet121") && contains("MACs an image"));
}
