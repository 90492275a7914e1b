#include <fmt/core.h>

#include <cstring>
#include <limits>
#include <protozero/pbf_writer.hpp>

#include "engine/files.h"
#include "engine/small_floats.h"
#include "graph/onnx/file.h"
#include "graph/onnx/tensor.h"
#include "kernels/bf16.h"
#include "kernels/error.h"

namespace keel::onnx {
namespace {

using protozero::pbf_writer;

/// Appends `values` as T, little-endian.
template <class T, class Element, class Convert>
void append(std::string& bytes, const std::vector<Element>& values, const Convert& convert) {
    const std::size_t at = bytes.size();
    bytes.resize(at + values.size() * sizeof(T));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const T value = static_cast<T>(convert(values[i]));
        std::memcpy(bytes.data() + at + i * sizeof(T), &value, sizeof(T));
    }
}

std::string raw_bytes(const Array& array) {
    const auto same = [](auto value) { return value; };
    std::string bytes;
    switch (array.type) {
        case ElementType::undefined:
        case ElementType::string:
            throw UsageError(fmt::format("[onnx] a constant of type {}", name(array.type)));
        case ElementType::f32:
            append<float>(bytes, array.floats, same);
            break;
        case ElementType::f64:
            append<double>(bytes, array.floats, same);
            break;
        case ElementType::f16:
            append<std::uint16_t>(bytes, array.floats, to_half);
            break;
        case ElementType::bf16:
            append<std::uint16_t>(bytes, array.floats, kernels::to_bf16);
            break;
        case ElementType::u8:
        case ElementType::s8:
        case ElementType::boolean:
            append<std::uint8_t>(bytes, array.integers, same);
            break;
        case ElementType::u16:
        case ElementType::s16:
            append<std::uint16_t>(bytes, array.integers, same);
            break;
        case ElementType::s32:
        case ElementType::u32:
            append<std::uint32_t>(bytes, array.integers, same);
            break;
        case ElementType::s64:
        case ElementType::u64:
            append<std::uint64_t>(bytes, array.integers, same);
            break;
    }
    if (bytes.size() / bytes_of(array.type) != static_cast<std::size_t>(array.elements()))
        throw UsageError("[onnx] a constant whose values are not as many as its dims say");
    return bytes;
}

void write_tensor(pbf_writer writer, const std::string& name, const Array& array) {
    for (const std::int64_t dim : array.dims) writer.add_int64(1, dim);
    writer.add_int32(2, static_cast<std::int32_t>(array.type));
    if (!name.empty()) writer.add_string(8, name);
    writer.add_bytes(9, raw_bytes(array));
}

/// Writes an attribute's value, and its type after it.
class AttributeWriter {
public:
    explicit AttributeWriter(pbf_writer& writer) : writer_(writer) {}

    void operator()(float value) { writer_.add_float(2, value), type(1); }
    void operator()(std::int64_t value) { writer_.add_int64(3, value), type(2); }
    void operator()(const std::string& value) { writer_.add_bytes(4, value), type(3); }
    void operator()(const Array& value) {
        write_tensor({writer_, 5}, "", value);  // which ends with this statement
        type(4);
    }
    void operator()(const std::vector<float>& values) {
        for (const float value : values) writer_.add_float(7, value);
        type(6);
    }
    void operator()(const std::vector<std::int64_t>& values) {
        for (const std::int64_t value : values) writer_.add_int64(8, value);
        type(7);
    }
    void operator()(const std::vector<std::string>& values) {
        for (const std::string& value : values) writer_.add_bytes(9, value);
        type(8);
    }
    void operator()(const Subgraph&) { throw UsageError("[onnx] a graph as an attribute cannot be written"); }

private:
    void type(std::int32_t number) { writer_.add_int32(20, number); }
    pbf_writer& writer_;
};

void write_node(pbf_writer writer, const Node& node) {
    for (const std::string& input : node.inputs) writer.add_string(1, input);
    for (const std::string& output : node.outputs) writer.add_string(2, output);
    if (!node.name.empty()) writer.add_string(3, node.name);
    writer.add_string(4, node.op);
    for (const auto& [name, value] : node.attributes) {
        pbf_writer attribute(writer, 5);
        attribute.add_string(1, name);
        std::visit(AttributeWriter(attribute), value);
    }
    if (!node.domain.empty()) writer.add_string(7, node.domain);
}

void write_port(pbf_writer writer, const Port& port) {
    writer.add_string(1, port.name);
    pbf_writer type(writer, 2);
    pbf_writer tensor(type, 1);
    tensor.add_int32(1, static_cast<std::int32_t>(port.type));
    pbf_writer shape(tensor, 2);
    for (const Extent& extent : port.dims) {
        if (!extent.value && extent.name.empty()) {
            shape.add_message(1, "", 0);  // a writer of nothing writes nothing
            continue;
        }
        pbf_writer dim(shape, 1);
        if (extent.value)
            dim.add_int64(1, *extent.value);
        else
            dim.add_string(2, extent.name);
    }
}

void write_graph(pbf_writer writer, const Model& model) {
    for (const Node& node : model.nodes) write_node({writer, 1}, node);
    writer.add_string(2, model.graph_name);
    for (const auto& [name, array] : model.initializers) write_tensor({writer, 5}, name, array);
    for (const Port& input : model.inputs) write_port({writer, 11}, input);
    for (const Port& output : model.outputs) write_port({writer, 12}, output);
}

/// What readers of protocol buffers take.
constexpr std::uint64_t kMostBytes = std::numeric_limits<std::int32_t>::max();

[[noreturn]] void too_large(std::uint64_t size) {
    throw UsageError(fmt::format("[onnx] a model of {} bytes, wanted less than 2^31", size));
}

/// Refuses a model whose constants alone are too large before memory is made for them.
void check_size(const Model& model) {
    std::uint64_t size = 0;
    for (const auto& [name, array] : model.initializers)
        size += (array.floats.size() + array.integers.size()) * bytes_of(array.type);
    if (size > kMostBytes) too_large(size);
}

}  // namespace

std::string bytes_of(const Model& model) {
    check_size(model);
    std::string bytes;
    pbf_writer writer(bytes);
    writer.add_int64(1, model.ir_version);
    if (!model.producer.empty()) writer.add_string(2, model.producer);
    if (!model.producer_version.empty()) writer.add_string(3, model.producer_version);
    write_graph({writer, 7}, model);
    for (const auto& [domain, version] : model.opsets) {
        pbf_writer opset(writer, 8);
        opset.add_string(1, domain);
        opset.add_int64(2, version);
    }
    for (const auto& [key, value] : model.metadata) {
        pbf_writer entry(writer, 14);
        entry.add_string(1, key);
        entry.add_string(2, value);
    }
    if (bytes.size() > kMostBytes) too_large(bytes.size());
    return bytes;
}

void write_file(const std::filesystem::path& path, const Model& model) { write_file_atomically(path, bytes_of(model)); }

}  // namespace keel::onnx
