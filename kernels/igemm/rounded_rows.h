// What becomes of a convolution's sums where its maps are of bf16: they are made in f32, a chunk of rows at a time, and
// rounded once, after the residual and the activation.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/activation/rows.h"
#include "kernels/bf16.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/variants.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace keel::kernels::igemm {

/// Returns memory of the calling thread for so many floats.
inline float* floats_of_scratch(std::int64_t floats) {
    return reinterpret_cast<float*>(scratch(static_cast<std::size_t>(floats) * sizeof(float)));
}

/// Makes `words` words of pairs of rows of f32 weights, on all threads.
inline void pair_rows(const IgemmBf16Variant& variant, std::int64_t words, const float* weights, float* pairs) {
    const std::int64_t columns = variant.words.columns;
    parallel_for(words / columns, 4096 / columns, [&](std::int64_t begin, std::int64_t end) {
        variant.pair_rows({end - begin, weights + 2 * begin * columns, pairs + begin * columns});
    });
}

/// Where grid points go in dst, if not in order.
struct Placement {
    std::int64_t grid_h, grid_w, dst_h, dst_w, step_h = 1, step_w = 1, y, x;

    std::int64_t pixel_of(std::int64_t point) const {
        if (step_h == 1 && step_w == 1) return point;
        const std::int64_t n = point / grid_w / grid_h;
        return (n * dst_h + point / grid_w % grid_h * step_h + y) * dst_w + point % grid_w * step_w + x;
    }
};

/// Writes rows of sums to the pixels of `dst` that `placement` says; a dst that is null is written by nobody. The
/// epilogue of `fusion` sees them first, in f32, and may change them.
class RoundedRows final : public RowEpilogue {
public:
    RoundedRows(const IgemmBf16Variant& variant, const Placement& placement, const IgemmFusion& fusion, Map dst)
        : variant_(variant), placement_(placement), fusion_(fusion), activation_(fusion.activation), dst_(dst) {}

    void begin(const RowChunks& chunks) override {
        chunks_ = &chunks;
        if (fusion_.epilogue != nullptr) fusion_.epilogue->begin(chunks);
    }

    void take(std::int64_t chunk, std::int64_t first, std::int64_t count, float* rows, std::int64_t ld) override {
        if (fusion_.epilogue != nullptr) fusion_.epilogue->take(chunk, first, count, rows, ld);
        if (dst_.data == nullptr) return;
        for (std::int64_t point = chunks_->begin(chunk); point < chunks_->end(chunk); ++point, rows += ld) {
            const std::int64_t pixel = placement_.pixel_of(point);
            const ConstMap& residual = fusion_.residual;
            const std::uint16_t* added = nullptr;
            if (residual.data != nullptr)
                added = static_cast<const std::uint16_t*>(residual.data) + pixel * residual.ld + first;
            std::uint16_t* to = static_cast<std::uint16_t*>(dst_.data) + pixel * dst_.ld + first;
            if (!activation_) {
                variant_.round({count, rows, added, to, fusion_.relu});
                continue;
            }
            for (std::int64_t j = 0; added != nullptr && j < count; ++j) rows[j] += from_bf16(added[j]);
            for (std::int64_t j = 0; fusion_.relu && j < count; ++j) rows[j] = rows[j] < 0 ? 0.0F : rows[j];
            activation_.apply(rows, count);
            variant_.round({count, rows, nullptr, to, false});
        }
    }

    std::array<RowMap, 2> reads() const override {
        return fusion_.epilogue == nullptr ? std::array<RowMap, 2>{} : fusion_.epilogue->reads();
    }

private:
    const IgemmBf16Variant& variant_;
    Placement placement_;
    const IgemmFusion& fusion_;
    RowActivation activation_;
    Map dst_;
    const RowChunks* chunks_ = nullptr;
};

}  // namespace keel::kernels::igemm
