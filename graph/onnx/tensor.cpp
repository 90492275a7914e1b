#include "graph/onnx/tensor.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <cstring>
#include <limits>
#include <utility>

#include "engine/small_floats.h"
#include "engine/text.h"
#include "kernels/bf16.h"
#include "kernels/error.h"

namespace keel::onnx {
namespace {

constexpr std::size_t kMostDims = 32;
constexpr std::int64_t kMostBytesWidened = std::int64_t{1} << 28;  // 8-bit integers become eight times as large

/// A TensorProto, its data still where they are.
struct Parts {
    std::string name{};
    std::vector<std::int64_t> dims{};
    std::int64_t type = 0, location = 0;
    bool segmented = false, has_raw = false;
    std::string_view raw{};
    std::vector<float> floats{};
    std::vector<double> doubles{};
    std::vector<std::int64_t> int32s{}, int64s{}, uint64s{};
    std::map<std::string, std::string> external{};
};

std::pair<std::string, std::string> entry_from(std::string_view message) {
    Fields fields(message);
    std::pair<std::string, std::string> entry;
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                entry.first = fields.bytes();
                break;
            case 2:
                entry.second = fields.bytes();
                break;
            default:
                fields.skip();
        }
    }
    return entry;
}

Parts parts_from(std::string_view message, Budget& budget) {
    Fields fields(message);
    Parts parts;
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                fields.append(parts.dims);
                break;
            case 2:
                parts.type = fields.integer();
                break;
            case 3:
                parts.segmented = true, fields.skip();
                break;
            case 4:
                fields.append(parts.floats);
                break;
            case 5:
                fields.append(parts.int32s);
                break;
            case 7:
                fields.append(parts.int64s);
                break;
            case 8:
                parts.name = name_from(fields.bytes(), "name of a tensor");
                break;
            case 9:
                parts.raw = fields.bytes(), parts.has_raw = true;
                break;
            case 10:
                fields.append(parts.doubles);
                break;
            case 11:
                fields.append(parts.uint64s);
                break;
            case 13:
                budget.parts(1), parts.external.insert(entry_from(fields.bytes()));
                break;
            case 14:
                parts.location = fields.integer();
                break;
            default:
                fields.skip();  // string_data among them: their type says what they are
        }
    }
    return parts;
}

ElementType type_from(std::int64_t type) {
    switch (type) {
        case 8:
            throw InputError("strings, which are not read");
        case 14:
        case 15:
            throw InputError("complex numbers, which are not read");
        default:
            break;
    }
    const bool known = (type >= 1 && type <= 13) || type == 16;
    if (!known) throw InputError(fmt::format("elements of type {}, which is not read", type));
    return static_cast<ElementType>(type);
}

/// The product of dims. Throws InputError for what no memory could hold.
std::int64_t elements_of(const std::vector<std::int64_t>& dims) {
    if (dims.size() > kMostDims) throw InputError(fmt::format("{} dims, wanted {} at most", dims.size(), kMostDims));
    std::int64_t product = 1;
    bool none = false;
    for (const std::int64_t dim : dims) {
        if (dim < 0) throw InputError(fmt::format("dims {}, wanted none below 0", fmt::join(dims, " x ")));
        none = none || dim == 0;
        if (dim > 0 && __builtin_mul_overflow(product, dim, &product))
            throw InputError(fmt::format("dims {}, whose product no memory holds", fmt::join(dims, " x ")));
    }
    return none ? 0 : product;
}

