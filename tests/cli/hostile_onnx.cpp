#include "tests/cli/hostile_rows.h"

namespace keel::test {

std::vector<Row> hostile_onnx_files() {
    const auto import = [](const std::string& file) {
        return Arguments{"import", file, "--out", "%imported.safetensors"};
    };
    const auto onnx = [&](const std::string& name) { return import("@onnx/" + name + ".onnx"); };
    return {
        {onnx("cut_start"), 3, "the message is cut short or malformed"},
        {onnx("cut_half_way"), 3, "the message is cut short or malformed"},
        {onnx("cut_end"), 3, "the message is cut short or malformed"},
        {onnx("length_2gb"), 3, "the message is cut short or malformed"},
        {onnx("name_2gb"), 3, "the message is cut short or malformed"},
        {onnx("wire_type"), 3, "on the wire, wanted 2"},
        {onnx("no_graph"), 3, "the model has no graph"},
        {onnx("two_graphs"), 3, "the model has two graphs"},
        {onnx("opset_none"), 3, "the model does not say which opset it is of"},
        {onnx("opset_0"), 3, "wanted 1 at least"},
        {onnx("opset_two"), 3, "the model is of two opsets"},
        {onnx("opset_6"), 3, "the model is of opset"},
        {onnx("opset_1000"), 3, "the model is of opset"},
        {onnx("version_1"), 3, "of the format, wanted 3 at least"},
        {onnx("cycle"), 3, "the graph has a cycle"},
        {onnx("self"), 3, "the graph has a cycle"},
        {onnx("unsorted"), 3, "the graph's nodes are not sorted"},
        {onnx("value_missing"), 3, "which nothing makes"},
        {onnx("value_twice"), 3, "two values are called"},
        {onnx("output_missing"), 3, "nothing makes the output"},
        {onnx("no_output"), 3, "the graph has no output"},
        {onnx("operator_unknown"), 3, "is no operator that can be read"},
        {onnx("operator_empty"), 3, "does not say of which operator it is"},
        {onnx("domain_unknown"), 3, "of which the model imports no opset"},
        {onnx("domain_imported"), 3, "is no operator that can be read"},
        {onnx("function"), 3, "calls a function of the model's own"},
        {onnx("control_characters"), 3, "is not plain UTF-8"},
        {onnx("deep"), 3, "is no operator that can be read"},
        {onnx("sparse"), 3, "it is sparse, which is not read"},
        {onnx("attribute_type"), 3, "it is of type 11, which is not read"},
        {onnx("attribute_none"), 3, "it has no value"},
        {onnx("input_sequence"), 3, "it is no tensor"},
        {onnx("input_negative"), 3, "an extent of -3"},
        {onnx("dims_overflow"), 3, "whose product no memory holds"},
        {onnx("dims_huge"), 3, "more than 2^34 bytes of constants"},
        {onnx("dims_negative"), 3, "wanted none below 0"},
        {onnx("dims_lie"), 3, "its dims and type want"},
        {onnx("dims_lie_typed"), 3, "its dims and type want"},
        {onnx("dims_many"), 3, "100 dims, wanted 32 at most"},
        {onnx("bytes_many"), 3, "elements of 8 bits, wanted 2^28 at most"},
        {onnx("type_unknown"), 3, "elements of type 99, which is not read"},
        {onnx("strings"), 3, "strings, which are not read"},
        {onnx("value_no_byte"), 3, "among its values, which is no uint8"},
        {onnx("constant_nan"), 3, "holds NaN or infinity"},
        {onnx("constant_infinite"), 3, "holds NaN or infinity"},
        {onnx("node_nan"), 3, "holds NaN or infinity"},
        {onnx("node_infinite"), 3, "holds NaN or infinity"},
        {onnx("folded_nan"), 3, "holds NaN or infinity"},
        {onnx("softmax_of_maps"), 3, "ends in a softmax of"},
        {onnx("softmax_of_maps_last"), 3, "ends in a softmax of"},
        {onnx("constant_twice"), 3, "two values are called"},
        {onnx("external_absolute"), 3, "wanted a path within the model's folder"},
        {onnx("external_outside"), 3, "wanted a path within the model's folder"},
        {onnx("external_missing"), 3, "which cannot be opened"},
        {onnx("external_beyond"), 3, "its data reach beyond the end of"},
        {onnx("external_length"), 3, "its dims and type want"},
        {onnx("external_offset"), 3, "of its data, wanted a whole number"},
        {onnx("external_folder"), 3, "wanted the path of a file"},
        {import("%onnx/external_link.onnx"), 3, "which is or goes through a symbolic link"},
    };
}

}  // namespace keel::test
