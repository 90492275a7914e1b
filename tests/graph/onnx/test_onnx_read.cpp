// ONNX files: what is read of graphs, what is passed over, and what is refused.
#include <array>
#include <filesystem>

#include "engine/safetensors.h"
#include "graph/onnx/file.h"
#include "kernels/error.h"
#include "tests/graph/onnx/wire_bytes.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;
using onnx::ElementType;

namespace {

onnx::Model read(const std::string& bytes) { return onnx::read(std::as_bytes(std::span(bytes)), "model"); }

/// What a model is refused with.
std::string refusal(const std::string& bytes) {
    try {
        read(bytes);
    } catch (const InputError& error) {
        return error.what();
    }
    return "no refusal";
}

std::string node(const std::string& op, const std::string& in, const std::string& out, const std::string& more = {}) {
    return part(1, node_message(op, in, out, more));
}

/// A model of one node with an attribute.
std::string with_attribute(const std::string& attribute) {
    return model_message(node("Relu", "x", "y", part(5, part(1, "a") + attribute)));
}

onnx::Attribute attribute_of(const std::string& attribute) {
    return read(with_attribute(attribute)).nodes.at(0).attributes.at("a");
}

constexpr int kVersionField = 1, kGraphField = 7, kOpsetField = 8;

}  // namespace

TEST_CASE("Every file of PyTorch's exporters is read", "[onnx]") {
    const std::filesystem::path folder = std::filesystem::path(KEEL_SOURCE_DIR) / "tests/graph/files/onnx";
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".onnx") {
            CHECK_FALSE(onnx::is_onnx_file(entry.path()));
            continue;
        }
        INFO(entry.path());
        CHECK(onnx::is_onnx_file(entry.path()));
        const onnx::Model model = onnx::read_file(entry.path());
        ++files;
        CHECK(model.producer == "pytorch");
        CHECK(model.opsets.at("") >= 9);
        CHECK_FALSE(model.nodes.empty());
        REQUIRE(model.inputs.size() == 1);
        REQUIRE(model.outputs.size() == 1);
        REQUIRE(model.inputs[0].dims.size() == 4);
        CHECK(model.inputs[0].name == "input");
        CHECK(model.inputs[0].dims[0].name == "batch");
        CHECK_FALSE(model.inputs[0].dims[0].value.has_value());
        CHECK(model.inputs[0].dims[1].value == 3);
        CHECK(model.outputs[0].name == "output");
        CHECK(model.outputs[0].type == ElementType::f32);
    }
    CHECK(files == 24);
}

TEST_CASE("A file of PyTorch's holds what its model does", "[onnx]") {
    const onnx::Model model =
        onnx::read_file(std::filesystem::path(KEEL_SOURCE_DIR) / "tests/graph/files/onnx/lrn.torch1.onnx");
    CHECK(model.producer_version == "1.13.0");
    CHECK(model.opsets == std::map<std::string, std::int64_t>{{"", 12}});
    REQUIRE(model.nodes.size() == 6);
    CHECK(model.nodes[0].op == "Conv");
    CHECK(std::get<std::vector<std::int64_t>>(model.nodes[0].attributes.at("strides")) ==
          std::vector<std::int64_t>{2, 2});
    CHECK(model.nodes[2].op == "LRN");
    CHECK(std::get<std::int64_t>(model.nodes[2].attributes.at("size")) == 5);
    CHECK(std::get<float>(model.nodes[2].attributes.at("bias")) == 2.0F);
    CHECK(model.initializers.at("conv.weight").dims == std::vector<std::int64_t>{8, 3, 5, 5});
    CHECK(model.initializers.at("conv.weight").floats.size() == 600);
}

TEST_CASE("What the model says of itself, and fields that nobody knows", "[onnx]") {
    const std::string unknown = number(200, 5) + part(201, "text") + fixed(202, 1.F) + fixed(203, 1.);
    const std::string more = part(2, "maker") + part(3, "1.2") + part(14, part(1, "key") + part(2, "a\nb")) +
                             part(20, "training") + part(kOpsetField, part(1, "com.x") + number(2, 3)) + unknown;
    const onnx::Model model = read(model_message(part(1, node_message("Relu", "x", "y", unknown)) + unknown, more));
    CHECK(model.ir_version == 8);
    CHECK(model.producer == "maker");
    CHECK(model.producer_version == "1.2");
    CHECK(model.metadata == std::map<std::string, std::string>{{"key", "a\nb"}});
    CHECK(model.opsets == std::map<std::string, std::int64_t>{{"", 17}, {"com.x", 3}});
    CHECK(model.nodes.size() == 1);
}

