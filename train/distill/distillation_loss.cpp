#include "train/distill/distillation_loss.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/core.h>

#include "engine/autograd.h"
#include "kernels/bf16.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Doubles = std::vector<double>;

Doubles in_doubles(const Tensor& any) {
    const Tensor values = any.detach().contiguous().to(DType::f64);
    return {values.values<double>().begin(), values.values<double>().end()};
}

/// log(1 + exp(x)).
double log_one_plus_exp(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

double times_log(double q, double log_ratio) { return q > 0 ? q * log_ratio : 0; }

/// The logarithms of the softmax of x / temperature.
void log_softmax(std::span<const double> x, double temperature, std::span<double> result) {
    const double top = *std::ranges::max_element(x) / temperature;
    double sum = 0;
    for (const double value : x) sum += std::exp(value / temperature - top);
    for (std::size_t k = 0; k < x.size(); ++k) result[k] = x[k] / temperature - top - std::log(sum);
}

/// One image: what its student's logits lose against its teachers', and the loss's derivatives by the logits.
struct TaughtImage {
    std::span<const double> logits, teachers;  ///< the teachers' one behind the other
    std::span<double> diff;
    double temperature;

    std::size_t labels() const { return logits.size(); }
    std::size_t count() const { return teachers.size() / labels(); }

    double of_classes() const {
        Doubles log_p(labels()), log_q(labels()), q(labels());
        log_softmax(logits, temperature, log_p);
        for (std::size_t m = 0; m < count(); ++m) {
            log_softmax(teachers.subspan(m * labels(), labels()), temperature, log_q);
            for (std::size_t k = 0; k < labels(); ++k) q[k] += std::exp(log_q[k]) / static_cast<double>(count());
        }
        double sum = 0;
        for (std::size_t k = 0; k < labels(); ++k) {
            sum += times_log(q[k], std::log(q[k]) - log_p[k]);
            diff[k] = temperature * (std::exp(log_p[k]) - q[k]);
        }
        return temperature * temperature * sum;
    }

    double of_labels() const {
        double sum = 0;
        const double share = 1 / static_cast<double>(labels());
        for (std::size_t k = 0; k < labels(); ++k) {
            double q = 0, rest = 0;
            for (std::size_t m = 0; m < count(); ++m) {
                const double x = teachers[m * labels() + k] / temperature;
                q += std::exp(-log_one_plus_exp(-x)) / static_cast<double>(count());
                rest += std::exp(-log_one_plus_exp(x)) / static_cast<double>(count());
            }
            const double x = logits[k] / temperature, log_p = -log_one_plus_exp(-x), log_rest = -log_one_plus_exp(x);
            sum += times_log(q, std::log(q) - log_p) + times_log(rest, std::log(rest) - log_rest);
            // p - q, of whichever of the two outcomes keeps its digits.
            diff[k] = temperature * share * (q < rest ? std::exp(log_p) - q : rest - std::exp(log_rest));
        }
        return temperature * temperature * share * sum;
    }
};

void require_dims(const Tensor& logits, const Tensor& teachers, std::span<const float> weights, double temperature) {
    if (logits.rank() != 2 || teachers.rank() != 2 || logits.dim(1) < 1 || logits.dim(0) != teachers.dim(0) ||
        teachers.dim(1) < 1 || teachers.dim(1) % logits.dim(1) != 0)
        throw UsageError(fmt::format("[distillation] logits are {}, the teachers' {}: wanted whole teachers a row",
                                     logits.dims().text(), teachers.dims().text()));
    if (!weights.empty() && std::ssize(weights) != logits.dim(0))
        throw UsageError(fmt::format("[distillation] {} weights for {} rows", weights.size(), logits.dim(0)));
    if (!(temperature > 0)) throw UsageError(fmt::format("[distillation] temperature {} is not above 0", temperature));
}

/// What one cell of a grid reads of `cells`, as an adaptive average pool does.
std::pair<std::int64_t, std::int64_t> area_of(std::int64_t i, std::int64_t grid, std::int64_t cells) {
    return {i * cells / grid, ((i + 1) * cells + grid - 1) / grid};
}

struct Grid {
    std::int64_t h, w;
    std::size_t cells() const { return static_cast<std::size_t>(h * w); }
};

/// Calls f(cell of `to`, cell of `from`, weight): each cell of `to` is the mean of those of `from`.
template <class F>
void for_areas(const Grid& to, const Grid& from, F f) {
    for (std::int64_t y = 0; y < to.h; ++y)
        for (std::int64_t x = 0; x < to.w; ++x) {
            const auto [top, bottom] = area_of(y, to.h, from.h);
            const auto [left, right] = area_of(x, to.w, from.w);
            const double weight = 1 / static_cast<double>((bottom - top) * (right - left));
            for (std::int64_t v = top; v < bottom; ++v)
                for (std::int64_t u = left; u < right; ++u)
                    f(static_cast<std::size_t>(y * to.w + x), static_cast<std::size_t>(v * from.w + u), weight);
        }
}

Doubles averaged(std::span<const double> values, const Grid& from, const Grid& to) {
    Doubles means(to.cells());
    for_areas(to, from, [&](std::size_t i, std::size_t j, double weight) { means[i] += weight * values[j]; });
    return means;
}

/// Divides by the norm, which it returns; zeros stay.
double normalize(std::span<double> values) {
    double squares = 0;
    for (const double value : values) squares += value * value;
    const double norm = std::sqrt(squares);
    for (double& value : values) value = norm > 0 ? value / norm : 0;
    return norm;
}

/// The sums over the channels of a map's squares, a value a pixel.
Doubles energies(const Tensor& map) {
    Doubles sums(static_cast<std::size_t>(map.rows()));
    dispatch_map("attention", map.dtype(), [&]<class T>(T) {
        for (std::int64_t row = 0; row < map.rows(); ++row) {
            const T* pixel = map.data<T>() + row * map.ld();
            for (std::int64_t c = 0; c < map.channels(); ++c) {
                const auto value = static_cast<double>(pixel[c]);
                sums[static_cast<std::size_t>(row)] += value * value;
            }
        }
    });
    return sums;
}

/// Returns 2 * map * by_energy, the gradient of what depends on energies() in that way.
Tensor diff_of_energies(const Tensor& map, const Doubles& by_energy) {
    const Tensor diff = Tensor::empty(map.dims(), map.dtype());
    dispatch_map("attention", map.dtype(), [&]<class T>(T) {
        T* to = diff.data<T>();
        for (std::int64_t row = 0; row < map.rows(); ++row) {
            const T* pixel = map.data<T>() + row * map.ld();
            const double factor = 2 * by_energy[static_cast<std::size_t>(row)];
            for (std::int64_t c = 0; c < map.channels(); ++c)
                *to++ = static_cast<kernels::Param<T>>(factor * static_cast<double>(pixel[c]));
        }
    });
    return diff;
}

/// One image: the squared distance of its attention, of energies on the grid `from`, and its teacher's on `theirs`;
/// derivatives by the energies.
double attention_distance(std::span<const double> energies, const Grid& from, std::span<const double> teacher,
                          const Grid& theirs, std::span<double> diff) {
    const Grid common{std::min(from.h, theirs.h), std::min(from.w, theirs.w)};
    Doubles mine = averaged(energies, from, common), wanted = averaged(teacher, theirs, common);
    const double norm = normalize(mine);
    normalize(wanted);
    double distance = 0, along = 0;
    Doubles slope(common.cells());
    for (std::size_t i = 0; i < slope.size(); ++i) {
        distance += (mine[i] - wanted[i]) * (mine[i] - wanted[i]);
        slope[i] = 2 * (mine[i] - wanted[i]);
        along += slope[i] * mine[i];
    }
    if (norm > 0)
        for_areas(common, from, [&](std::size_t i, std::size_t j, double weight) {
            diff[j] += weight * (slope[i] - along * mine[i]) / norm;
        });
    return distance;
}

double weight_of(std::span<const float> weights, std::size_t row) { return weights.empty() ? 1 : double{weights[row]}; }

}  // namespace

