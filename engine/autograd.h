// Define-by-run reverse-mode differentiation. An operator computes its result, then calls `record` with a function that
// maps the result's gradient to the gradients of its inputs; `backward` runs those functions in reverse order of
// recording.
#pragma once

#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace keel {

/// One gradient an input, in order; an undefined tensor where none is wanted.
using Gradients = std::vector<Tensor>;
/// It may overwrite diff_dst if that is unique().
using BackwardFunction = std::function<Gradients(Tensor diff_dst)>;
/// The backward function of an operator that adds to the gradient of its first input itself. `sum` is what that
/// gradient came to so far, undefined where nothing did. A function that adds to it (in place if it is unique()) moves
/// it to the result; else it is added up as usual.
using AddingBackwardFunction = std::function<Gradients(Tensor diff_dst, Tensor& sum)>;

/// Enters `dst = op(inputs)` into the graph, if recording is on and an input wants a gradient; else returns dst as it
/// is. The graph keeps what the function captured, nothing else, and drops it as soon as backward has passed.
Tensor record(Tensor dst, const std::vector<Tensor>& inputs, BackwardFunction backward);
Tensor record_adding(Tensor dst, const std::vector<Tensor>& inputs, AddingBackwardFunction backward);

/// Adds d loss / d leaf to the gradient of every leaf that requires one. `loss` must hold a single element, unless
/// `diff_loss` (of its dims) is given. Gradients accumulate over calls. The graph is consumed: a second pass over it
/// throws UsageError.
void backward(const Tensor& loss, const Tensor& diff_loss = {});

/// Whether operators of this thread record.
bool grad_enabled();

/// No operator of this thread records during the lifetime of the object.
class NoGrad {
public:
    NoGrad();
    ~NoGrad();
    NoGrad(const NoGrad&) = delete;
    NoGrad& operator=(const NoGrad&) = delete;

private:
    bool before_;
};

}  // namespace keel
