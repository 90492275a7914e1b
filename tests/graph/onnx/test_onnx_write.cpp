// Models written as ONNX files and read again.
#include <filesystem>

#include "graph/onnx/file.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;
using onnx::ElementType;

namespace {

onnx::Array floats(ElementType type) { return {type, {3}, {1.5F, -2, 0.25F}, {}}; }
onnx::Array integers(ElementType type, std::int64_t low, std::int64_t high) { return {type, {1, 2}, {}, {low, high}}; }

/// A model with attributes and constants of every type.
onnx::Model sample() {
    onnx::Model model;
    model.producer = "keel";
    model.producer_version = "1";
    model.graph_name = "sample";
    model.opsets = {{"", 17}, {"com.x", 1}};
    model.metadata = {{"labels", "a\nb"}, {"empty", ""}};
    onnx::Node node;
    node.name = "first";
    node.op = "Many";
    node.inputs = {"x", "", "f32"};
    node.outputs = {"y", ""};
    node.domain = "com.x";
    node.attributes = {{"f", 1.5F},
                       {"i", std::int64_t{-3}},
                       {"s", std::string("text")},
                       {"t", onnx::Array{ElementType::f32, {}, {2}, {}}},
                       {"fs", std::vector<float>{1, 2}},
                       {"is", std::vector<std::int64_t>{-1, 2}},
                       {"none", std::vector<std::int64_t>{}},
                       {"ss", std::vector<std::string>{"a", ""}}};
    model.nodes.push_back(node);
    for (const ElementType type : {ElementType::f32, ElementType::f64, ElementType::f16, ElementType::bf16})
        model.initializers[std::string(onnx::name(type))] = floats(type);
    model.initializers["f32"] = floats(ElementType::f32);
    model.initializers["u8"] = integers(ElementType::u8, 0, 255);
    model.initializers["s8"] = integers(ElementType::s8, -128, 127);
    model.initializers["bool"] = integers(ElementType::boolean, 0, 1);
    model.initializers["u16"] = integers(ElementType::u16, 0, 65535);
    model.initializers["s16"] = integers(ElementType::s16, -32768, 32767);
    model.initializers["s32"] = integers(ElementType::s32, -(1LL << 31), (1LL << 31) - 1);
    model.initializers["u32"] = integers(ElementType::u32, 0, (1LL << 32) - 1);
    model.initializers["s64"] = integers(ElementType::s64, INT64_MIN, INT64_MAX);
    model.initializers["u64"] = integers(ElementType::u64, 0, INT64_MAX);
    model.initializers["nothing"] = {ElementType::f32, {2, 0}, {}, {}};
    model.inputs = {{"x", ElementType::f32, {{{}, "batch"}, {3, ""}, {{}, ""}}}};
    model.outputs = {{"y", ElementType::u8, {{{}, "batch"}}}};
    return model;
}

void check_equal(const onnx::Array& a, const onnx::Array& b) {
    CHECK(a.type == b.type);
    CHECK(a.dims == b.dims);
    CHECK(a.floats == b.floats);
    CHECK(a.integers == b.integers);
}

void check_equal(const std::vector<onnx::Port>& a, const std::vector<onnx::Port>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].name == b[i].name);
        CHECK(a[i].type == b[i].type);
        REQUIRE(a[i].dims.size() == b[i].dims.size());
        for (std::size_t d = 0; d < a[i].dims.size(); ++d) {
            CHECK(a[i].dims[d].name == b[i].dims[d].name);
            CHECK(a[i].dims[d].value == b[i].dims[d].value);
        }
    }
}

onnx::Model read_again(const std::string& bytes) { return onnx::read(std::as_bytes(std::span(bytes)), "model"); }

}  // namespace

TEST_CASE("A model is read as it was written", "[onnx]") {
    const onnx::Model model = sample(), again = read_again(onnx::bytes_of(model));
    CHECK(again.ir_version == model.ir_version);
    CHECK(again.producer == model.producer);
    CHECK(again.producer_version == model.producer_version);
    CHECK(again.graph_name == model.graph_name);
    CHECK(again.opsets == model.opsets);
    CHECK(again.metadata == model.metadata);
    check_equal(again.inputs, model.inputs);
    check_equal(again.outputs, model.outputs);
    REQUIRE(again.nodes.size() == 1);
    const onnx::Node &node = again.nodes[0], &wanted = model.nodes[0];
    CHECK(node.name == wanted.name);
    CHECK(node.op == wanted.op);
    CHECK(node.domain == wanted.domain);
    CHECK(node.inputs == wanted.inputs);
    CHECK(node.outputs == wanted.outputs);
    REQUIRE(node.attributes.size() == wanted.attributes.size());
    for (const char* name : {"f", "i", "s", "fs", "is", "none", "ss"}) {
        const auto same = [&](const auto& value) {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::equality_comparable<T>) CHECK(std::get<T>(node.attributes.at(name)) == value);
        };
        std::visit(same, wanted.attributes.at(name));
    }
    check_equal(std::get<onnx::Array>(node.attributes.at("t")), std::get<onnx::Array>(wanted.attributes.at("t")));
    REQUIRE(again.initializers.size() == model.initializers.size());
    for (const auto& [name, array] : model.initializers) {
        INFO(name);
        check_equal(again.initializers.at(name), array);
    }
}

TEST_CASE("The same model makes the same bytes", "[onnx]") {
    const std::string bytes = onnx::bytes_of(sample());
    CHECK(onnx::bytes_of(sample()) == bytes);
    CHECK(onnx::bytes_of(read_again(bytes)) == bytes);
    const TemporaryFolder folder;
    onnx::write_file(folder / "model.onnx", sample());
    CHECK(read_text(folder / "model.onnx") == bytes);
    CHECK(onnx::is_onnx_file(folder / "model.onnx"));
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("What ONNX files cannot hold is not written", "[onnx]") {
    onnx::Model model = sample();
    model.nodes[0].attributes["g"] = onnx::Subgraph{};
    CHECK_THROWS_WITH(onnx::bytes_of(model), contains("a graph as an attribute"));
    model = sample();
    model.initializers["f32"].type = ElementType::string;
    CHECK_THROWS_WITH(onnx::bytes_of(model), contains("a constant of type string"));
    model = sample();
    model.initializers["f32"].dims = {4};
    CHECK_THROWS_WITH(onnx::bytes_of(model), contains("not as many as its dims say"));
    const TemporaryFolder folder;
    CHECK_THROWS_AS(onnx::write_file(folder / "none/model.onnx", sample()), IoError);
}
