// The wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding), read with protozero, whose
// own checks of what a field is are assertions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace keel::onnx {

/// The fields of a message, one after the other. What reads one throws InputError where it is cut short or malformed,
/// or is of another kind.
class Fields {
public:
    explicit Fields(std::string_view message) : reader_(message.data(), message.size()) {}

    /// Goes to the next field; false at the end.
    bool next();
    /// The number of the field, as the format's definition has it.
    std::uint32_t number() const { return reader_.tag(); }

    std::int64_t integer();
    float f32();
    /// Bytes, or a message; they stay where they are.
    std::string_view bytes();
    /// Passes over a field that nobody wants.
    void skip();

    // Appends the values of a repeated field, packed or one by one.
    void append(std::vector<std::int64_t>& values);
    void append(std::vector<float>& values);
    void append(std::vector<double>& values);

private:
    template <class Body>
    auto guarded(const Body& body);
    void want(protozero::pbf_wire_type type) const;

    protozero::pbf_reader reader_;
};

/// What a reader may make of a file in all: a few bytes of a message can be many of memory.
class Budget {
public:
    /// Counts names, attributes, dims and the like. Throws InputError for more than 2^22.
    void parts(std::size_t count);
    /// Counts the memory of constants. Throws InputError for more than 2^34 bytes.
    void bytes(std::uint64_t count);

private:
    std::size_t parts_ = 0;
    std::uint64_t bytes_ = 0;
};

/// Returns whether a file that begins with `head` has the fields of a ModelProto, of which programs write the version
/// first: nothing else marks such files.
bool begins_as_model(std::string_view head);

/// Returns a name, which may be empty. Throws InputError where it is no UTF-8 or has control characters; `what` says of
/// what it is.
std::string name_from(std::string_view text, const char* what);

}  // namespace keel::onnx
