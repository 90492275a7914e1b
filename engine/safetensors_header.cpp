#include "engine/safetensors_header.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace keel::safetensors {
namespace {

constexpr std::array<EncodingTraits, 10> kEncodings{{{"F64", 8, DType::f64, true},
                                                     {"F32", 4, DType::f32, true},
                                                     {"F16", 2, DType::f32, false},
                                                     {"BF16", 2, DType::f32, false},
                                                     {"I64", 8, DType::s32, false},
                                                     {"I32", 4, DType::s32, true},
                                                     {"I16", 2, DType::s32, false},
                                                     {"I8", 1, DType::s8, true},
                                                     {"U8", 1, DType::u8, true},
                                                     {"BOOL", 1, DType::u8, true}}};
constexpr std::uint64_t kMaxTensorBytes = std::uint64_t{1} << 46;

[[noreturn]] void refuse(const std::string& what) { throw InputError(what); }

Encoding encoding_named(const std::string& tensor, std::string_view name) {
    const auto found = std::ranges::find(kEncodings, name, &EncodingTraits::name);
    if (found == kEncodings.end())
        refuse("tensor " + shown(tensor) + ": wanted dtype F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL, got " +
               shown(name));
    return static_cast<Encoding>(found - kEncodings.begin());
}

/// One tensor's object while it is being read.
struct Draft {
    std::string name;
    std::optional<std::string> dtype;
    std::optional<std::vector<std::uint64_t>> shape, offsets;
};

Entry checked(const Draft& draft, std::uint64_t data_bytes) {
    const std::string who = "tensor " + shown(draft.name) + ": ";
    if (!draft.dtype || !draft.shape || !draft.offsets)
        refuse(who + "wanted dtype, shape and data_offsets, not all are there");
    if (draft.shape->size() > Dims::kMaxRank)
        refuse(who + "wanted at most 4 dims, got " + std::to_string(draft.shape->size()));
    if (draft.offsets->size() != 2)
        refuse(who + "wanted two data_offsets, got " + std::to_string(draft.offsets->size()));

    const Encoding encoding = encoding_named(draft.name, *draft.dtype);
    // Both products count an extent of 0 as 1 too, so that no order of the extents overflows; as read, an element takes
    // 8 at most.
    std::uint64_t bytes = traits(encoding).bytes, bound = 8;
    std::vector<std::int64_t> extents;
    for (const std::uint64_t extent : *draft.shape) {
        if (extent > 0 && bound > kMaxTensorBytes / extent) refuse(who + "its shape is too large");
        bound *= std::max<std::uint64_t>(extent, 1);
        bytes *= extent;
        extents.push_back(static_cast<std::int64_t>(extent));
    }
    if (extents.empty()) extents.push_back(1);

    const std::uint64_t begin = (*draft.offsets)[0], end = (*draft.offsets)[1];
    if (begin > end || end > data_bytes)
        refuse(who + "its bytes " + std::to_string(begin) + " to " + std::to_string(end) + " are not in the data of " +
               std::to_string(data_bytes));
    if (end - begin != bytes)
        refuse(who + "its shape implies " + std::to_string(bytes) + " bytes, its offsets " +
               std::to_string(end - begin));
    return {draft.name, encoding, Dims(std::span<const std::int64_t>(extents)), begin, end};
}

/// Takes the parser's events; every event that the format does not foresee ends in `refuse`.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
public:
    explicit HeaderReader(std::uint64_t data_bytes) : data_bytes_(data_bytes) {}
    Header take() { return std::move(header_); }

    bool start_object(std::size_t) override {
        if (where_ == Where::outside) {
            where_ = Where::top;
        } else if (where_ == Where::top) {
            where_ = key_ == "__metadata__" ? Where::metadata : Where::tensor;
            draft_ = {key_, {}, {}, {}};
        } else {
            unexpected("an object");
        }
        return true;
    }

    bool key(std::string& key) override {
        key_ = key;
        if (where_ == Where::top && !names_.insert(key).second) refuse("the name " + shown(key) + " comes twice");
        return true;
    }

    bool end_object() override {
        if (where_ == Where::tensor) header_.entries.push_back(checked(draft_, data_bytes_));
        where_ = where_ == Where::top ? Where::outside : Where::top;
        return true;
    }

    bool string(std::string& value) override {
        if (where_ == Where::metadata) {
            if (!header_.metadata.emplace(key_, value).second) refuse("the metadata " + shown(key_) + " comes twice");
        } else if (where_ == Where::tensor && key_ == "dtype" && !draft_.dtype) {
            draft_.dtype = value;
        } else {
            unexpected("a string");
        }
        return true;
    }

    bool start_array(std::size_t) override {
        if (where_ == Where::tensor && key_ == "shape" && !draft_.shape)
            numbers_ = &draft_.shape.emplace();
        else if (where_ == Where::tensor && key_ == "data_offsets" && !draft_.offsets)
            numbers_ = &draft_.offsets.emplace();
        else
            unexpected("an array");
        where_ = Where::numbers;
        return true;
    }

    bool end_array() override {
        where_ = Where::tensor;
        return true;
    }

    bool number_unsigned(std::uint64_t value) override {
        if (where_ != Where::numbers) unexpected("a number");
        numbers_->push_back(value);
        return true;
    }

    bool null() override { unexpected("null"); }
    bool boolean(bool) override { unexpected("a boolean"); }
    bool number_integer(std::int64_t) override { unexpected("a negative number"); }
    bool number_float(double, const std::string&) override { unexpected("a number that is no integer"); }
    bool binary(binary_t&) override { unexpected("binary data"); }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        refuse("the header is not valid JSON at byte " + std::to_string(position));
    }

private:
    enum class Where { outside, top, metadata, tensor, numbers };

    [[noreturn]] void unexpected(const std::string& what) const {
        const std::string in =
            where_ == Where::tensor || where_ == Where::numbers ? " of tensor " + shown(draft_.name) : "";
        refuse("the header holds " + what + " where none belongs, at " + shown(key_) + in);
    }

    std::uint64_t data_bytes_;
    Where where_ = Where::outside;
    std::string key_;
    std::set<std::string> names_;
    Draft draft_;
    std::vector<std::uint64_t>* numbers_ = nullptr;
    Header header_;
};

}  // namespace

const EncodingTraits& traits(Encoding encoding) { return kEncodings[static_cast<std::size_t>(encoding)]; }

std::string shown(std::string_view name) {
    constexpr std::size_t kShown = 80;
    std::string text(name.substr(0, kShown));
    std::ranges::replace_if(
        text, [](char c) { return c >= 0 && c < ' '; }, '?');
    return "\"" + text + (name.size() > kShown ? "...\"" : "\"");
}

Header parse_header(std::string_view json, std::uint64_t data_bytes) {
    if (!json.starts_with('{')) refuse("wanted a header that begins with {");
    HeaderReader reader(data_bytes);
    nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
    Header header = reader.take();
    std::ranges::sort(header.entries, {}, [](const Entry& entry) { return std::pair(entry.begin, entry.end); });
    std::uint64_t covered = 0;
    for (const Entry& entry : header.entries) {
        if (entry.begin != covered)
            refuse("tensor " + shown(entry.name) + " begins at byte " + std::to_string(entry.begin) +
                   " of the data, the one before ends at " + std::to_string(covered));
        covered = entry.end;
    }
    if (covered != data_bytes)
        refuse("the tensors end at byte " + std::to_string(covered) + " of " + std::to_string(data_bytes) +
               " bytes of data");
    return header;
}

}  // namespace keel::safetensors
