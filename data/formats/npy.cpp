#include "data/formats/npy.h"

#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>

#include <fmt/core.h>

#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::size_t kMaxDims = 8;

/// Parses the header's Python dict literal: exactly the keys descr, fortran_order and shape, each once.
class HeaderParser {
public:
    HeaderParser(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

    void parse(NpyArray& array) {
        bool descr = false, order = false, shape = false;
        expect('{');
        while (!accept('}')) {
            const std::string_view key = quoted();
            expect(':');
            if (key == "descr" && !descr) {
                parse_type(quoted(), array);
                descr = true;
            } else if (key == "fortran_order" && !order) {
                if (!accept_word("False")) fail("only C order (fortran_order: False) is supported");
                order = true;
            } else if (key == "shape" && !shape) {
                parse_shape(array);
                shape = true;
            } else {
                fail(fmt::format("unexpected key '{}' in the header", key));
            }
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        skip_space();
        if (!rest_.empty() || !descr || !order || !shape) fail("malformed header");
    }

private:
    [[noreturn]] void fail(const std::string& what) const {
        throw InputError(fmt::format("[npy] {}: {}", name_, what));
    }

    void skip_space() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
    }
    bool accept_word(std::string_view word) {
        skip_space();
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    bool accept(char c) { return accept_word({&c, 1}); }
    void expect(char c) {
        if (!accept(c)) fail(fmt::format("malformed header: '{}' is missing", c));
    }
    std::string_view quoted() {
        skip_space();
        const char quote = rest_.empty() ? '\0' : rest_.front();
        const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : std::string_view::npos;
        if (end == std::string_view::npos) fail("malformed header: a string is missing");
        const std::string_view word = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
        return word;
    }

    /// What messages say of a type that is not read.
    static std::string_view kind_of(std::string_view type) {
        if (type.find('f') != std::string_view::npos) return " (floating point: which value is white is not known)";
        if (type.find('O') != std::string_view::npos) return " (pickled Python objects, which are never executed)";
        return type.starts_with('>') ? " (big-endian)" : "";
    }

    void parse_type(std::string_view type, NpyArray& array) const {
        const bool known = type.size() == 3 && (type[0] == '|' || type[0] == '<') &&
                           std::strchr("uib", type[1]) != nullptr && std::strchr("1248", type[2]) != nullptr;
        if (!known || (type[0] == '|') != (type[2] == '1') || (type[1] == 'b' && type[2] != '1'))
            fail(fmt::format("items of type '{}'{}, little-endian integers are wanted", excerpt(type), kind_of(type)));
        array.kind = type[1];
        array.item_bytes = type[2] - '0';
    }

    void parse_shape(NpyArray& array) {
        expect('(');
        while (!accept(')')) {
            skip_space();
            std::int64_t extent = -1;
            const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
            if (error != std::errc{} || extent < 0 || array.shape.size() == kMaxDims) fail("malformed shape");
            rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
            array.shape.push_back(extent);
            if (!accept(',')) {
                expect(')');
                break;
            }
        }
    }

    std::string_view rest_;
    const std::string& name_;
};

}  // namespace

std::int64_t NpyArray::size() const {
    std::int64_t items = 1;
    for (std::int64_t extent : shape) items *= extent;
    return items;
}

std::int64_t NpyArray::integer(std::int64_t i) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes() + i * item_bytes, static_cast<std::size_t>(item_bytes));
    if (kind == 'i' && item_bytes < 8) {
        const std::uint64_t sign = std::uint64_t{1} << (8 * item_bytes - 1);
        value = (value ^ sign) - sign;
    }
    if (kind == 'u' && value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        throw InputError(fmt::format("[npy] item {} is too large: {}", i, value));
    }
    return static_cast<std::int64_t>(value);
}

NpyArray parse_npy(std::vector<std::uint8_t> file, const std::string& name) {
    const auto fail = [&](const std::string& what) { throw InputError(fmt::format("[npy] {}: {}", name, what)); };
    constexpr std::string_view kMagic = "\x93NUMPY";
    if (file.size() < 12 || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0) fail("not an npy file");
    const int version = file[6];
    if (version < 1 || version > 3 || file[7] != 0) fail(fmt::format("version {}.{} is unknown", version, file[7]));
    const std::size_t start = version == 1 ? 10 : 12;
    std::size_t length = std::size_t{file[8]} | std::size_t{file[9]} << 8;
    if (version > 1) length |= std::size_t{file[10]} << 16 | std::size_t{file[11]} << 24;
    if (length > file.size() - start) fail("truncated header");

    NpyArray array{};
    HeaderParser({reinterpret_cast<const char*>(file.data()) + start, length}, name).parse(array);
    array.data = start + length;
    const std::size_t left = (file.size() - array.data) / static_cast<std::size_t>(array.item_bytes);
    // The product is held against the file at every step, so it cannot overflow.
    std::size_t items = 1;
    for (std::int64_t extent : array.shape) {
        if (items != 0 && static_cast<std::size_t>(extent) > left / items)
            fail("the shape claims more items than the file holds");
        items *= static_cast<std::size_t>(extent);
    }
    if (items * static_cast<std::size_t>(array.item_bytes) != file.size() - array.data)
        fail("the shape claims fewer items than the file holds");
    array.file = std::move(file);
    return array;
}

}  // namespace keel
