// A request to infer, as the Open Inference Protocol (KServe, version 2) and Triton's binary extension of it have it:
// https://github.com/kserve/open-inference-protocol, https://github.com/triton-inference-server/server (protocol).
// Bytes in, plain structs out; what they mean for a model is serve/model_inputs.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace keel::serve {

/// A parameter of a request, an input or an output. Others than these are refused.
using Parameter = std::variant<bool, std::int64_t, double, std::string>;
using Parameters = std::map<std::string, Parameter>;

struct InferInput {
    std::string name{}, datatype{};
    std::vector<std::int64_t> shape{};  ///< none below 0
    Parameters parameters{};
    std::vector<float> numbers{};              ///< of JSON, in their order: flat, or nested as the shape says
    bool whole = true;                         ///< all numbers of JSON are whole
    std::vector<std::string> texts{};          ///< of JSON, for BYTES
    std::optional<std::string_view> binary{};  ///< in place of both: the bytes behind the JSON

    std::int64_t elements() const;  ///< the product of the shape, at most kMostElements
};

struct InferOutput {
    std::string name{};
    Parameters parameters{};
};

struct InferRequest {
    std::string id{};
    Parameters parameters{};
    std::vector<InferInput> inputs{};
    std::vector<InferOutput> outputs{};  ///< empty: the server's own choice
};

inline constexpr std::int64_t kMostElements = std::int64_t{1} << 40;

/// Reads a body whose first `json_bytes` are JSON and whose rest are the inputs' bytes; none: all of it is JSON. The
/// views in the result are of `body`. Memory and depth are bounded by the body's size, whatever is in it. Throws
/// InputError that says what is wrong.
InferRequest parse_infer_request(std::string_view body, std::optional<std::size_t> json_bytes);

/// Returns the number of a field Inference-Header-Content-Length, for a body of `size` bytes. Throws InputError unless
/// it is one of 0 to size.
std::size_t parse_json_bytes(std::string_view field, std::size_t size);

/// Returns the elements of BYTES behind one another, each a length of 4 bytes, little-endian, and so many bytes; views
/// of `binary`. Throws InputError unless they are `count` and fill it.
std::vector<std::string_view> split_bytes(std::string_view binary, std::int64_t count);

/// Return a parameter, or nothing where there is none of that name. Throw InputError for one of another type.
std::optional<bool> bool_parameter(const Parameters& parameters, const std::string& name);
std::optional<std::int64_t> whole_parameter(const Parameters& parameters, const std::string& name);
std::optional<std::string> text_parameter(const Parameters& parameters, const std::string& name);

}  // namespace keel::serve
