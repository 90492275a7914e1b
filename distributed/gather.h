// Small messages between all ranks, over any communicator: every rank calls these in the same order.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <type_traits>
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

/// Every rank's `bytes` bytes at `own` become what rank 0 has there.
void broadcast_bytes(Communicator& communicator, void* own, std::size_t bytes);

/// What `combine` (of two values, associative) makes of the values of all ranks, the same on each. It takes no memory
/// for all of them, and comes together by a binomial tree at rank 0: always the same pairs, the lower ranks first.
template <class T, class Combine>
T reduce(Communicator& communicator, T own, Combine combine) {
    static_assert(std::is_trivially_copyable_v<T>);
    constexpr int kReduceTag = 4;
    const int rank = communicator.rank(), ranks = communicator.size();
    for (int distance = 1; distance < ranks; distance *= 2) {
        if ((rank & distance) != 0) {
            communicator.wait(*communicator.send(rank - distance, kReduceTag, &own, sizeof own));
            break;
        }
        if (rank + distance >= ranks) continue;
        T other;
        communicator.wait(*communicator.receive(rank + distance, kReduceTag, &other, sizeof other));
        own = combine(own, other);
    }
    broadcast_bytes(communicator, &own, sizeof own);
    return own;
}

/// Exchanges texts with the ranks `with`, each of which names this one: returns theirs, in that order.
std::vector<std::string> exchange_texts(Communicator& communicator, const std::vector<int>& with,
                                        const std::string& own);

/// Returns once all ranks have called it.
void barrier(Communicator& communicator);

}  // namespace keel
