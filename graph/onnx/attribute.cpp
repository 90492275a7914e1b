#include <fmt/core.h>

#include <utility>

#include "engine/text.h"
#include "graph/onnx/parts.h"
#include "graph/onnx/tensor.h"
#include "kernels/error.h"

namespace keel::onnx {
namespace {

/// AttributeProto.AttributeType.
enum AttributeType : std::int64_t {
    kUndefined = 0,
    kFloat = 1,
    kInt = 2,
    kString = 3,
    kTensor = 4,
    kGraph = 5,
    kFloats = 6,
    kInts = 7,
    kStrings = 8,
    kGraphs = 10,
};

/// An AttributeProto, of which one value counts.
struct AttributeParts {
    std::string name{};
    std::int64_t type = kUndefined, integer = 0;
    std::int64_t guess = kUndefined;  ///< by the last value there is, for files older than the field `type`
    float number = 0;
    std::string text{};
    std::string_view tensor{};
    std::vector<float> numbers{};
    std::vector<std::int64_t> integers{};
    std::vector<std::string> texts{};
    bool refers = false;

    std::int64_t kind() const { return type == kUndefined ? guess : type; }
};

AttributeParts attribute_parts(std::string_view message, Budget& budget) {
    Fields fields(message);
    AttributeParts parts;
    while (fields.next()) {
        const std::uint32_t number = fields.number();
        switch (number) {
            case 1:
                parts.name = name_from(fields.bytes(), "name of an attribute");
                continue;
            case 2:
                parts.number = fields.f32(), parts.guess = kFloat;
                continue;
            case 3:
                parts.integer = fields.integer(), parts.guess = kInt;
                continue;
            case 4:
                parts.text = std::string(fields.bytes()), parts.guess = kString;
                continue;
            case 5:
                parts.tensor = fields.bytes(), parts.guess = kTensor;
                continue;
            case 6:
                fields.skip(), parts.guess = kGraph;
                continue;
            case 7:
                fields.append(parts.numbers), parts.guess = kFloats;
                continue;
            case 8:
                fields.append(parts.integers), parts.guess = kInts;
                continue;
            case 9:
                budget.parts(1);
                parts.texts.emplace_back(fields.bytes());
                parts.guess = kStrings;
                continue;
            case 20:
                parts.type = fields.integer();
                continue;
            case 21:
                parts.refers = !fields.bytes().empty();
                continue;
            default:
                fields.skip();
        }
    }
    return parts;
}

}  // namespace

std::pair<std::string, Attribute> read_attribute(std::string_view message, Budget& budget, ExternalFiles& files) {
    AttributeParts parts = attribute_parts(message, budget);
    budget.bytes(parts.integers.size() * sizeof(std::int64_t) + parts.numbers.size() * sizeof(float));
    if (parts.name.empty()) throw InputError("an attribute without a name");
    const auto value = [&]() -> Attribute {
        if (parts.refers) throw InputError("it refers to one of a function, and is in none");
        switch (parts.kind()) {
            case kFloat:
                return parts.number;
            case kInt:
                return parts.integer;
            case kString:
                return std::move(parts.text);
            case kTensor:
                return read_tensor(parts.tensor, budget, files).array;
            case kGraph:
            case kGraphs:
                return Subgraph{};
            case kFloats:
                return std::move(parts.numbers);
            case kInts:
                return std::move(parts.integers);
            case kStrings:
                return std::move(parts.texts);
            case kUndefined:
                throw InputError("it has no value");
            default:
                throw InputError(fmt::format("it is of type {}, which is not read", parts.kind()));
        }
    };
    try {
        return {parts.name, value()};
    } catch (const InputError& error) {
        throw InputError(fmt::format("attribute '{}': {}", excerpt(parts.name), error.what()));
    }
}

}  // namespace keel::onnx
