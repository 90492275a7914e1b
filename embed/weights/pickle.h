// Reads Python's pickles, protocols 0 to 5 (https://docs.python.org/3/library/pickletools.html), as data: nothing that
// a file names is imported, called or run. What a pickle would call becomes an object that says what would be called,
// with what.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel {

/// A value of a pickle. Values may hold one another in a ring, as Python's may: whoever goes down into them counts how
/// deep.
struct PickleValue {
    enum class Kind { none, boolean, integer, big_integer, real, text, bytes, tuple, list, dict, set, global, object };

    Kind kind = Kind::none;
    std::int64_t integer = 0;  ///< of integers and booleans
    double real = 0;
    std::string text{};  ///< of texts (UTF-8) and bytes; of a global "module.name"; of big integers their bytes,
                         ///< little-endian
    std::vector<const PickleValue*> items{};  ///< of tuples, lists and sets, and what is appended to an object
    std::vector<std::pair<const PickleValue*, const PickleValue*>> entries{};  ///< of dicts, and what an object is
                                                                               ///< given by keys
    const PickleValue* callable = nullptr;   ///< of objects: what makes them, a global; none of a persistent id
    const PickleValue* arguments = nullptr;  ///< of objects: a tuple, or the persistent id
    const PickleValue* state = nullptr;      ///< of objects: what they are built of after that, if anything

    bool is_text() const { return kind == Kind::text; }
    bool is_integer() const { return kind == Kind::integer; }
    bool is_sequence() const { return kind == Kind::tuple || kind == Kind::list; }
    /// Whether it is what the global "module.name" makes.
    bool is_made_by(std::string_view global) const {
        return kind == Kind::object && callable != nullptr && callable->kind == Kind::global &&
               callable->text == global;
    }
    /// Returns the value of a key that is a text, null where there is none.
    const PickleValue* find(std::string_view key) const;
};

struct Pickle {
    std::deque<PickleValue> values;  ///< all there are
    const PickleValue* root = nullptr;
    std::size_t bytes = 0;  ///< that it takes: another one may follow
};

/// Reads the pickle at the beginning of `bytes`. Memory is bounded by a small multiple of their number. Throws
/// InputError, without naming a file, for bytes that are none and for what is out of band or of a registry of
/// extensions.
Pickle read_pickle(std::span<const std::uint8_t> bytes);

}  // namespace keel
