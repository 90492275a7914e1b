#include "kernels/simd/avx512.h"
#include "kernels/simd/turn.h"

#include "kernels/igemm/pairs_word.h"

#include "kernels/igemm/igemm_bf16_body.h"
#include "kernels/igemm/matrix_body.h"

namespace keel::kernels::simd {
namespace {

inline void turn(const IgemmTurn& t) { turn_words(t.rows, t.columns, t.src, t.src_row, t.dst, t.dst_row); }

constexpr IgemmBf16Variant igemm_on_matrix(const Isa& isa) {
    IgemmBf16Variant variant = igemm_bf16(isa);
    IgemmVariant& words = variant.words;
    words.rows = kMatrixRows;
    words.tile = tile_on_matrix<Bf16Word>;
    words.outer = outer_on_matrix;
    words.row_unit = kTileRows;
    words.step = kStep;
    words.block_depth = kMatrixBlockDepth;
    words.turn = turn;
    words.open = open_matrix;
    words.close = close_matrix;
    return variant;
}

}  // namespace
}  // namespace keel::kernels::simd

namespace keel::kernels {

const IgemmBf16Variant igemm_bf16_amx = simd::igemm_on_matrix(simd::presented(Isa::amx));

}  // namespace keel::kernels
