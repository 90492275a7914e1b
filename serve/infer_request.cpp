#include "serve/infer_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "engine/strict_json.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "serve/request_json.h"

namespace keel::serve {
namespace {

constexpr std::size_t kMostDims = 8;

const Json& member(const Json& object, const char* key, Json::value_t type, const std::string& of) {
    const auto found = object.find(key);
    if (found == object.end() || found->type() != type)
        throw InputError(fmt::format("{} wants \"{}\", {}", of, key, Json(type).type_name()));
    return *found;
}

Parameters read_parameters(const Json& object, const std::string& of) {
    Parameters parameters;
    const auto found = object.find("parameters");
    if (found == object.end()) return parameters;
    if (!found->is_object()) throw InputError(of + ": parameters is to be an object");
    for (const auto& [name, value] : found->items()) {
        if (value.is_boolean())
            parameters.emplace(name, value.get<bool>());
        else if (value.is_number_integer())
            parameters.emplace(name, whole_number<std::int64_t>(value));
        else if (value.is_number_float())
            parameters.emplace(name, value.get<double>());
        else if (value.is_string())
            parameters.emplace(name, value.get<std::string>());
        else
            throw InputError(of + ": the parameter '" + excerpt(name) + "' is no text, number, true or false");
    }
    return parameters;
}

void refuse_other_keys(const Json& object, std::initializer_list<std::string_view> known, const std::string& of) {
    for (const auto& [key, value] : object.items())
        if (std::ranges::find(known, key) == known.end())
            throw InputError(fmt::format("{} has no \"{}\": wanted {}", of, excerpt(key), fmt::join(known, ", ")));
}

std::vector<std::int64_t> read_shape(const Json& input, const std::string& of) {
    std::vector<std::int64_t> shape;
    for (const Json& extent : member(input, "shape", Json::value_t::array, of)) {
        shape.push_back(whole_number<std::int64_t>(extent));
        if (shape.back() < 0) throw InputError(of + ": an extent of the shape is below 0");
    }
    if (shape.empty() || shape.size() > kMostDims)
        throw InputError(fmt::format("{}: a shape has 1 to {} extents, got {}", of, kMostDims, shape.size()));
    return shape;
}

/// Gives an input its data: of JSON, or the next bytes behind it.
void take_data(InferInput& input, std::optional<TensorJson> data, std::string_view& rest, const std::string& of) {
    const auto size = whole_parameter(input.parameters, "binary_data_size");
    if (size && data) throw InputError(of + " has both data and binary_data_size");
    if (size) {
        if (*size < 0 || static_cast<std::uint64_t>(*size) > rest.size())
            throw InputError(fmt::format("{}: binary_data_size is {}, {} bytes are left", of, *size, rest.size()));
        input.binary = rest.substr(0, static_cast<std::size_t>(*size));
        rest.remove_prefix(static_cast<std::size_t>(*size));
        return;
    }
    if (!data) throw InputError(of + " has neither data nor binary_data_size");
    const auto count = static_cast<std::int64_t>(std::max(data->numbers.size(), data->texts.size()));
    if (count != input.elements())
        throw InputError(fmt::format("{}: data has {} elements, the shape {}", of, count, input.elements()));
    const auto fits = [](std::int64_t extent, std::size_t length) {
        return static_cast<std::uint64_t>(extent) == length;
    };
    if (data->lengths.size() > 1 && !std::ranges::equal(input.shape, data->lengths, fits))
        throw InputError(of + ": data is nested otherwise than the shape says");
    input.numbers = std::move(data->numbers);
    input.whole = data->whole;
    input.texts = std::move(data->texts);
}

InferOutput read_output(const Json& json, std::size_t number) {
    const std::string of = fmt::format("output {}", number + 1);
    if (!json.is_object()) throw InputError(of + " is no object");
    refuse_other_keys(json, {"name", "parameters"}, of);
    return {member(json, "name", Json::value_t::string, of).get<std::string>(), read_parameters(json, of)};
}

template <class T>
std::optional<T> parameter(const Parameters& parameters, const std::string& name, const char* kind) {
    const auto found = parameters.find(name);
    if (found == parameters.end()) return std::nullopt;
    if (const T* value = std::get_if<T>(&found->second)) return *value;
    throw InputError("the parameter '" + name + "' is to be " + kind);
}

}  // namespace

std::int64_t InferInput::elements() const {
    std::int64_t product = 1;
    for (const std::int64_t extent : shape) {
        if (extent > 0 && product > kMostElements / extent)
            throw InputError("the input '" + excerpt(name) + "' has a shape of too many elements");
        product *= extent;
    }
    return product;
}

InferRequest parse_infer_request(std::string_view body, std::optional<std::size_t> json_bytes) {
    std::string_view rest = body.substr(json_bytes.value_or(body.size()));
    RequestJson json = parse_request_json(body.substr(0, json_bytes.value_or(body.size())));
    if (!json.rest.is_object()) throw InputError("the request is no object of JSON");
    refuse_other_keys(json.rest, {"id", "parameters", "inputs", "outputs"}, "the request");
    InferRequest request;
    if (json.rest.contains("id")) request.id = member(json.rest, "id", Json::value_t::string, "the request");
    request.parameters = read_parameters(json.rest, "the request");
    const Json& inputs = member(json.rest, "inputs", Json::value_t::array, "the request");
    json.data.resize(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const std::string of = fmt::format("input {}", i + 1);
        if (!inputs[i].is_object()) throw InputError(of + " is no object");
        refuse_other_keys(inputs[i], {"name", "shape", "datatype", "parameters", "data"}, of);
        InferInput& input = request.inputs.emplace_back();
        input.name = member(inputs[i], "name", Json::value_t::string, of);
        input.datatype = member(inputs[i], "datatype", Json::value_t::string, of);
        input.shape = read_shape(inputs[i], of);
        input.parameters = read_parameters(inputs[i], of);
        take_data(input, std::move(json.data[i]), rest, of);
    }
    if (json.rest.contains("outputs"))
        for (const Json& output : member(json.rest, "outputs", Json::value_t::array, "the request"))
            request.outputs.push_back(read_output(output, request.outputs.size()));
    if (!rest.empty())
        throw InputError(fmt::format("{} bytes behind the JSON are of no input: wanted binary_data_size", rest.size()));
    return request;
}

std::size_t parse_json_bytes(std::string_view field, std::size_t size) {
    std::size_t bytes = 0;
    const char* const end = field.data() + field.size();
    const auto [at, error] = std::from_chars(field.data(), end, bytes);
    if (error != std::errc() || at != end || bytes > size)
        throw InputError(fmt::format("Inference-Header-Content-Length is to be 0 to the body's {} bytes, got '{}'",
                                     size, excerpt(field)));
    return bytes;
}

std::vector<std::string_view> split_bytes(std::string_view binary, std::int64_t count) {
    std::vector<std::string_view> elements;
    while (!binary.empty()) {
        std::array<unsigned char, 4> prefix{};
        if (binary.size() < prefix.size()) throw InputError("BYTES end within the length of an element");
        std::memcpy(prefix.data(), binary.data(), prefix.size());
        const std::size_t length = std::size_t{prefix[0]} | std::size_t{prefix[1]} << 8U |
                                   std::size_t{prefix[2]} << 16U | std::size_t{prefix[3]} << 24U;
        binary.remove_prefix(prefix.size());
        if (length > binary.size())
            throw InputError(fmt::format("an element of BYTES has {} bytes, {} are left", length, binary.size()));
        if (std::ssize(elements) == count) throw InputError("BYTES hold more elements than the shape says");
        elements.push_back(binary.substr(0, length));
        binary.remove_prefix(length);
    }
    if (std::ssize(elements) != count)
        throw InputError(fmt::format("BYTES hold {} elements, the shape says {}", elements.size(), count));
    return elements;
}

std::optional<bool> bool_parameter(const Parameters& parameters, const std::string& name) {
    return parameter<bool>(parameters, name, "true or false");
}

std::optional<std::int64_t> whole_parameter(const Parameters& parameters, const std::string& name) {
    return parameter<std::int64_t>(parameters, name, "a whole number");
}

std::optional<std::string> text_parameter(const Parameters& parameters, const std::string& name) {
    return parameter<std::string>(parameters, name, "a text");
}

}  // namespace keel::serve
