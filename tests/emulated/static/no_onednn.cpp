// Stands in for oneDNN, which Debian has no archive of, in a program that is linked statically: no test of such a
// program gets here.
#include "kernels/error.h"
#include "kernels/onednn/conv.h"
#include "kernels/onednn/library.h"
#include "kernels/onednn/sgemm.h"

namespace keel::kernels {
namespace {

[[noreturn]] void refuse() { throw UsageError("[onednn] this program has no oneDNN"); }

}  // namespace

namespace onednn {

WeightsLayout preferred_layout(const Conv2dGeometry&, bool) { refuse(); }
bool takes_halves(const Conv2dGeometry&) { return false; }
void forward(const Conv2dGeometry&, bool, ConstMap, const float*, const WeightsLayout&, const float*, Map) { refuse(); }
void backward_data(const Conv2dGeometry&, ConstMap, const float*, const WeightsLayout&, Map) { refuse(); }
void backward_weights(const Conv2dGeometry&, ConstMap, ConstMap, float*, const WeightsLayout&, float*) { refuse(); }
std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry&, const ConvFusion&) { refuse(); }
void sgemm(const GemmGeometry&, const float*, const float*, bool, float*) { refuse(); }

}  // namespace onednn

ConvImplementations conv2d_implementations(const Conv2dGeometry&) { refuse(); }
std::int64_t conv2d_primitive_count() { refuse(); }
void trim_primitives() { refuse(); }
std::string convolution_library() { return "none"; }

}  // namespace keel::kernels