TEST_CASE("The standard's domain has two names", "[onnx]") {
    const std::string graph =
        node("Relu", "x", "y", part(7, "ai.onnx")) + part(11, port_message("x")) + part(12, port_message("y"));
    const onnx::Model model = read(number(kVersionField, 8) + part(kGraphField, graph) +
                                   part(kOpsetField, part(1, "ai.onnx") + number(2, 13)));
    CHECK(model.opsets == std::map<std::string, std::int64_t>{{"", 13}});
    CHECK(model.nodes[0].domain.empty());
}

TEST_CASE("Attributes of every kind, with their type and without", "[onnx]") {
    using Integers = std::vector<std::int64_t>;
    CHECK(std::get<float>(attribute_of(fixed(2, 1.5F) + number(20, 1))) == 1.5F);
    CHECK(std::get<float>(attribute_of(fixed(2, 1.5F))) == 1.5F);
    CHECK(std::get<float>(attribute_of(number(20, 1))) == 0);  // zeros may be left out
    CHECK(std::get<std::int64_t>(attribute_of(number(3, -4) + number(20, 2))) == -4);
    CHECK(std::get<std::int64_t>(attribute_of(number(20, 2))) == 0);
    CHECK(std::get<std::string>(attribute_of(part(4, "VALID") + number(20, 3))) == "VALID");
    CHECK(std::get<onnx::Array>(attribute_of(part(5, number(2, 1) + fixed(4, 2.F)) + number(20, 4))).floats ==
          std::vector<float>{2});
    CHECK(std::get<std::vector<float>>(attribute_of(fixed(7, 1.F) + fixed(7, 2.F) + number(20, 6))) ==
          std::vector<float>{1, 2});
    CHECK(std::get<Integers>(attribute_of(number(8, 1) + number(8, -2) + number(20, 7))) == Integers{1, -2});
    CHECK(std::get<Integers>(attribute_of(part(8, varint(1) + varint(300)) + number(20, 7))) == Integers{1, 300});
    CHECK(std::get<Integers>(attribute_of(number(20, 7))).empty());
    CHECK(std::get<std::vector<std::string>>(attribute_of(part(9, "a") + part(9, "") + number(20, 8))).size() == 2);
    CHECK(std::holds_alternative<onnx::Subgraph>(attribute_of(part(6, "no graph") + number(20, 5))));
    CHECK_THAT(refusal(with_attribute("")), contains("node 'y' (Relu): attribute 'a': it has no value"));
    CHECK_THAT(refusal(with_attribute(part(22, "") + number(20, 11))), contains("it is of type 11, which is not read"));
    CHECK_THAT(refusal(with_attribute(part(21, "alpha") + number(20, 1))), contains("it refers to one of a function"));
    CHECK_THAT(refusal(with_attribute(part(5, number(2, 8)) + number(20, 4))), contains("strings, which are not read"));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "y", part(5, number(20, 2))))),
               contains("an attribute without a name"));
    const std::string twice = part(5, part(1, "a") + number(3, 1) + number(20, 2));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "y", twice + twice))), contains("two attributes 'a'"));
}

