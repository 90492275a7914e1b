#include "graph/import/axes.h"

#include <numeric>
#include <tuple>

namespace keel::graph {
namespace {

/// A factor as `outer` places of `inner` places each.
struct Halves {
    Factor outer, inner;
};
Halves split(const Factor& f, std::int64_t inner) {
    return {{f.size / inner, f.pixels * inner, f.channels * inner}, {inner, f.pixels, f.channels}};
}

}  // namespace

std::int64_t extent(const Axis& axis) {
    std::int64_t product = 1;
    for (const Factor& f : axis) product *= f.size;
    return product;
}

std::int64_t elements(std::span<const Axis> axes) {
    std::int64_t product = 1;
    for (const Axis& axis : axes) product *= extent(axis);
    return product;
}

std::vector<Factor> factors_of(std::span<const Axis> axes) {
    std::vector<Factor> all;
    for (const Axis& axis : axes) all.insert(all.end(), axis.begin(), axis.end());
    return all;
}

Axis merged(const Axis& axis) {
    Axis result;
    for (const Factor& f : axis) {
        if (f.size == 1) continue;
        if (!result.empty() && result.back().pixels == f.pixels * f.size &&
            result.back().channels == f.channels * f.size)
            result.back() = {result.back().size * f.size, f.pixels, f.channels};
        else
            result.push_back(f);
    }
    return result;
}

std::optional<std::vector<Axis>> regrouped(std::span<const Factor> factors, std::span<const std::int64_t> extents) {
    std::vector<Axis> axes;
    std::size_t next = 0;
    Factor rest{1, 0, 0};  // what is left of the factor before `next`
    for (const std::int64_t wanted : extents) {
        Axis axis;
        std::int64_t open = wanted;  // of the extent, still to be filled
        while (open > 1) {
            if (rest.size == 1) {
                if (next == factors.size()) return {};
                rest = factors[next++];
                continue;
            }
            const std::int64_t take = std::gcd(open, rest.size);
            if (take != open && take != rest.size) return {};
            const Halves halves = split(rest, rest.size / take);
            axis.push_back(halves.outer);
            rest = halves.inner;
            open /= take;
        }
        axes.push_back(merged(axis));
    }
    return axes;
}

std::optional<Common> common_factors(const Axis& first, const Axis& second) {
    Common common;
    std::vector<Factor> a(first.rbegin(), first.rend()), b(second.rbegin(), second.rend());  // the innermost first
    std::size_t i = 0, j = 0;
    while (i < a.size() && j < b.size()) {
        const std::int64_t size = std::gcd(a[i].size, b[j].size);
        if (size != a[i].size && size != b[j].size) return {};
        for (auto [from, at, to] : {std::tuple(&a, &i, &common.first), std::tuple(&b, &j, &common.second)}) {
            Factor& factor = (*from)[*at];
            const Halves halves = split(factor, size);
            to->insert(to->begin(), halves.inner);
            if (halves.outer.size == 1)
                ++*at;
            else
                factor = halves.outer;
        }
    }
    if (i < a.size() || j < b.size()) return {};
    return common;
}

std::optional<Slice> sliced(const Axis& axis, std::int64_t start, std::int64_t step, std::int64_t count) {
    const Axis whole = merged(axis);
    if (whole.size() > 1) {
        // whole blocks of the inner factors can be cut off
        const std::int64_t inner = extent(whole) / whole.front().size;
        if (step != 1 || start % inner != 0 || count % inner != 0) return {};
        const Factor& f = whole.front();
        Axis rest(whole.begin() + 1, whole.end());
        rest.insert(rest.begin(), {count / inner, f.pixels, f.channels});
        return Slice{merged(rest), {1, f.pixels * (start / inner), f.channels * (start / inner)}};
    }
    const Factor f = whole.empty() ? Factor{1, 0, 0} : whole.front();
    return Slice{merged({{count, f.pixels * step, f.channels * step}}), {1, f.pixels * start, f.channels * start}};
}

std::vector<Axis> dense_axes(std::span<const std::int64_t> dims) {
    std::vector<Axis> axes(dims.size());
    std::int64_t stride = 1;
    for (std::size_t i = dims.size(); i-- > 0;) {
        if (dims[i] != 1) axes[i] = {{dims[i], 0, stride}};
        stride *= dims[i];
    }
    return axes;
}

}  // namespace keel::graph
