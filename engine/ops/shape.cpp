// Operators that move or convert elements without computing.
#include "engine/channel_statistics.h"
#include "engine/ops.h"
#include "engine/ops/check.h"
#include "kernels/profile.h"

namespace keel {
namespace {

/// Swaps the last two axes of n matrices: [n, rows, columns] -> [n, columns, rows].
template <class T>
void transpose(std::int64_t n, std::int64_t rows, std::int64_t columns, const T* src, T* dst) {
    const profile::Span span("transpose", profile::per_element<T>(n * rows * columns, 0, 2));
    for (std::int64_t i = 0; i < n; ++i, src += rows * columns, dst += rows * columns)
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t c = 0; c < columns; ++c) dst[c * rows + r] = src[r * columns + c];
}

}  // namespace

Tensor ops::converted(const Tensor& map, DType type) {
    Tensor dst = map.to(type);
    if (map.statistics() && !map.statistics()->settles()) dst.set_statistics(map.statistics());
    return dst;
}

Tensor cast(const Tensor& src, DType type) {
    if (src.dtype() == type) return src;
    return record(ops::converted(src, type), {src},
                  [from = src.dtype()](const Tensor& diff_dst) { return Gradients{ops::converted(diff_dst, from)}; });
}

Tensor flatten(const Tensor& any_src) {
    ops::require_rank("flatten", "src", any_src, 4);
    const Tensor src = any_src.contiguous();
    const std::int64_t n = src.dim(0), pixels = src.dim(1) * src.dim(2), c = src.channels();
    Tensor dst = Tensor::empty({n, c * pixels}, src.dtype());
    dispatch_map("flatten", src.dtype(), [&]<class T>(T) { transpose(n, pixels, c, src.data<T>(), dst.data<T>()); });
    return record(dst, {any_src}, [n, pixels, c, dims = src.dims()](const Tensor& any_diff) {
        const Tensor diff_dst = any_diff.contiguous();
        Tensor diff_src = Tensor::empty(dims, diff_dst.dtype());
        dispatch_map("flatten", diff_dst.dtype(),
                     [&]<class T>(T) { transpose(n, c, pixels, diff_dst.data<T>(), diff_src.data<T>()); });
        return Gradients{diff_src};
    });
}

Tensor wide_buffer(const Tensor& src, std::int64_t capacity) {
    ops::require_rank("wide_buffer", "src", src, 4);
    if (capacity < src.channels())
        throw UsageError("[wide_buffer] " + std::to_string(src.channels()) + " channels do not fit " +
                         std::to_string(capacity));
    Tensor dst =
        Tensor::empty({src.dim(0), src.dim(1), src.dim(2), capacity}, src.dtype()).channel_slice(0, src.channels());
    dst.assign(src);
    const auto statistics = std::make_shared<ChannelStatistics>(capacity, src.dtype());
    dst.set_statistics(statistics);
    return record(dst, {src}, [statistics, dst = dst.detach()](const Tensor& diff_dst) {
        return Gradients{statistics->settled(0, dst, diff_dst)};
    });
}

Tensor room_behind(const Tensor& head, std::int64_t count) {
    return head.widened(count).channel_slice(head.channels(), count);
}

Tensor append_channels(const Tensor& head, const Tensor& tail) {
    ops::require_rank("append_channels", "head", head, 4);
    ops::require_dims("append_channels", "tail", tail, {head.dim(0), head.dim(1), head.dim(2), tail.channels()});
    ops::require_type("append_channels", "tail", tail, head.dtype());
    const std::int64_t front = head.channels(), added = tail.channels();
    Tensor dst = head.widened(added);
    const Tensor room = dst.channel_slice(front, added);
    if (!tail.same_view(room)) room.assign(tail);
    dst.set_statistics(head.statistics());
    if (head.statistics() && tail.statistics()) head.statistics()->give(front, *tail.statistics());
    return record(dst, {head, tail}, [front, added, room, statistics = head.statistics()](const Tensor& diff_dst) {
        // The tail's gradient has memory of its own, so that the head's view is the only owner of the wide gradient and
        // can be added to in place.
        const Tensor diff_tail = diff_dst.channel_slice(front, added);
        return Gradients{diff_dst.channel_slice(0, front),
                         statistics ? statistics->settled(front, room, diff_tail) : diff_tail.clone()};
    });
}

}  // namespace keel