TEST_CASE("Inputs that are constants are no inputs; extents are numbers, names or nothing", "[onnx]") {
    const std::string constant = part(5, part(8, "w") + number(1, 1) + number(2, 1) + fixed(4, 2.F));
    const std::string extents = part(1, number(1, 5)) + part(1, part(2, "n")) + part(1, "") + part(1, number(1, -1));
    const std::string port = part(1, "z") + part(2, part(1, number(1, 10) + part(2, extents)));
    const onnx::Model model = read(
        model_message(node("Add", "x", "y", part(1, "w")) + constant + part(11, port_message("w")) + part(11, port)));
    REQUIRE(model.inputs.size() == 2);  // x comes last in model_message()
    CHECK(model.inputs[0].name == "z");
    CHECK(model.inputs[0].type == ElementType::f16);
    REQUIRE(model.inputs[0].dims.size() == 4);
    CHECK(model.inputs[0].dims[0].value == 5);
    CHECK(model.inputs[0].dims[1].name == "n");
    CHECK_FALSE(model.inputs[0].dims[2].value.has_value());
    CHECK_FALSE(model.inputs[0].dims[3].value.has_value());
    CHECK(model.nodes[0].inputs == std::vector<std::string>{"x", "w"});
}

TEST_CASE("A model without what it must have is refused", "[onnx]") {
    const std::string graph =
        part(kGraphField, node("Relu", "x", "y") + part(11, port_message("x")) + part(12, port_message("y")));
    const std::string version = number(kVersionField, 8), opset = part(kOpsetField, number(2, 17));
    CHECK(read(version + graph + opset).nodes.size() == 1);
    CHECK_THAT(refusal(graph + opset), contains("[onnx] model: version 0 of the format, wanted 3 at least"));
    CHECK_THAT(refusal(version + graph), contains("does not say which opset it is of"));
    CHECK_THAT(refusal(version + opset), contains("the model has no graph"));
    CHECK_THAT(refusal(version + graph + graph + opset), contains("the model has two graphs"));
    CHECK_THAT(refusal(version + graph + part(kOpsetField, "")), contains("opset 0 of '', wanted 1 at least"));
    CHECK_THAT(refusal(version + graph + opset + part(kOpsetField, number(2, 16))), contains("two opsets of ''"));
    CHECK_THAT(refusal(model_message(part(1, part(1, "x") + part(2, "y")))), contains("of which operator it is"));
    CHECK_THAT(refusal(""), contains("version 0 of the format"));
}

TEST_CASE("Graphs that cannot run in their order are refused", "[onnx]") {
    CHECK_THAT(refusal(model_message(node("Relu", "b", "y") + node("Relu", "x", "b"))),
               contains("node 'y' (Relu) reads 'b', which node 'b' (Relu) makes: the graph's nodes are not sorted"));
    CHECK_THAT(refusal(model_message(node("Relu", "b", "a") + node("Relu", "a", "b") + node("Relu", "x", "y"))),
               contains("the graph has a cycle"));
    CHECK_THAT(refusal(model_message(node("Add", "x", "y", part(1, "y")))), contains("the graph has a cycle"));
    CHECK_THAT(refusal(model_message(node("Relu", "z", "y"))),
               contains("node 'y' (Relu) reads 'z', which nothing makes"));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "a"))), contains("nothing makes the output 'y'"));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "y") + node("Relu", "x", "y"))),
               contains("two values are called 'y'"));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "x") + node("Relu", "x", "y"))),
               contains("two values are called 'x'"));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "y") + part(12, port_message("y")))),
               contains("the output 'y' is listed twice"));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "y") + part(11, port_message("x")))),
               contains("two values are called 'x'"));
    const std::string constant = part(5, part(8, "w") + number(2, 1) + fixed(4, 2.F));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "y") + constant + constant)),
               contains("two values are called 'w'"));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "y") + part(5, number(2, 1) + fixed(4, 2.F)))),
               contains("a tensor without a name"));
    CHECK_THAT(
        refusal(number(1, 8) + part(7, node("Relu", "x", "y") + part(11, port_message("x"))) + part(8, number(2, 17))),
        contains("the graph has no output"));
}

TEST_CASE("Functions of the model's own, domains that it does not import, sparse tensors", "[onnx]") {
    const std::string function = part(25, part(1, "Twice") + part(10, "own"));
    const std::string domain = part(kOpsetField, part(1, "own") + number(2, 1));
    CHECK(read(model_message(node("Relu", "x", "y"), function + domain)).nodes.size() == 1);
    const std::string call = node("Twice", "x", "y", part(7, "own"));
    CHECK_THAT(refusal(model_message(call, function + domain)),
               contains("node 'y' (own.Twice) calls a function of the model's own"));
    CHECK_THAT(refusal(model_message(call)), contains("of the domain 'own', of which the model imports no opset"));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "y") + part(15, part(1, part(8, "w"))))),
               contains("tensor 'w': it is sparse, which is not read"));
}

