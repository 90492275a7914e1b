#include "engine/hash.h"

#include <fmt/format.h>
#include <xxhash.h>
#include <new>

namespace keel {

struct Hash::State {
    XXH3_state_t* stream = XXH3_createState();
    State() {
        if (stream == nullptr) throw std::bad_alloc();
        XXH3_64bits_reset(stream);
    }
    ~State() { XXH3_freeState(stream); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
};

Hash::Hash() : state_(std::make_unique<State>()) {}
Hash::~Hash() = default;
Hash::Hash(Hash&&) noexcept = default;
Hash& Hash::operator=(Hash&&) noexcept = default;

Hash& Hash::add(std::span<const std::byte> bytes) {
    XXH3_64bits_update(state_->stream, bytes.data(), bytes.size());
    return *this;
}

std::uint64_t Hash::value() const { return XXH3_64bits_digest(state_->stream); }

std::string Hash::hex() const { return fmt::format("{:016x}", value()); }

}  // namespace keel
