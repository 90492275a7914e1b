// Maps that backward reads but the graph does not keep: cheap to make again from others that it keeps anyway.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "engine/tensor.h"

namespace keel {

/// Makes a map when it is first asked for and holds it from then on; to the bit what it was before. `passes`: how many
/// maps are to be made for it at most, it included.
class Recompute {
public:
    Recompute(std::function<Tensor()> make, int passes) : make_(std::move(make)), passes_(passes) {}
    int passes() const { return passes_; }
    const Tensor& map() {
        if (!map_) map_ = make_();
        return map_;
    }

private:
    std::function<Tensor()> make_;
    int passes_;
    Tensor map_;
};

/// What an operator holds of a map that its backward reads: the map, or how it is made again.
class SavedTensor {
public:
    SavedTensor() = default;
    explicit SavedTensor(const Tensor& map) : recompute_(map.recompute()), map_(recompute_ ? Tensor() : map.detach()) {}
    const Tensor& get() const { return recompute_ ? recompute_->map() : map_; }

private:
    std::shared_ptr<Recompute> recompute_;
    Tensor map_;
};

}  // namespace keel