Tensor distillation_loss(const Tensor& logits, const Tensor& teachers, std::span<const float> weights, bool classes,
                         double temperature) {
    require_dims(logits, teachers, weights, temperature);
    const Doubles x = in_doubles(logits), t = in_doubles(teachers);
    const auto n = static_cast<std::size_t>(logits.dim(0)), labels = static_cast<std::size_t>(logits.dim(1)),
               each = static_cast<std::size_t>(teachers.dim(1));
    Doubles diff(x.size());
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const TaughtImage row{std::span(x).subspan(i * labels, labels), std::span(t).subspan(i * each, each),
                              std::span(diff).subspan(i * labels, labels), temperature};
        const double share = weight_of(weights, i) / static_cast<double>(n);
        sum += share * (classes ? row.of_classes() : row.of_labels());
        for (double& d : row.diff) d *= share;
    }
    return record(Tensor::full({1}, sum, logits.dtype()), {logits},
                  [diff = std::move(diff), dims = logits.dims(), type = logits.dtype()](const Tensor& diff_dst) {
                      Doubles scaled = diff;
                      for (double& d : scaled) d *= diff_dst.item();
                      return Gradients{Tensor::from(std::span<const double>(scaled), dims).to(type)};
                  });
}

std::vector<double> attention_of(const Tensor& map) {
    Doubles values = energies(map);
    const auto each = static_cast<std::size_t>(map.dim(1) * map.dim(2));
    for (std::size_t at = 0; at < values.size(); at += each) normalize(std::span(values).subspan(at, each));
    return values;
}

Tensor attention_loss(const Tensor& map, std::span<const float> teacher, std::int64_t h, std::int64_t w,
                      std::span<const float> weights) {
    const auto n = static_cast<std::size_t>(map.rank() == 4 ? map.dim(0) : 0);
    const Grid theirs{h, w};
    if (n == 0 || h < 1 || w < 1 || teacher.size() != n * theirs.cells() || (!weights.empty() && weights.size() != n))
        throw UsageError(fmt::format("[attention] a map of {}, {} values of a teacher's of {} x {}, {} weights",
                                     map.dims().text(), teacher.size(), h, w, weights.size()));
    const Grid own{map.dim(1), map.dim(2)};
    const Doubles mine = energies(map), wanted(teacher.begin(), teacher.end());
    Doubles diff(mine.size());
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const auto part = std::span(diff).subspan(i * own.cells(), own.cells());
        const double share = weight_of(weights, i) / static_cast<double>(n);
        sum += share * attention_distance(std::span(mine).subspan(i * own.cells(), own.cells()), own,
                                          std::span(wanted).subspan(i * theirs.cells(), theirs.cells()), theirs, part);
        for (double& d : part) d *= share;
    }
    return record(Tensor::full({1}, sum, param_type(map.dtype())), {map},
                  [map = map.detach(), diff = std::move(diff)](const Tensor& diff_dst) {
                      Doubles scaled = diff;
                      for (double& d : scaled) d *= diff_dst.item();
                      return Gradients{diff_of_energies(map, scaled)};
                  });
}

}  // namespace keel
