#include "graph/ops/registry.h"

#include "graph/ops/activation.h"
#include "graph/ops/add.h"
#include "graph/ops/affine.h"
#include "graph/ops/binary.h"
#include "graph/ops/conv.h"
#include "graph/ops/fake_quantize.h"
#include "graph/ops/matmul.h"
#include "graph/ops/norm.h"
#include "graph/ops/pad.h"
#include "graph/ops/pool.h"
#include "graph/ops/prelu.h"
#include "graph/ops/quant_add.h"
#include "graph/ops/quant_conv.h"
#include "graph/ops/quant_convert.h"
#include "graph/ops/quant_pool.h"
#include "graph/ops/rearrange.h"
#include "graph/ops/reduce.h"
#include "graph/ops/resize.h"
#include "graph/ops/softmax.h"
#include "graph/ops/window_pool.h"

namespace keel::graph {
namespace {

constexpr OpKind kOpKinds[] = {
    op_kind<Conv>(),      op_kind<Pool>(),         op_kind<Affine>(),
    op_kind<Add>(),       op_kind<Quantize>(),     op_kind<Dequantize>(),
    op_kind<QuantConv>(), op_kind<QuantPool>(),    op_kind<Activate>(),
    op_kind<Rearrange>(), op_kind<Binary>(),       op_kind<WindowPool>(),
    op_kind<LayerNorm>(), op_kind<InstanceNorm>(), op_kind<LocalResponseNorm>(),
    op_kind<Softmax>(),   op_kind<Resize>(),       op_kind<Pad>(),
    op_kind<MatMul>(),    op_kind<Reduce>(),       op_kind<FakeQuantize>(),
    op_kind<PRelu>(),     op_kind<QuantAdd>(),
};

}  // namespace

std::span<const OpKind> op_kinds() { return kOpKinds; }

}  // namespace keel::graph
