// XXH3-64 of a stream of bytes (https://github.com/Cyan4973/xxHash): tells damage, not malice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace keel {

class Hash {
public:
    Hash();
    ~Hash();
    Hash(Hash&&) noexcept;
    Hash& operator=(Hash&&) noexcept;

    Hash& add(std::span<const std::byte> bytes);
    Hash& add(std::string_view text) { return add(std::as_bytes(std::span(text))); }
    /// Returns the hash of all that was added so far.
    std::uint64_t value() const;
    /// value() as 16 hex digits.
    std::string hex() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace keel
