// What becomes of a convolution's sums where its maps are of bf16: they are made in f32, a chunk of rows at a time, and
// rounded once, after the residual and the activation.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/activation/rows.h"
#include "kernels/bf16.h"
#include "kernels/igemm/gather_conv.h"
#include "kernels/igemm/igemm.h"

namespace keel::kernels::igemm {

/// Writes rows of sums to the pixels of `dst` that `conv` says; a dst that is null is written by nobody. The epilogue
/// of `fusion` sees them first, in f32, and may change them.
class RoundedRows final : public RowEpilogue {
public:
    RoundedRows(const IgemmBf16Variant& variant, const GatherConv& conv, const IgemmFusion& fusion, Map dst)
        : variant_(variant), conv_(conv), fusion_(fusion), activation_(fusion.activation), dst_(dst) {}

    void begin(const RowChunks& chunks) override {
        chunks_ = &chunks;
        if (fusion_.epilogue != nullptr) fusion_.epilogue->begin(chunks);
    }

    void take(std::int64_t chunk, std::int64_t first, std::int64_t count, float* rows, std::int64_t ld) override {
        if (fusion_.epilogue != nullptr) fusion_.epilogue->take(chunk, first, count, rows, ld);
        if (dst_.data == nullptr) return;
        for (std::int64_t point = chunks_->begin(chunk); point < chunks_->end(chunk); ++point, rows += ld) {
            const std::int64_t pixel = pixel_of(point);
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
    std::int64_t pixel_of(std::int64_t point) const {
        if (conv_.dst_step_h == 1 && conv_.dst_step_w == 1) return point;
        const std::int64_t n = point / conv_.grid_w / conv_.grid_h, y = point / conv_.grid_w % conv_.grid_h,
                           x = point % conv_.grid_w;
        return (n * conv_.dst_h + y * conv_.dst_step_h + conv_.dst_y) * conv_.dst_w + x * conv_.dst_step_w +
               conv_.dst_x;
    }

    const IgemmBf16Variant& variant_;
    const GatherConv& conv_;
    const IgemmFusion& fusion_;
    RowActivation activation_;
    Map dst_;
    const RowChunks* chunks_ = nullptr;
};

}  // namespace keel::kernels::igemm
