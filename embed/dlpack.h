// Tensors of other libraries, and Keel's for them, without a copy: DLPack (https://github.com/dmlc/dlpack), which
// NumPy, PyTorch, JAX and others speak. Includes nothing of it: a program that makes or reads a DLManagedTensor itself
// brings <dlpack/dlpack.h>, of any version below 1.0 or the unversioned struct of a later one.
#pragma once

#include "engine/tensor.h"

struct DLManagedTensor;

namespace keel {

/// Returns a tensor on the memory of `managed`, which it takes over in every case: its deleter, where it has one, is
/// called once, when no tensor uses the memory any more, or before this throws. Images are NHWC; the distance between
/// pixels may be larger than their channels (a slice of the channels is a view), as may that of a matrix's rows.
/// Operators only read the memory. Throws UsageError for memory that is not the CPU's, elements other than f32, f64,
/// u8, s8 and s32, vectors of lanes, more than four dims, strides of any other kind (a transposed matrix, NCHW),
/// extents out of range, an address that is not aligned for the type, and null.
Tensor from_dlpack(DLManagedTensor* managed);

/// Returns the tensor's memory, shared, as the dims and strides of DLPack; the caller, or whom it hands this to, calls
/// the deleter once. Later writes are seen on both sides. The graph that a tensor is part of does not come along.
/// Throws UsageError for an undefined tensor, one of bf16, and convolution weights in a layout of their own
/// (contiguous() makes a plain copy).
DLManagedTensor* to_dlpack(const Tensor& tensor);

}  // namespace keel
