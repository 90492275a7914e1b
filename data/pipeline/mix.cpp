#include "data/pipeline/mix.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "kernels/error.h"
#include "kernels/random.h"

namespace keel {
namespace {

/// Returns the logarithm of a draw from the gamma distribution of this shape (Marsaglia and Tsang, "A simple method for
/// generating gamma variables", 2000); as a logarithm, for draws of small shapes lie below what a double holds.
double log_gamma_draw(double shape, Random& random) {
    if (shape < 1) {
        const double u = (random.bits() + 1.0) * 0x1p-32;
        return log_gamma_draw(shape + 1, random) + std::log(u) / shape;
    }
    const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
        const double x = double{random.normal()}, root = 1 + c * x;
        const double u = (random.bits() + 1.0) * 0x1p-32;
        if (root <= 0) continue;
        const double v = root * root * root;
        if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
    }
}

double beta_draw(double shape, Random& random) {
    const double a = log_gamma_draw(shape, random), b = log_gamma_draw(shape, random);
    return 1 / (1 + std::exp(b - a));
}

void draw_patch(double share, int side, Random& random, Mix& mix) {
    const double cut = side * std::sqrt(1 - share);
    const auto border = [&](double at) {
        return static_cast<int>(std::clamp(std::floor(at), 0.0, static_cast<double>(side)));
    };
    const double cx = double{random.uniform()} * side, cy = double{random.uniform()} * side;
    mix.patch = true;
    mix.x = border(cx - cut / 2);
    mix.y = border(cy - cut / 2);
    mix.w = border(cx + cut / 2) - mix.x;
    mix.h = border(cy + cut / 2) - mix.y;
    mix.own = 1 - static_cast<double>(mix.w) * mix.h / (static_cast<double>(side) * side);
}

Mix draw_mix(const MixOptions& o, std::int64_t row, std::int64_t partner, int side, Random random) {
    Mix mix{.partner = row};
    if (partner == row || !random.chance(static_cast<float>(o.probability))) return mix;
    const bool cuts = o.mixup > 0 && o.cutmix > 0 ? random.chance(0.5F) : o.cutmix > 0;
    mix.own = beta_draw(cuts ? o.cutmix : o.mixup, random);
    if (cuts) draw_patch(mix.own, side, random, mix);
    mix.partner = partner;
    return mix;
}

/// Returns the rows of which each is the partner of the one before it, and the first of the last.
std::vector<std::int64_t> ring_of(std::int64_t begin, std::int64_t end, const std::vector<std::int64_t>& draws,
                                  std::uint64_t seed, std::uint64_t epoch) {
    std::vector<std::int64_t> ring(static_cast<std::size_t>(end - begin));
    std::iota(ring.begin(), ring.end(), begin);
    Random random(seed, Draw::mix, epoch, ~static_cast<std::uint64_t>(draws[static_cast<std::size_t>(begin)]));
    shuffle(ring.begin(), ring.end(), random);
    return ring;
}

std::vector<std::int64_t> partners_of(const std::vector<std::int64_t>& draws, const std::vector<std::int32_t>& parts,
                                      std::uint64_t seed, std::uint64_t epoch) {
    std::vector<std::int64_t> partners(draws.size());
    const std::int64_t n = std::ssize(draws);
    for (std::int64_t begin = 0, end = 0; begin < n; begin = end) {
        for (end = begin; end < n; ++end)
            if (!parts.empty() && parts[static_cast<std::size_t>(end)] != parts[static_cast<std::size_t>(begin)]) break;
        const std::vector<std::int64_t> ring = ring_of(begin, end, draws, seed, epoch);
        for (std::size_t i = 0; i < ring.size(); ++i)
            partners[static_cast<std::size_t>(ring[i])] = ring[(i + 1) % ring.size()];
    }
    return partners;
}

void mix_targets(const std::vector<Mix>& plan, const std::vector<float>& plain, std::size_t labels,
                 std::vector<float>& targets) {
    targets = plain;
    for (std::size_t i = 0; i < plan.size(); ++i) {
        if (plan[i].own == 1) continue;
        const auto own = static_cast<float>(plan[i].own);
        for (std::size_t k = 0; k < labels; ++k) {
            const float a = plain[i * labels + k], b = plain[static_cast<std::size_t>(plan[i].partner) * labels + k];
            targets[i * labels + k] = a < 0 || b < 0 ? kUnknownTarget : own * a + (1 - own) * b;
        }
    }
}

void mix_image(const Mix& mix, int side, std::size_t channels, std::span<float> image, std::span<const float> partner) {
    if (!mix.patch) {
        const auto own = static_cast<float>(mix.own);
        for (std::size_t p = 0; p < image.size(); ++p) image[p] = own * image[p] + (1 - own) * partner[p];
        return;
    }
    for (int y = mix.y; y < mix.y + mix.h; ++y) {
        const std::size_t at = (static_cast<std::size_t>(y) * static_cast<std::size_t>(side) +  //
                                static_cast<std::size_t>(mix.x)) *
                               channels;
        std::ranges::copy(partner.subspan(at, static_cast<std::size_t>(mix.w) * channels), image.subspan(at).begin());
    }
}

}  // namespace

void check_mix(const MixOptions& o) {
    const auto shape = [](double v) { return v >= 0 && v <= 1000; };
    require<UsageError>(shape(o.mixup) && shape(o.cutmix), "[mix] mixup and cutmix must be within [0, 1000]");
    require<UsageError>(o.probability >= 0 && o.probability <= 1, "[mix] the probability must be within [0, 1]");
}

std::vector<Mix> plan_mix(const MixOptions& o, const std::vector<std::int64_t>& draws,
                          const std::vector<std::int32_t>& parts, int side, std::uint64_t seed, std::uint64_t epoch) {
    const std::vector<std::int64_t> partners = partners_of(draws, parts, seed, epoch);
    std::vector<Mix> plan;
    for (std::size_t i = 0; i < draws.size(); ++i)
        plan.push_back(draw_mix(o, static_cast<std::int64_t>(i), partners[i], side,
                                Random(seed, Draw::mix, epoch, static_cast<std::uint64_t>(draws[i]))));
    return plan;
}

void mix_batch(Batch& batch, const MixOptions& options, std::int64_t labels, std::uint64_t seed, std::uint64_t epoch) {
    if (!options.on() || batch.n == 0) return;
    const std::vector<float> plain = plain_targets(batch, labels);
    std::vector<Mix> plan = plan_mix(options, draws_of(batch), batch.parts, batch.image_size, seed, epoch);
    for (std::size_t i = 0; i < batch.labels.size(); ++i)
        if (batch.labels[i] < 0 || batch.labels[static_cast<std::size_t>(plan[i].partner)] < 0)
            plan[i] = {.partner = static_cast<std::int64_t>(i)};
    mix_targets(plan, plain, static_cast<std::size_t>(labels), batch.soft_targets);

    const std::size_t floats = batch.images.size() / static_cast<std::size_t>(batch.n);
    const AlignedFloats before = batch.images;
    for (std::size_t i = 0; i < plan.size(); ++i)
        if (plan[i].own < 1)
            mix_image(plan[i], batch.image_size, static_cast<std::size_t>(batch.channels),
                      std::span(batch.images).subspan(i * floats, floats),
                      std::span(before).subspan(static_cast<std::size_t>(plan[i].partner) * floats, floats));
}

}  // namespace keel
