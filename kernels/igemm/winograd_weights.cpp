// The gradient of the weights by Winograd's algorithm: chunks of tiles are transformed, then each of the 16 positions
// is an outer product over the chunk's tiles. A part has rows and channels of its own and works on what it transformed itself.
#include <algorithm>

#include "kernels/igemm/turned.h"
#include "kernels/igemm/variant_state.h"
#include "kernels/igemm/weights_plan.h"
#include "kernels/igemm/winograd.h"
#include "kernels/igemm/winograd_tiles.h"

namespace keel::kernels {
namespace {

/// Transformed tiles of a chunk stay in the second-level cache; but with fewer of them than kLeastTiles the products
/// would be read and written more often than that saves, and with more than kMostTiles a register tile's rows leave the
/// first-level cache.
constexpr std::int64_t kChunkFloats = 192 << 10, kLeastTiles = 64, kMostTiles = 128;
/// Between rows of v, so that rows of a power of two do not all fall into the same sets of the cache.
constexpr std::int64_t kRowPadding = 16;

struct WinogradWeightsCall {
    const IgemmVariant& variant;
    std::int64_t word;  ///< tiles of a word
    const Conv2dGeometry& g;
    WinogradTiles tiles;
    ConstMap src;
    const ConvAffine& affine;
    ConstMap diff_dst;
};

class Worker {
public:
    Worker(const WinogradWeightsCall& call, const WeightsShare& share)
        : call_(call),
          columns_(call.variant.columns),
          tiles_{share.rows.begin * call.tiles.w, share.rows.end * call.tiles.w},
          ic_(share.ic),
          oc_(share.oc) {
        const std::int64_t fit = call.word * kChunkFloats / (kWinogradPositions * (v_row() + oc_.size()));
        const std::int64_t most = std::clamp(fit, call.word * kLeastTiles, call.word * kMostTiles);
        const std::int64_t unit = call.word * (turns() ? call.variant.step : 1);  // whole cache lines
        chunk_ = chunk_count(chunk_count(tiles_.size(), chunk_count(tiles_.size(), most)), unit) * unit;
    }

    std::int64_t floats() const {
        return kWinogradPositions * (v_position() + z_position() + ic_.size() * oc_.size()) + (turns() ? z_panel() : 0);
    }

    /// Writes the share's channels of `weights`, which has the layout of the weights.
    void run(float* memory, float* weights) const {
        IgemmState state(call_.variant);
        float *v = memory, *z = v + kWinogradPositions * v_position(),
              *products = z + kWinogradPositions * z_position(),
              *spare = products + kWinogradPositions * ic_.size() * oc_.size();
        for (std::int64_t first = tiles_.begin; first < tiles_.end; first += chunk_) {
            const std::int64_t count = std::min(chunk_, tiles_.end - first);
            transform(first, count, v, z);
            for (std::int64_t position = 0; turns() && position < kWinogradPositions; ++position)
                for (std::int64_t at = 0; at < words(chunk_) * oc_.size(); at += z_panel())
                    igemm::turn_panel(call_.variant, words(count), words(chunk_), z + position * z_position() + at,
                                      spare);
            multiply(count, v, z, first > tiles_.begin, products, state.memory());
        }
        for (std::int64_t at = 0; turns() && at < kWinogradPositions * oc_.size(); at += columns_)
            igemm::turn_back(call_.variant, ic_.size(), products + at * ic_.size());
        const std::int64_t panel = ic_.size() * columns_, w_tap = call_.g.ic * columns_;
        for (std::int64_t o = oc_.begin; o < oc_.end; o += columns_)
            call_.variant.winograd_weights_gradient({products + (o - oc_.begin) * ic_.size(), ic_.size() * oc_.size(),
                                                     panel, weights + o * 9 * call_.g.ic + ic_.begin * columns_,
                                                     w_tap});
    }

private:
    bool turns() const { return call_.variant.turn != nullptr; }
    std::int64_t words(std::int64_t tiles) const { return chunk_count(tiles, call_.word); }
    // v is [position][word of tiles][v_row], z [position][panel][word][columns], products
    // [position][panel][ic][columns].
    std::int64_t v_row() const { return ic_.size() + kRowPadding; }
    std::int64_t v_position() const { return position_stride(words(chunk_) * v_row()); }
    std::int64_t z_panel() const { return words(chunk_) * columns_; }
    std::int64_t z_position() const { return position_stride(words(chunk_) * oc_.size()); }

    void transform(std::int64_t first, std::int64_t count, float* v, float* z) const {
        const ConstMap src{element(call_.src, ic_.begin), call_.src.ld, call_.src.type};
        ConvAffine affine = call_.affine;
        if (affine.scale != nullptr) {
            affine.scale += ic_.begin;
            affine.shift += ic_.begin;
        }
        const ConstMap diff{element(call_.diff_dst, oc_.begin), call_.diff_dst.ld, call_.diff_dst.type};
        call_.tiles.transform_sources(call_.variant, first, count, src, ic_.size(), affine, v, v_position(), v_row(),
                                      call_.word == 2 ? WordHalf::lower : WordHalf::neighbors);
        call_.tiles.transform_gradients(call_.variant, first, count, diff, oc_.size(), call_.word, z, z_position(),
                                        z_panel());
    }

    void multiply(std::int64_t count, const float* v, const float* z, bool accumulate, float* products,
                  void* state) const {
        const std::int64_t rows = call_.variant.rows;
        IgemmOuter t{};
        t.state = state;
        t.b_row = words(chunk_);
        t.length = words(count);
        t.a_step = v_row();
        t.fetch = v;
        t.fetch_every = t.length;  // nothing to fetch: the chunk is in the cache
        t.accumulate = accumulate;
        for (std::int64_t position = 0; position < kWinogradPositions; ++position)
            for (std::int64_t o = 0; o < oc_.size(); o += columns_) {
                t.b = z + position * z_position() + o * words(chunk_);
                for (std::int64_t i = 0; i < ic_.size(); i += rows) {
                    t.a = v + position * v_position() + i;
                    t.weights = products + (position * oc_.size() + o) * ic_.size() + i * columns_;
                    t.rows = static_cast<int>(std::min(rows, ic_.size() - i));
                    call_.variant.outer(t);
                }
            }
    }

    const WinogradWeightsCall& call_;
    std::int64_t columns_;
    Range tiles_, ic_, oc_;
    std::int64_t chunk_;  ///< tiles at a time
};

}  // namespace

void winograd_backward_weights(const Conv2dGeometry& g, ConstMap src, const ConvAffine& src_affine, ConstMap diff_dst,
                               float* diff_weights) {
    const bool halves = src.type == DType::bf16;
    const IgemmVariant& variant = halves ? select(igemm_bf16_variants).words : select(igemm_variants);
    const WinogradWeightsCall call{variant, halves ? 2 : 1, g, WinogradTiles(g), src, src_affine, diff_dst};
    run_weights_plan<Worker>(call, winograd_weights_work(g, variant.columns), diff_weights);
}

}  // namespace keel::kernels
