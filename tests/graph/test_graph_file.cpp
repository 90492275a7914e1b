// Files of graphs as they have been written so far: what they predict, and that they are written again byte for byte.
//
// tests/graph/files/: a small network with every operator (a block of slices, prologues, padded and adaptive pools, a
// residual, an affine of its own), as floats, as int8, and as int8 with two layers and that affine in fp32; what each
// gave for two images.
#include "graph/build/graph_file.h"

#include <cmath>
#include <cstring>
#include <filesystem>

#include "embed/predictor.h"
#include "engine/safetensors.h"
#include "graph/ops/add.h"
#include "graph/ops/conv.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

std::string path_of(const std::string& name) {
    return std::filesystem::path(KEEL_SOURCE_DIR) / "tests/graph/files" / (name + ".safetensors");
}

Tensor expected(const std::string& name) {
    for (const NamedTensor& tensor : read_safetensors(path_of("expected")).tensors)
        if (tensor.name == name) return tensor.tensor;
    throw UsageError("no " + name);
}

/// The largest difference of the logits from the expected ones.
double difference(const std::string& name) {
    const Tensor wanted = expected(name), got = Predictor(path_of(name), 2).logits(expected("src"));
    double most = 0;
    for (std::size_t i = 0; i < wanted.values<float>().size(); ++i)
        most = std::max(most, std::abs(double{got.values<float>()[i]} - wanted.values<float>()[i]));
    return most;
}

/// An archive that knows no files: fields are counted.
class Counter final : public graph::Archive {
public:
    int count = 0;
    void numbers(const std::string&, std::vector<float>&) override { ++count; }
    void numbers(const std::string&, std::vector<std::uint8_t>&) override { ++count; }
    void integers(const std::string&, std::vector<std::int64_t>&) override { ++count; }
    void tensor(const std::string&, Tensor&, DType) override { ++count; }
    void integer(const std::string&, int&) override { ++count; }
    void integer(const std::string&, std::uint8_t&) override { ++count; }
    void number(const std::string&, float&) override { ++count; }
    void flag(const std::string&, bool&) override { ++count; }
    void word(const std::string&, int&, std::span<const char* const>) override { ++count; }
    void slice(const std::string&, graph::Value&) override { ++count; }

private:
    bool present(const std::string&, bool here) override { return here; }
};

}  // namespace

TEST_CASE("An int8 file predicts what it did, to the bit, on every ISA", "[graph_file]") {
    // The affine that is left in floats is one fused multiply-add a number, exact everywhere.
    for_each_isa([] { CHECK(difference("int8") == 0); });
}

TEST_CASE("Files with layers of floats predict what they did", "[graph_file]") {
    // Ten layers of sums of 72 products at most, of magnitudes near 1, in another order: 10 * 72 * 2^-24 = 4e-5. An
    // fp32 layer that differs in the last bit may round to the next of 256 quantized values, a step of which is 0.02 of
    // the logits here.
    for_each_isa([] {
        CHECK(difference("floats") < 1e-4);
        CHECK(difference("mixed") < 0.05);
    });
}

TEST_CASE("A file of a graph is written again byte for byte", "[graph_file]") {
    const TemporaryFolder folder;
    for (const char* name : {"floats", "int8", "mixed"}) {
        const CheckpointState state = load_checkpoint(path_of(name));
        CHECK(holds_graph(state.metadata));
        std::map<std::string, std::string> notes = state.metadata;
        notes.erase("keel.graph");
        notes.erase(kDataHashKey);
        notes.erase(kHeaderHashKey);
        const std::string path = folder / "again.safetensors";
        save_graph(path, read_graph(state, path_of(name)), notes);
        CHECK(read_text(path) == read_text(path_of(name)));
    }
}

TEST_CASE("Every operator has a name of its own in files, and fields", "[graph_file]") {
    std::vector<std::string_view> names;
    for (const graph::OpKind& kind : graph::op_kinds()) {
        graph::Op op = kind.blank();
        CHECK(op.name() == kind.name);
        CHECK(std::ranges::find(names, kind.name) == names.end());
        names.push_back(kind.name);
        Counter counter;
        op.fields(counter);
        INFO(kind.name);
        CHECK(counter.count >= 1);
    }
    CHECK(names.size() == 23);
}

TEST_CASE("A prologue in a file is one with ReLU", "[graph_file]") {
    CheckpointState state = load_checkpoint(path_of("floats"));
    std::string& text = state.metadata["keel.graph"];
    const std::size_t at = text.find("\"before.relu\":true");
    REQUIRE(at != std::string::npos);
    text.replace(at, std::strlen("\"before.relu\":true"), "\"before.relu\":false");
    CHECK_THROWS_AS(read_graph(state, "file"), InputError);
    CHECK_THROWS_WITH(read_graph(state, "file"), contains("wanted a ReLU in 'before'"));
}
