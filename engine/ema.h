// Exponential moving average of a model's parameters (Polyak & Juditsky 1992), to evaluate with. Give it the batch
// norms' running statistics as well (`module.state()`): averaged weights make other activations than the newest ones
// do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace keel {

class Ema {
public:
    /// Begins with a copy of the parameters. Throws UsageError unless 0 <= decay < 1.
    Ema(std::vector<NamedTensor> parameters, double decay);

    /// average = d * average + (1 - d) * parameter with d = min(decay, (1 + step) / (10 + step)), so that a short run
    /// forgets its beginning; step counts the updates of the parameters from 0. Throws UsageError while swapped in.
    void update(std::int64_t step);

    /// Exchanges averages and parameters; a second call undoes it. See EmaScope.
    void swap();
    bool swapped_in() const { return swapped_; }

    /// Handles named `ema.P`. Throws UsageError while swapped in.
    std::vector<NamedTensor> state() const;
    /// Replaces the averages by the values of the `ema.` tensors among `tensors`; other names are not looked at. Throws
    /// InputError if one is missing, belongs to no parameter or does not fit; then nothing has changed.
    void load_state(const std::vector<NamedTensor>& tensors);

private:
    void match_layouts() const;

    std::vector<NamedTensor> parameters_;
    std::vector<Tensor> averages_;
    double decay_;
    bool swapped_ = false;
};

/// The model runs with the averages during the lifetime of the object; a null Ema leaves it as it is.
class EmaScope {
public:
    explicit EmaScope(Ema* ema);
    ~EmaScope();
    EmaScope(const EmaScope&) = delete;
    EmaScope& operator=(const EmaScope&) = delete;

private:
    Ema* ema_;
};

/// True for names that `Ema::state` gives.
bool is_ema_state(const std::string& name);

}  // namespace keel
