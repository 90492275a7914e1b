#include "graph/ops/registry.h"

#include "graph/ops/add.h"
#include "graph/ops/affine.h"
#include "graph/ops/conv.h"
#include "graph/ops/pool.h"
#include "graph/ops/quant_conv.h"
#include "graph/ops/quant_convert.h"
#include "graph/ops/quant_pool.h"

namespace keel::graph {
namespace {

constexpr OpKind kKinds[] = {
    op_kind<Conv>(),     op_kind<Pool>(),       op_kind<Affine>(),    op_kind<Add>(),
    op_kind<Quantize>(), op_kind<Dequantize>(), op_kind<QuantConv>(), op_kind<QuantPool>(),
};

}  // namespace

std::span<const OpKind> op_kinds() { return kKinds; }

}  // namespace keel::graph
