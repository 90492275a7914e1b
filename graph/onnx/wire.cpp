#include "graph/onnx/wire.h"

#include <fmt/core.h>

#include <protozero/exception.hpp>

#include "engine/text.h"
#include "kernels/error.h"

namespace keel::onnx {

using protozero::pbf_wire_type;

template <class Body>
auto Fields::guarded(const Body& body) {
    try {
        return body();
    } catch (const protozero::exception&) {
        throw InputError("the message is cut short or malformed");
    }
}

void Fields::want(pbf_wire_type type) const {
    if (reader_.wire_type() != type)
        throw InputError(fmt::format("field {} is of kind {} on the wire, wanted {}", number(),
                                     static_cast<int>(reader_.wire_type()), static_cast<int>(type)));
}

bool Fields::next() {
    return guarded([&] { return reader_.next(); });
}

std::int64_t Fields::integer() {
    want(pbf_wire_type::varint);
    return guarded([&] { return reader_.get_int64(); });
}

float Fields::f32() {
    want(pbf_wire_type::fixed32);
    return guarded([&] { return reader_.get_float(); });
}

std::string_view Fields::bytes() {
    want(pbf_wire_type::length_delimited);
    return guarded([&] {
        const protozero::data_view view = reader_.get_view();
        return std::string_view(view.data(), view.size());
    });
}

void Fields::skip() {
    guarded([&] { reader_.skip(); });
}

void Fields::append(std::vector<std::int64_t>& values) {
    if (reader_.wire_type() != pbf_wire_type::length_delimited) return values.push_back(integer());
    guarded([&] {
        for (const std::int64_t value : reader_.get_packed_int64()) values.push_back(value);
    });
}

void Fields::append(std::vector<float>& values) {
    if (reader_.wire_type() != pbf_wire_type::length_delimited) return values.push_back(f32());
    guarded([&] {
        const auto packed = reader_.get_packed_float();
        values.insert(values.end(), packed.begin(), packed.end());
    });
}

void Fields::append(std::vector<double>& values) {
    if (reader_.wire_type() != pbf_wire_type::length_delimited) want(pbf_wire_type::fixed64);
    guarded([&] {
        if (reader_.wire_type() == pbf_wire_type::fixed64) return values.push_back(reader_.get_double());
        const auto packed = reader_.get_packed_double();
        values.insert(values.end(), packed.begin(), packed.end());
    });
}

void Budget::parts(std::size_t count) {
    constexpr std::size_t kMost = std::size_t{1} << 22;
    parts_ += count;
    if (count > kMost || parts_ > kMost) throw InputError("more than 2^22 names, attributes and dims");
}

void Budget::bytes(std::uint64_t count) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 34;
    bytes_ += count;
    if (count > kMost || bytes_ > kMost) throw InputError("more than 2^34 bytes of constants");
}

bool begins_as_model(std::string_view head) {
    constexpr std::uint32_t kVersion = 1, kModelVersion = 5, kMost = 26;
    constexpr std::int64_t kMostVersion = 1000;
    int fields = 0;
    protozero::pbf_reader reader(head.data(), head.size());
    try {
        while (reader.next()) {
            const std::uint32_t number = reader.tag();
            const bool is_number = number == kVersion || number == kModelVersion;
            if (number > kMost || (reader.wire_type() == pbf_wire_type::varint) != is_number) return false;
            if (number != kVersion && fields == 0) return false;
            ++fields;
            if (!is_number) {
                reader.skip();
            } else if (const std::int64_t value = reader.get_int64();
                       number == kVersion && (value < 1 || value > kMostVersion)) {
                return false;
            }
        }
    } catch (const protozero::end_of_buffer_exception&) {  // a field that the head, or the file, ends in
    } catch (const protozero::exception&) {
        return false;
    }
    return fields > 1;
}

std::string name_from(std::string_view text, const char* what) {
    if (!text.empty() && !printable(text))
        throw InputError(fmt::format("the {} '{}' is not plain UTF-8", what, excerpt(text)));
    return std::string(text);
}

}  // namespace keel::onnx
