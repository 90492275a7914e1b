// The fields of an operator in a file, listed once for both directions: an archive writes what it is given, or fills
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/tensor.h"
#include "graph/value.h"

namespace keel::graph {

/// Names are those of the file format and unique within an operator. Reading throws InputError (or the JSON library's
/// exceptions) for a field that is missing or of another type.
class Archive {
public:
    virtual ~Archive() = default;

    /// An empty list is left out of the file, and a list that the file lacks is read as empty: check() knows which must
    /// be there, and how long integers, which have any sign and size, may be.
    virtual void numbers(const std::string& name, std::vector<float>& values) = 0;
    virtual void numbers(const std::string& name, std::vector<std::uint8_t>& values) = 0;
    virtual void integers(const std::string& name, std::vector<std::int64_t>& values) = 0;
    virtual void tensor(const std::string& name, Tensor& tensor, DType type) = 0;
    virtual void integer(const std::string& name, int& value) = 0;  ///< 0 to 2^20
    virtual void integer(const std::string& name, std::uint8_t& value) = 0;
    virtual void number(const std::string& name, float& value) = 0;  ///< finite
    virtual void flag(const std::string& name, bool& value) = 0;
    /// One of `words`, by its index.
    virtual void word(const std::string& name, int& index, std::span<const char* const> words) = 0;
    virtual void slice(const std::string& name, Value& value) = 0;

    /// One of an enumeration, by the word for it: `words` are in its order.
    template <class T>
    requires std::is_enum_v<T>
    void choice(const std::string& name, T& value, std::span<const char* const> words) {
        int index = static_cast<int>(value);
        word(name, index, words);
        value = static_cast<T>(index);
    }

    /// Returns whether the field is there; a reader makes it, so that its parts can follow.
    template <class T>
    bool optional(const std::string& name, std::optional<T>& value) {
        const bool there = present(name, value.has_value());
        if (there && !value) value.emplace();
        return there;
    }

private:
    /// Notes in the file that `name` is there if `here`, or returns whether the file has it.
    virtual bool present(const std::string& name, bool here) = 0;
};

}  // namespace keel::graph