TEST_CASE("Ports of other types than tensors, and names that are none", "[onnx]") {
    const auto with_port = [](const std::string& port) {
        return model_message(node("Relu", "x", "y") + part(11, port));
    };
    CHECK_THAT(refusal(with_port(part(2, part(1, number(1, 1))))), contains("an input or output without a name"));
    CHECK_THAT(refusal(with_port(part(1, "z"))), contains("input or output 'z': it has no type"));
    CHECK_THAT(refusal(with_port(part(1, "z") + part(2, part(4, "")))), contains("it is no tensor"));
    CHECK_THAT(refusal(with_port(part(1, "z") + part(2, part(1, number(1, 99))))), contains("elements of type 99"));
    CHECK_THAT(refusal(with_port(part(1, "z") + part(2, part(1, part(2, part(1, number(1, -7))))))),
               contains("an extent of -7"));
    CHECK_THAT(refusal(model_message(node("Relu", "x", "\x1B[31m"))), contains("'?[31m' is not plain UTF-8"));
    CHECK_THAT(refusal(model_message(node("\xFF", "x", "y"))), contains("is not plain UTF-8"));
}

TEST_CASE("Bytes that are no message, or are cut short, are refused", "[onnx]") {
    const std::string good =
        model_with_tensor(part(8, "w") + number(1, 2) + number(2, 1) + part(9, std::string(8, 'x')));
    CHECK(read(good).nodes.size() == 1);
    int refused = 0;
    for (std::size_t size = 0; size < good.size(); ++size) refused += refusal(good.substr(0, size)) != "no refusal";
    CHECK(refused == static_cast<int>(good.size()));
    CHECK_THAT(refusal(number(7, 1)), contains("field 7 is of kind 0 on the wire, wanted 2"));
    CHECK_THAT(refusal(part(7, part(1, "\xFF"))), contains("version 0"));
    CHECK_THAT(refusal(number(1, 8) + varint(7 << 3 | 2) + varint(0x7FFFFFFF)), contains("cut short or malformed"));
    CHECK_THAT(refusal(number(1, 8) + varint(9 << 3 | 3)), contains("cut short or malformed"));
}

TEST_CASE("Messages of many small parts are refused before they fill the memory", "[onnx]") {
    std::string inputs;
    for (int i = 0; i < (1 << 22); ++i) inputs += part(1, "");
    CHECK_THAT(refusal(model_message(node("Relu", "x", "y", inputs))), contains("more than 2^22 names, attributes"));
    std::string nodes;
    for (int i = 0; i <= 100'000; ++i) nodes += part(1, part(4, "A"));
    CHECK_THAT(refusal(model_message(nodes)), contains("more than 100000 nodes"));
}

TEST_CASE("ONNX files are known by how they begin", "[onnx]") {
    TemporaryFolder folder;
    const auto known = [&](const std::string& bytes) {
        write_text(folder / "file", bytes);
        return onnx::is_onnx_file(folder / "file");
    };
    const std::string good = model_with_tensor(part(8, "w") + number(2, 1) + fixed(4, 2.F));
    CHECK(known(good));
    CHECK(known(good.substr(0, 40)));
    CHECK(known(number(1, 8) + part(2, std::string(5000, 'a'))));
    CHECK_FALSE(known(""));
    CHECK_FALSE(known("PK\x03\x04"));
    CHECK_FALSE(known("\x80\x02}q"));
    CHECK_FALSE(known("text of any kind"));
    CHECK_FALSE(known(number(1, 2) + number(1, 1000) + number(2, 1)));  // a tensor
    CHECK_FALSE(known(number(1, 5000) + part(2, "a")));
    // Lengths of safetensors headers that look like a version and the beginning of a part.
    for (const char* tail : {"\x05\x3A", "\x05\x12", "\x05\x28"})
        CHECK_FALSE(known("\x08" + std::string(tail) + std::string(5, '\0') + "{\"a\":{}}"));
}
