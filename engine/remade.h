// Maps that backward reads but the graph does not keep: cheap to make again from others that it keeps anyway.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "engine/tensor.h"

namespace keel {

/// Makes a map when it is first asked for and holds it from then on; to the bit what it was before.
class Remade {
public:
    explicit Remade(std::function<Tensor()> make) : make_(std::move(make)) {}
    const Tensor& map() {
        if (!map_) map_ = make_();
        return map_;
    }

private:
    std::function<Tensor()> make_;
    Tensor map_;
};

/// What an operator holds of a map that its backward reads: the map, or how it is made again.
class KeptMap {
public:
    KeptMap() = default;
    explicit KeptMap(const Tensor& map) : remade_(map.remade()), map_(remade_ ? Tensor() : map.detach()) {}
    const Tensor& get() const { return remade_ ? remade_->map() : map_; }

private:
    std::shared_ptr<Remade> remade_;
    Tensor map_;
};

}  // namespace keel
