#include "kernels/rearrange/rearrange.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/bf16.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 8192;  // elements worth waking a thread for
constexpr std::int64_t kTile = 16;     // a line of 16 floats, half of one of bf16

/// An axis in elements.
struct Axis {
    std::int64_t size, src, dst;
};

/// Appends an axis inside of those that are there; one that they go on from becomes part of the last.
void append(std::vector<Axis>& axes, const Axis& axis) {
    if (axis.size == 1) return;
    if (!axes.empty() && axes.back().src == axis.size * axis.src && axes.back().dst == axis.size * axis.dst)
        axes.back() = {axes.back().size * axis.size, axis.src, axis.dst};
    else
        axes.push_back(axis);
}

void append_group(std::vector<Axis>& axes, const RearrangeGeometry& g, std::span<const RearrangeAxis> group,
                  std::int64_t dst_step) {
    std::int64_t inside = 1;
    for (const RearrangeAxis& axis : group) inside *= axis.size;
    for (const RearrangeAxis& axis : group) {
        inside /= axis.size;
        append(axes, {axis.size, axis.pixel_stride * g.src_ld + axis.channel_stride, inside * dst_step});
    }
}

/// The axes of a copy: the one along which dst is written, that along which src is read if it is another one, and those
/// around them.
struct Plan {
    std::vector<Axis> outer;
    Axis along_dst{1, 0, 0}, along_src{1, 0, 0};
    std::int64_t outer_count = 1;
};

/// Takes the axis out of the list with which `step` goes on by one element; one of size 1 if there is none.
Axis take_unit(std::vector<Axis>& axes, std::int64_t Axis::*step) {
    const auto found = std::ranges::find(axes, 1, step);
    if (found == axes.end()) return {1, 0, 0};
    const Axis taken = *found;
    axes.erase(found);
    return taken;
}

Plan plan_of(const RearrangeGeometry& g) {
    std::int64_t pixels = 1;
    for (const RearrangeAxis& axis : g.pixel_axes) pixels *= axis.size;
    Plan plan;
    append(plan.outer, {g.n, g.src_pixels * g.src_ld, pixels * g.dst_ld});
    append_group(plan.outer, g, g.pixel_axes, g.dst_ld);
    append_group(plan.outer, g, g.channel_axes, 1);
    plan.along_dst = take_unit(plan.outer, &Axis::dst);
    if (plan.along_dst.src != 1) plan.along_src = take_unit(plan.outer, &Axis::src);
    for (const Axis& axis : plan.outer) plan.outer_count *= axis.size;
    return plan;
}

/// Goes through the outer axes one step after the other.
class Odometer {
public:
    Odometer(const std::vector<Axis>& axes, std::int64_t at) : axes_(axes), index_(axes.size()) {
        for (std::size_t i = axes.size(); i-- > 0; at /= axes[i].size) {
            index_[i] = at % axes[i].size;
            src_ += index_[i] * axes[i].src;
            dst_ += index_[i] * axes[i].dst;
        }
    }
    std::int64_t src() const { return src_; }
    std::int64_t dst() const { return dst_; }
    void next() {
        for (std::size_t i = axes_.size(); i-- > 0;) {
            src_ += axes_[i].src;
            dst_ += axes_[i].dst;
            if (++index_[i] < axes_[i].size) return;
            src_ -= index_[i] * axes_[i].src;
            dst_ -= index_[i] * axes_[i].dst;
            index_[i] = 0;
        }
    }

private:
    const std::vector<Axis>& axes_;
    std::vector<std::int64_t> index_;
    std::int64_t src_ = 0, dst_ = 0;
};

template <class T>
void copy_run(const Axis& axis, const T* src, T* dst) {
    if (axis.src == 1)
        std::memcpy(dst, src, static_cast<std::size_t>(axis.size) * sizeof(T));
    else
        for (std::int64_t i = 0; i < axis.size; ++i) dst[i] = src[i * axis.src];
}

/// dst[y * along_src.dst + x] = src[x * along_dst.src + y] for y in [begin, end) and all x, tile by tile.
template <class T>
void transpose(const Plan& plan, std::int64_t begin, std::int64_t end, const T* src, T* dst) {
    const std::int64_t from = plan.along_dst.src, to = plan.along_src.dst;
    for (std::int64_t y0 = begin; y0 < end; y0 += kTile)
        for (std::int64_t x0 = 0; x0 < plan.along_dst.size; x0 += kTile) {
            const std::int64_t y1 = std::min(end, y0 + kTile), x1 = std::min(plan.along_dst.size, x0 + kTile);
            for (std::int64_t y = y0; y < y1; ++y)
                for (std::int64_t x = x0; x < x1; ++x) dst[y * to + x] = src[x * from + y];
        }
}

/// dst = a[0], b[0], a[1], b[1], ...: the shuffle of two halves of channels, which compilers have instructions for.
template <class T>
void interleave(std::int64_t count, const T* a, const T* b, T* __restrict dst) {
    for (std::int64_t i = 0; i < count; ++i) {
        dst[2 * i] = a[i];
        dst[2 * i + 1] = b[i];
    }
}

}  // namespace

template <class T>
void rearrange(const RearrangeGeometry& g, const T* src, T* dst) {
    const Plan plan = plan_of(g);
    const std::int64_t run = plan.along_dst.size, lines = plan.along_src.size;
    const profile::Span span("rearrange", profile::per_element<T>(plan.outer_count * lines * run, 0, 2));
    const T* first = src + g.first_pixel * g.src_ld + g.first_channel;
    if (lines == 1) {
        if (plan.outer_count == 1 && plan.along_dst.src == 1) {  // one block
            parallel_for(run, 8 * kGrain, [&](std::int64_t begin, std::int64_t end) {
                copy_run({end - begin, 1, 1}, first + begin, dst + begin);
            });
            return;
        }
        parallel_for(plan.outer_count, chunk_count(kGrain, run), [&](std::int64_t begin, std::int64_t end) {
            Odometer at(plan.outer, begin);
            for (std::int64_t i = begin; i < end; ++i, at.next())
                copy_run(plan.along_dst, first + at.src(), dst + at.dst());
        });
        return;
    }
    if (run == 2 && plan.along_src.dst == 2) {
        parallel_for(plan.outer_count, chunk_count(kGrain, 2 * lines), [&](std::int64_t begin, std::int64_t end) {
            Odometer at(plan.outer, begin);
            for (std::int64_t i = begin; i < end; ++i, at.next()) {
                const T* from = first + at.src();
                interleave(lines, from, from + plan.along_dst.src, dst + at.dst());
            }
        });
        return;
    }
    const std::int64_t bands = chunk_count(lines, kTile);  // of lines of dst, so that one large transpose is divided
    parallel_for(plan.outer_count * bands, chunk_count(kGrain, run * std::min(lines, kTile)),
                 [&](std::int64_t begin, std::int64_t end) {
                     Odometer at(plan.outer, begin / bands);
                     for (std::int64_t i = begin; i < end; ++i) {
                         const std::int64_t y = i % bands * kTile;
                         transpose(plan, y, std::min(lines, y + kTile), first + at.src(), dst + at.dst());
                         if (i % bands == bands - 1) at.next();
                     }
                 });
}

template void rearrange(const RearrangeGeometry&, const float*, float*);
template void rearrange(const RearrangeGeometry&, const Bf16*, Bf16*);

}  // namespace keel::kernels
