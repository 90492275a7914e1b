#include "distributed/gather.h"

#include <algorithm>
#include <cstdint>

namespace keel {
namespace {

constexpr int kGatherTag = 2;

}  // namespace

std::vector<std::byte> gather_bytes(Communicator& communicator, std::span<const std::byte> own) {
    const int rank = communicator.rank(), ranks = communicator.size();
    const std::size_t block = own.size();
    // Block i is that of rank + i until the end.
    std::vector<std::byte> turned(block * static_cast<std::size_t>(ranks));
    std::ranges::copy(own, turned.begin());
    for (int have = 1; have < ranks; have *= 2) {
        const std::size_t bytes = block * static_cast<std::size_t>(std::min(have, ranks - have));
        const Request in = communicator.receive((rank + have) % ranks, kGatherTag,
                                                turned.data() + block * static_cast<std::size_t>(have), bytes);
        const Request out = communicator.send((rank + ranks - have) % ranks, kGatherTag, turned.data(), bytes);
        communicator.wait(*in);
        communicator.wait(*out);
    }
    std::vector<std::byte> all(turned.size());
    const auto tail = turned.end() - static_cast<std::ptrdiff_t>(block * static_cast<std::size_t>(rank));
    std::copy(turned.begin(), tail, std::copy(tail, turned.end(), all.begin()));
    return all;
}

std::vector<std::string> gather_texts(Communicator& communicator, const std::string& own) {
    const auto sizes = gather(communicator, own.size());
    const std::size_t longest = *std::ranges::max_element(sizes);
    std::vector<std::byte> padded(longest);
    std::memcpy(padded.data(), own.data(), own.size());
    const auto bytes = gather_bytes(communicator, padded);
    std::vector<std::string> texts;
    for (std::size_t r = 0; r < sizes.size(); ++r) {
        texts.emplace_back(sizes[r], '\0');
        std::memcpy(texts[r].data(), bytes.data() + r * longest, sizes[r]);
    }
    return texts;
}

void broadcast_bytes(Communicator& communicator, void* own, std::size_t bytes) {
    const int rank = communicator.rank(), ranks = communicator.size();
    int distance = 1;
    for (; distance < ranks; distance *= 2)
        if ((rank & distance) != 0) {
            communicator.wait(*communicator.receive(rank - distance, kGatherTag, own, bytes));
            break;
        }
    for (distance /= 2; distance > 0; distance /= 2)
        if (rank + distance < ranks) communicator.wait(*communicator.send(rank + distance, kGatherTag, own, bytes));
}

std::string broadcast(Communicator& communicator, const std::string& text) {
    std::uint64_t size = text.size();
    std::string result = communicator.rank() == 0 ? text : std::string();
    broadcast_bytes(communicator, &size, sizeof size);
    result.resize(size);
    broadcast_bytes(communicator, result.data(), size);
    return result;
}

std::vector<std::string> exchange_texts(Communicator& communicator, const std::vector<int>& with,
                                        const std::string& own) {
    const std::uint64_t size = own.size();
    std::vector<std::uint64_t> sizes(with.size());
    std::vector<std::string> texts(with.size());
    std::vector<Request> sent, received;
    for (std::size_t i = 0; i < with.size(); ++i) {
        sent.push_back(communicator.send(with[i], kGatherTag, &size, sizeof size));
        sent.push_back(communicator.send(with[i], kGatherTag, own.data(), own.size()));
        received.push_back(communicator.receive(with[i], kGatherTag, &sizes[i], sizeof sizes[i]));
    }
    for (std::size_t i = 0; i < with.size(); ++i) {
        communicator.wait(*received[i]);
        texts[i].resize(sizes[i]);
        received[i] = communicator.receive(with[i], kGatherTag, texts[i].data(), sizes[i]);
    }
    for (const Request& request : received) communicator.wait(*request);
    for (const Request& request : sent) communicator.wait(*request);
    return texts;
}

void barrier(Communicator& communicator) { gather_bytes(communicator, {}); }

}  // namespace keel
