// Values that are known when a model is imported: weights, and the shapes that its nodes reckon with, in which the
// number of images is free.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "graph/import/axes.h"
#include "graph/onnx/model.h"

namespace keel::graph {

/// integers[i] + batches[i] * (the number of images) of an array of integers, + images[i] * (which image it is) of one
/// whose first extent is the images'. Floats have neither.
struct Constant {
    onnx::Array array;
    std::vector<std::int64_t> batches{};  ///< empty: all 0
    std::vector<std::int64_t> images{};   ///< empty: it is the same for all images
    /// Of floats that DequantizeLinear made: what they are whole multiples of, all of them or along an axis.
    std::vector<float> steps{};
    std::size_t steps_axis = 0;

    const std::vector<std::int64_t>& dims() const { return array.dims; }
    bool is_float() const { return onnx::is_float(array.type); }
    std::int64_t batch(std::size_t i) const { return batches.empty() ? 0 : batches[i]; }
    std::int64_t image(std::size_t i) const { return images.empty() ? 0 : images[i]; }
    bool free() const;  ///< whether the images are in it
};

Constant float_constant(std::vector<std::int64_t> dims, std::vector<float> values);
Constant integer_constant(std::vector<std::int64_t> dims, std::vector<std::int64_t> values);

/// Returns the element at `offset` plus the channels that the axes lead through, in their order: a constant of their
/// extents. The axes are of the constant's own memory (dense_axes).
Constant rearranged(const Constant& from, std::span<const Axis> axes, std::int64_t offset = 0);

/// Returns the constant in another shape of as many elements.
Constant reshaped(Constant from, std::vector<std::int64_t> dims);

/// Returns what a function of doubles makes of each element: of floats, rounded to f32 once.
Constant mapped(const Constant& from, const std::function<double(double)>& function);

/// Returns a constant repeated to `dims` by numpy's rules. Throws InputError where these do not allow it.
Constant expanded(const Constant& from, std::span<const std::int64_t> dims);

/// Returns the extents of two tensors that are broadcast against each other, by numpy's rules. Throws InputError where
/// these do not allow it.
std::vector<std::int64_t> broadcast_dims(std::span<const std::int64_t> a, std::span<const std::int64_t> b);

}  // namespace keel::graph