/// What integers of a type may be.
std::pair<std::int64_t, std::int64_t> range_of(ElementType type) {
    constexpr std::int64_t kBit = 1;
    switch (type) {
        case ElementType::boolean:
            return {0, 1};
        case ElementType::s8:
            return {-(kBit << 7), (kBit << 7) - 1};
        case ElementType::u8:
            return {0, (kBit << 8) - 1};
        case ElementType::s16:
            return {-(kBit << 15), (kBit << 15) - 1};
        case ElementType::u16:
        case ElementType::f16:
        case ElementType::bf16:
            return {0, (kBit << 16) - 1};
        case ElementType::s32:
            return {-(kBit << 31), (kBit << 31) - 1};
        case ElementType::u32:
            return {0, (kBit << 32) - 1};
        case ElementType::u64:
            return {0, std::numeric_limits<std::int64_t>::max()};  // more does not fit an Array
        default:
            return {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
    }
}

float float_from_bits(ElementType type, std::uint16_t bits) {
    return type == ElementType::f16 ? from_half(bits) : kernels::from_bf16(bits);
}

/// What `bytes`, little-endian, are as T, made an Element by `convert`.
template <class T, class Element, class Convert>
void take_raw(std::span<const std::byte> bytes, std::vector<Element>& values, const Convert& convert) {
    values.resize(bytes.size() / sizeof(T));
    for (std::size_t i = 0; i < values.size(); ++i) {
        T value;
        std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
        values[i] = static_cast<Element>(convert(value));
    }
}

void take_raw(std::span<const std::byte> bytes, Array& array) {
    const auto same = [](auto value) { return value; };
    const auto half = [&](std::uint16_t bits) { return float_from_bits(array.type, bits); };
    switch (array.type) {
        case ElementType::f32:
            return take_raw<float>(bytes, array.floats, same);
        case ElementType::f64:
            return take_raw<double>(bytes, array.floats, same);
        case ElementType::f16:
        case ElementType::bf16:
            return take_raw<std::uint16_t>(bytes, array.floats, half);
        case ElementType::boolean:
            return take_raw<std::uint8_t>(bytes, array.integers, [](std::uint8_t value) { return value != 0; });
        case ElementType::u8:
            return take_raw<std::uint8_t>(bytes, array.integers, same);
        case ElementType::s8:
            return take_raw<std::int8_t>(bytes, array.integers, same);
        case ElementType::u16:
            return take_raw<std::uint16_t>(bytes, array.integers, same);
        case ElementType::s16:
            return take_raw<std::int16_t>(bytes, array.integers, same);
        case ElementType::s32:
            return take_raw<std::int32_t>(bytes, array.integers, same);
        case ElementType::u32:
            return take_raw<std::uint32_t>(bytes, array.integers, same);
        default:
            return take_raw<std::int64_t>(bytes, array.integers, same);
    }
}

void require_count(std::uint64_t wanted, std::uint64_t came, const char* what) {
    if (wanted != came) throw InputError(fmt::format("{} {}, its dims and type want {}", came, what, wanted));
}

/// u64 that do not fit are negative now, as raw data are not checked otherwise: every other type fits by its size.
void require_range(const Array& array) {
    const auto [least, most] = range_of(array.type);
    for (const std::int64_t value : array.integers)
        if (value < least || value > most)
            throw InputError(fmt::format("{} among its values, which is no {}", value, name(array.type)));
}

/// Values that lie in the field of their type.
void take_typed(Parts& parts, Array& array, std::uint64_t elements) {
    switch (array.type) {
        case ElementType::f32:
            require_count(elements, parts.floats.size(), "values");
            array.floats = std::move(parts.floats);
            return;
        case ElementType::f64:
            require_count(elements, parts.doubles.size(), "values");
            for (const double value : parts.doubles) array.floats.push_back(static_cast<float>(value));
            return;
        case ElementType::s64:
            array.integers = std::move(parts.int64s);
            break;
        case ElementType::u32:
        case ElementType::u64:
            array.integers = std::move(parts.uint64s);
            break;
        default:
            array.integers = std::move(parts.int32s);
            for (std::int64_t& value : array.integers) value = static_cast<std::int32_t>(value);  // as protobuf has it
    }
    require_count(elements, array.integers.size(), "values");
    require_range(array);
    if (!is_float(array.type)) return;
    for (const std::int64_t bits : array.integers)
        array.floats.push_back(float_from_bits(array.type, static_cast<std::uint16_t>(bits)));
    array.integers.clear();
    array.integers.shrink_to_fit();
}

ExternalRange range_from(const std::map<std::string, std::string>& entries) {
    const auto number = [&](const char* key) -> std::optional<std::uint64_t> {
        const auto entry = entries.find(key);
        if (entry == entries.end()) return std::nullopt;
        const std::string& text = entry->second;
        constexpr std::size_t kMostDigits = 18;
        if (text.empty() || text.size() > kMostDigits || text.find_first_not_of("0123456789") != std::string::npos)
            throw InputError(fmt::format("the {} '{}' of its data, wanted a whole number", key, excerpt(text)));
        return std::stoull(text);
    };
    const auto location = entries.find("location");
    return {location == entries.end() ? std::string() : location->second, number("offset").value_or(0),
            number("length")};
}

void take_external(const Parts& parts, Array& array, std::uint64_t size, ExternalFiles& files) {
    const ExternalRange range = range_from(parts.external);
    files.check(range, size);
    if (array.type == ElementType::f32) {
        array.floats.resize(size / sizeof(float));
        return files.read(range, std::as_writable_bytes(std::span(array.floats)));
    }
    std::vector<std::byte> bytes(size);
    files.read(range, bytes);
    take_raw(bytes, array);
    require_range(array);
}

Array array_from(Parts& parts, Budget& budget, ExternalFiles& files) {
    Array array;
    array.type = type_from(parts.type);
    array.dims = std::move(parts.dims);
    if (parts.segmented) throw InputError("a segment of a tensor, which is not read");
    const std::int64_t elements = elements_of(array.dims);
    const std::size_t width = bytes_of(array.type);
    if (width == 1 && elements > kMostBytesWidened)
        throw InputError(fmt::format("{} elements of 8 bits, wanted 2^28 at most", elements));
    std::int64_t size = 0;
    if (__builtin_mul_overflow(elements, static_cast<std::int64_t>(sizeof(std::int64_t)), &size))
        throw InputError(fmt::format("dims {}, whose product no memory holds", fmt::join(array.dims, " x ")));
    const auto count = static_cast<std::uint64_t>(elements);
    budget.parts(array.dims.size());
    budget.bytes(count * (is_float(array.type) ? sizeof(float) : sizeof(std::int64_t)));
    constexpr std::int64_t kExternal = 1;
    if (parts.location == kExternal) {
        take_external(parts, array, count * width, files);
    } else if (parts.has_raw) {
        require_count(count * width, parts.raw.size(), "bytes");
        take_raw(std::as_bytes(std::span(parts.raw)), array);
        require_range(array);
    } else {
        take_typed(parts, array, count);
    }
    return array;
}

}  // namespace

std::size_t bytes_of(ElementType type) {
    switch (type) {
        case ElementType::u8:
        case ElementType::s8:
        case ElementType::boolean:
            return 1;
        case ElementType::u16:
        case ElementType::s16:
        case ElementType::f16:
        case ElementType::bf16:
            return 2;
        case ElementType::f64:
        case ElementType::s64:
        case ElementType::u64:
            return 8;
        default:
            return 4;
    }
}

NamedArray read_tensor(std::string_view message, Budget& budget, ExternalFiles& files) {
    Parts parts = parts_from(message, budget);
    try {
        Array array = array_from(parts, budget, files);
        return {std::move(parts.name), std::move(array)};
    } catch (const InputError& error) {
        throw InputError(fmt::format("tensor '{}': {}", excerpt(parts.name), error.what()));
    }
}

}  // namespace keel::onnx
