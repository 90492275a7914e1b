// Protocol buffers by hand, for files that no writer would make.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace keel::test {

inline std::string varint(std::uint64_t value) {
    std::string bytes;
    for (; value >= 128; value >>= 7) bytes += static_cast<char>(128 | (value & 127));
    return bytes + static_cast<char>(value);
}

inline std::string number(int field, std::int64_t value) {
    return varint(static_cast<std::uint64_t>(field) << 3) + varint(static_cast<std::uint64_t>(value));
}

/// Text, bytes, a message, or packed numbers.
inline std::string part(int field, const std::string& bytes) {
    return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(bytes.size()) + bytes;
}

template <class T>
std::string little_endian(T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
}

/// A number of four or of eight bytes.
inline std::string fixed(int field, float value) {
    return varint(static_cast<std::uint64_t>(field) << 3 | 5) + little_endian(value);
}
inline std::string fixed(int field, double value) {
    return varint(static_cast<std::uint64_t>(field) << 3 | 1) + little_endian(value);
}

// Messages of onnx.proto.

inline std::string node_message(const std::string& op, const std::string& in, const std::string& out,
                                const std::string& more = {}) {
    return part(1, in) + part(2, out) + part(4, op) + more;
}

inline std::string port_message(const std::string& name) {
    return part(1, name) + part(2, part(1, number(1, 1) + part(2, part(1, part(2, "batch")) + part(1, number(1, 3)))));
}

/// A model from x to y, of what a graph holds beside its ports.
inline std::string model_message(const std::string& graph, const std::string& more = {}) {
    const std::string ports = part(11, port_message("x")) + part(12, port_message("y"));
    return number(1, 8) + part(7, graph + ports) + part(8, number(2, 17)) + more;
}

/// A model that passes its input on, and has the constant `tensor`.
inline std::string model_with_tensor(const std::string& tensor) {
    return model_message(part(1, node_message("Identity", "x", "y")) + part(5, tensor));
}

}  // namespace keel::test
