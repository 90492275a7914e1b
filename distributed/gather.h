// Small messages between all ranks, over any communicator: every rank calls these in the same order.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "distributed/communicator.h"

namespace keel {

/// Every rank's `bytes`, by rank; all give equally many. ceil(log2 P) messages (Bruck et al. 1997).
std::vector<std::byte> gather_bytes(Communicator& communicator, std::span<const std::byte> own);

/// Every rank's value, by rank.
template <class T>
std::vector<T> gather(Communicator& communicator, const T& own) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto bytes = gather_bytes(communicator, std::as_bytes(std::span(&own, 1)));
    std::vector<T> values(static_cast<std::size_t>(communicator.size()));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

/// Every rank's text, of any length, by rank.
std::vector<std::string> gather_texts(Communicator& communicator, const std::string& own);

/// Returns the text that rank 0 gives, on all ranks; it travels by a binomial tree.
std::string broadcast(Communicator& communicator, const std::string& text);

/// Returns once all ranks have called it.
void barrier(Communicator& communicator);

}  // namespace keel
