// Ranks that sum together, by their place among them.
#pragma once

#include <utility>
#include <vector>

namespace keel {

/// An ordered set of ranks. Those that are equally far apart, as all ranks of a run are, take no memory each: with
/// thousands of ranks a list in every one of them would be the square of that.
class RankGroup {
public:
    RankGroup() = default;
    /// `count` ranks from `first` on, `stride` apart.
    static RankGroup every(int first, int count, int stride = 1) {
        RankGroup group;
        group.first_ = first;
        group.count_ = count;
        group.stride_ = stride;
        return group;
    }
    explicit RankGroup(std::vector<int> ranks) : count_(static_cast<int>(ranks.size())) {
        if (ranks.empty()) return;
        first_ = ranks[0];
        stride_ = count_ > 1 ? ranks[1] - ranks[0] : 1;
        for (int i = 0; i < count_; ++i)
            if (ranks[static_cast<std::size_t>(i)] != first_ + i * stride_) {
                listed_ = std::move(ranks);
                return;
            }
    }

    int size() const { return count_; }
    bool empty() const { return count_ == 0; }
    int operator[](int place) const {
        return listed_.empty() ? first_ + place * stride_ : listed_[static_cast<std::size_t>(place)];
    }
    /// Returns the place of a rank, -1 where it is none of these.
    int place_of(int rank) const {
        for (int i = 0; i < count_; ++i)
            if ((*this)[i] == rank) return i;
        return -1;
    }

private:
    int first_ = 0, count_ = 0, stride_ = 1;
    std::vector<int> listed_;  // where they are not equally far apart
};

}  // namespace keel
