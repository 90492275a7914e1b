#include "graph/quantize/quantize_graph.h"

#include "graph/quantize/pass.h"

namespace keel {

QuantizedGraph quantize_graph(const graph::Graph& floats, const Calibration& calibration, RangeMethod method,
                              const KeptFloats& kept) {
    return QuantizePass(floats, calibration, method, kept).run();
}

}  // namespace keel
