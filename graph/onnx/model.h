// An ONNX model in memory, as its file says it: nothing is inferred, renamed or left out. What reads and writes files
// (graph/onnx/file.h) and what makes graphs of models and models of graphs (graph/import, graph/export) meet here.
// Names are those of the format's definition: onnx.proto of https://github.com/onnx/onnx.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace keel::onnx {

/// TensorProto.DataType, by its numbers in files.
enum class ElementType : std::uint8_t {
    undefined = 0,
    f32 = 1,
    u8 = 2,
    s8 = 3,
    u16 = 4,
    s16 = 5,
    s32 = 6,
    s64 = 7,
    string = 8,
    boolean = 9,
    f16 = 10,
    f64 = 11,
    u32 = 12,
    u64 = 13,
    bf16 = 16,
};

/// Returns e.g. "float32".
std::string_view name(ElementType type);
/// Returns whether values of this type are floats: f32, f64, f16, bf16.
bool is_float(ElementType type);

/// A constant, dense and row-major. Its values lie in `floats` where the type is one of floats, rounded to f32, else in
/// `integers`, booleans as 0 and 1.
struct Array {
    ElementType type = ElementType::f32;
    std::vector<std::int64_t> dims{};  ///< empty: a scalar
    std::vector<float> floats{};
    std::vector<std::int64_t> integers{};

    std::int64_t elements() const {
        std::int64_t product = 1;
        for (const std::int64_t dim : dims)
            if (dim == 0) return 0;  // before the others, whose product may be too large
        for (const std::int64_t dim : dims) product *= dim;
        return product;
    }
};

/// A graph as an attribute (of If, Loop, Scan), which nothing here runs.
struct Subgraph {};

using Attribute = std::variant<std::int64_t, float, std::string, Array, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, Subgraph>;

struct Node {
    std::string name{}, op{}, domain{};            ///< domain "": the standard's, which files may also call "ai.onnx"
    std::vector<std::string> inputs{}, outputs{};  ///< "": an optional one that is not given
    std::map<std::string, Attribute> attributes{};
};

/// An extent: a number, or a name ("batch"), or nothing at all.
struct Extent {
    std::optional<std::int64_t> value{};
    std::string name{};
};

/// An input or output of a graph, of type tensor.
struct Port {
    std::string name{};
    ElementType type = ElementType::f32;
    std::vector<Extent> dims{};
};

struct Model {
    std::int64_t ir_version = 8;
    std::string producer{}, producer_version{}, graph_name{};
    std::map<std::string, std::int64_t> opsets{};  ///< version of each domain; "" is the standard's
    std::map<std::string, std::string> metadata{};
    std::vector<Node> nodes{};  ///< in the order of the file: sorted, as the format demands
    std::map<std::string, Array> initializers{};
    /// Inputs include initializers in old files: those that are in `initializers` are no inputs.
    std::vector<Port> inputs{}, outputs{};
};

}  // namespace keel::onnx
