#include "data/sampler.h"

#include <numeric>
#include <utility>

#include "kernels/random.h"

namespace keel {

std::vector<std::int64_t> permutation(std::uint64_t seed, std::uint64_t epoch, std::int64_t n) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    Random random(seed, Draw::shuffle, epoch);
    shuffle(order.begin(), order.end(), random);
    return order;
}

}  // namespace keel
