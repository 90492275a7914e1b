// The 14 findings, drawn as the signs a radiologist looks for, simplified.
#include "data/phantom/anatomy.h"

namespace keel::phantom {
namespace {

bool has(std::uint64_t mask, Sign sign) { return (mask >> sign & 1U) != 0; }

/// The stream of one sign in one image.
Random stream(std::uint64_t key, Sign sign) { return {key, Draw::synthesize, sign}; }

int draw_side(Random& r) { return r.chance(0.5F) ? 1 : 0; }

/// A place in a lung: u medial to lateral, t apex to dome.
Point place(const Anatomy& a, int side, float u, float t) {
    const float y = a.lung_top + t * (a.dome[static_cast<std::size_t>(side)] - a.lung_top), medial = a.medial(y);
    return {0.5F + direction(side) * (medial + u * (a.lateral(y) - medial)), y};
}

/// A place within ranges of u and t. Draws are named one by one: the order in which a call's arguments are evaluated is
/// the compiler's choice.
Point draw_place(const Anatomy& a, int side, Random& r, float u0, float u1, float t0, float t1) {
    const float u = r.uniform(u0, u1), t = r.uniform(t0, t1);
    return place(a, side, u, t);
}

Rect around(Point p, float reach) { return {p.x - reach, p.y - reach, p.x + reach, p.y + reach}; }

/// Adds brightness inside the lungs only.
template <class F>
void add_in_lungs(Canvas& canvas, const std::vector<LungPixel>& lungs, const Rect& box, F&& f) {
    canvas.each(box, [&](float v, float x, float y, std::size_t i) { return v + lungs[i].mask * f(x, y, lungs[i]); });
}

/// Plate-like band; the loss of volume is change_anatomy's.
void draw_atelectasis(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, Random r) {
    const int side = draw_side(r);
    const int bands = r.chance(0.4F) ? 2 : 1;
    for (int band = 0; band < bands; ++band) {
        const Point p = draw_place(a, side, r, 0.40F, 0.55F, 0.66F, 0.84F);
        const float half = r.uniform(0.06F, 0.10F), tilt = r.uniform(-0.35F, 0.35F);
        const float width = r.uniform(0.009F, 0.014F), amount = r.uniform(0.20F, 0.30F);
        const Point a0{p.x - half, p.y - half * tilt}, a1{p.x + half, p.y + half * tilt};
        stroke(canvas, a0, a1, width, amount, [&](std::size_t i) { return lungs[i].mask; });
    }
}

/// Faint, ill-defined, patchy.
void draw_infiltration(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, Random r) {
    const int side = draw_side(r);
    const Point p = draw_place(a, side, r, 0.35F, 0.65F, 0.35F, 0.75F);
    const float radius = r.uniform(0.09F, 0.13F), amount = r.uniform(0.24F, 0.34F);
    const Noise noise(r);
    add_in_lungs(canvas, lungs, around(p, 2.2F * radius), [&](float x, float y, const LungPixel&) {
        const float envelope = std::exp(-square((x - p.x) / radius) - square((y - p.y) / radius));
        return amount * envelope * ramp(noise.at(34.0F * x, 34.0F * y), 0.25F, 0.75F);
    });
}

/// Round opacities with a sharp edge; a mass is lobulated.
void draw_round(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, Random r, bool large) {
    const int count = large || r.chance(0.6F) ? 1 : 2;
    for (int k = 0; k < count; ++k) {
        const int side = draw_side(r);
        const Point p = draw_place(a, side, r, 0.35F, 0.75F, 0.30F, 0.80F);
        const float radius = large ? r.uniform(0.048F, 0.075F) : r.uniform(0.018F, 0.026F);
        const float amount = large ? r.uniform(0.26F, 0.36F) : r.uniform(0.30F, 0.42F);
        const float phase = r.uniform(0.0F, 6.28F), lobes = large ? 0.10F : 0.0F;
        add_in_lungs(canvas, lungs, around(p, 1.5F * radius), [&](float x, float y, const LungPixel&) {
            const float edge = radius * (1.0F + lobes * std::sin(3.0F * std::atan2(y - p.y, x - p.x) + phase));
            return amount * (1.0F - ramp(std::hypot(x - p.x, y - p.y) / edge, 0.75F, 1.15F));
        });
    }
}

/// Patches in the lower lobe, crossed by dark air bronchograms.
void draw_pneumonia(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, Random r) {
    const int side = draw_side(r);
    const Point p = draw_place(a, side, r, 0.35F, 0.55F, 0.68F, 0.82F);
    const float radius = r.uniform(0.09F, 0.12F), amount = r.uniform(0.26F, 0.34F);
    const Noise noise(r);
    add_in_lungs(canvas, lungs, around(p, 2.0F * radius), [&](float x, float y, const LungPixel&) {
        const float distance = std::hypot(x - p.x, y - p.y) / radius;
        return amount * (1.0F - ramp(distance, 0.55F, 1.3F)) *
               (0.45F + 0.55F * ramp(noise.at(16.0F * x, 16.0F * y), 0.2F, 0.7F));
    });
    for (int k = 0; k < 4; ++k) {
        const float heading = r.uniform(0.1F, 1.3F), length = r.uniform(0.7F, 1.0F) * radius;
        const Point from{p.x - direction(side) * 0.5F * radius, p.y - 0.5F * radius};
        const Point to{from.x + direction(side) * length * std::cos(heading), from.y + length * std::sin(heading)};
        stroke(canvas, from, to, 0.005F, -0.14F, [&](std::size_t i) { return lungs[i].mask; });
    }
}

/// A dark rim without vessels, widest at the apex, and the thin line of the visceral pleura.
void draw_pneumothorax(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, Random r) {
    const int side = draw_side(r);
    const float gap = r.uniform(0.065F, 0.11F);
    canvas.each([&](float v, float, float, std::size_t i) {
        const LungPixel& lung = lungs[i];
        if (lung.side != side || lung.mask == 0.0F) return v;
        const float edge = lung.outer - gap * (1.0F - 0.75F * std::clamp(lung.t, 0.0F, 1.0F));
        v = mix(v, 0.40F * a.lung_level, 0.95F * lung.mask * (1.0F - ramp(edge, -0.006F, 0.004F)));
        return v + 0.16F * lung.mask * (1.0F - ramp(std::abs(edge), 0.002F, std::max(0.009F, canvas.pixel())));
    });
}

/// A dense, even lobe with a straight fissure on one side.
void draw_consolidation(Canvas& canvas, const std::vector<LungPixel>& lungs, Random r) {
    const int side = draw_side(r);
    const float fissure = r.uniform(0.42F, 0.52F), amount = r.uniform(0.28F, 0.36F), tilt = r.uniform(-0.08F, 0.08F),
                extent = r.uniform(0.24F, 0.34F);
    const bool upper = r.chance(0.5F);
    add_in_lungs(canvas, lungs, {0.0F, 0.0F, 1.0F, 1.0F}, [&](float, float, const LungPixel& lung) {
        if (lung.side != side) return 0.0F;
        const float depth = (lung.t - fissure - tilt * lung.u) * (upper ? -1.0F : 1.0F);  // behind the fissure
        return amount * ramp(depth, -0.008F, 0.012F) * (1.0F - ramp(depth, extent - 0.1F, extent + 0.05F));
    });
}

/// Haze spreading from both hila like a bat's wings, and Kerley's B lines at the lateral bases.
void draw_edema(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, Random r) {
    const float amount = r.uniform(0.20F, 0.28F), reach = r.uniform(0.38F, 0.50F);
    const Noise noise(r);
    add_in_lungs(canvas, lungs, {0.0F, 0.0F, 1.0F, 1.0F}, [&](float x, float y, const LungPixel& lung) {
        const float wing = std::exp(-square(lung.u / reach) * 1.2F - square((lung.t - 0.55F) / 0.30F));
        return amount * wing * (0.7F + 0.6F * noise.at(20.0F * x, 20.0F * y));
    });
    for (int side : {0, 1}) {
        for (int k = 0; k < 5; ++k) {
            const Point p = place(a, side, 0.97F, 0.74F + 0.055F * static_cast<float>(k) + r.uniform(-0.01F, 0.01F));
            const Point q{p.x - direction(side) * r.uniform(0.035F, 0.05F), p.y};
            stroke(canvas, p, q, 0.003F, 0.16F, [&](std::size_t i) { return lungs[i].mask; });
        }
    }
}

/// A net of lines at both bases.
void draw_fibrosis(Canvas& canvas, const std::vector<LungPixel>& lungs, Random r) {
    const float amount = r.uniform(0.20F, 0.28F), from = r.uniform(0.50F, 0.62F);
    const Noise noise(r);
    add_in_lungs(canvas, lungs, {0.0F, 0.0F, 1.0F, 1.0F}, [&](float x, float y, const LungPixel& lung) {
        const float base = ramp(lung.t, from, from + 0.25F) * (0.5F + 0.5F * ramp(lung.u, 0.2F, 0.7F));
        const float n = noise.at(40.0F * x + 0.3F * y, 40.0F * y),
                    ridge = 1.0F - ramp(std::abs(n - 0.5F), 0.03F, 0.14F);
        return amount * base * ridge;
    });
}

/// Fluid: level at the base, climbing along the lateral wall, so that the costophrenic angle is lost.
void draw_effusion(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, Random r) {
    const int first = draw_side(r);
    const int sides = r.chance(0.3F) ? 2 : 1;
    for (int k = 0; k < sides; ++k) {
        const int side = k == 0 ? first : 1 - first;
        const float level = r.uniform(0.80F, 0.98F), rise = r.uniform(0.16F, 0.26F);
        canvas.each([&](float v, float, float, std::size_t i) {
            const LungPixel& lung = lungs[i];
            if (lung.side != side) return v;
            const float surface = level + 0.06F - rise * square(lung.u);
            return mix(v, std::max(v, a.tissue + 0.08F), 0.93F * lung.mask * ramp(lung.t - surface, -0.02F, 0.03F));
        });
    }
}

/// A bright rim along the lateral wall.
void draw_pleural_thickening(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, Random r) {
    const int side = draw_side(r);
    const float width = r.uniform(0.030F, 0.045F), from = r.uniform(0.05F, 0.25F), to = from + r.uniform(0.5F, 0.7F);
    const Noise noise(r);
    canvas.each([&](float v, float, float y, std::size_t i) {
        const LungPixel& lung = lungs[i];
        if (lung.side != side) return v;
        const float local = width * (0.65F + 0.7F * noise.at(3.0F, 14.0F * y));
        const float band = (1.0F - ramp(lung.outer, 0.7F * local, 1.15F * local)) * ramp(lung.t, from, from + 0.08F) *
                           (1.0F - ramp(lung.t, to, to + 0.08F));
        return mix(v, std::max(v, a.tissue + 0.14F), 0.95F * lung.mask * band);
    });
}

/// The stomach above the diaphragm: a round shadow behind the heart with a bright wall, gas above fluid inside.
void draw_hernia(Canvas& canvas, const Anatomy& a, Random r) {
    const Point p{0.5F + r.uniform(-0.03F, 0.06F), a.dome[1] - r.uniform(0.0F, 0.05F)};
    const float radius = r.uniform(0.060F, 0.082F), level = r.uniform(-0.1F, 0.3F);
    canvas.each(around(p, 1.4F * radius), [&](float v, float x, float y, std::size_t) {
        const float distance = std::hypot(x - p.x, y - p.y) / radius;
        const float gas =
            (1.0F - ramp(distance, 0.78F, 0.9F)) * (1.0F - ramp((y - p.y) / radius, level - 0.04F, level + 0.04F));
        const float wall = 1.0F - ramp(std::abs(distance - 0.95F), 0.05F, 0.16F);
        return v - 0.32F * gas + 0.12F * wall;
    });
}

}  // namespace

void change_anatomy(Anatomy& a, std::uint64_t mask, std::uint64_t key) {
    if (has(mask, cardiomegaly)) {
        Random r = stream(key, cardiomegaly);
        a.heart_ratio = r.uniform(0.57F, 0.68F);
    }
    if (has(mask, emphysema)) {  // hyperinflated: dark, long lungs, flat diaphragm, narrow heart
        Random r = stream(key, emphysema);
        const float down = r.uniform(0.06F, 0.09F);
        for (float& dome : a.dome) dome += down;
        a.dome_curve *= 0.3F;
        a.lung_level *= r.uniform(0.55F, 0.68F);
        a.lung_width *= 1.04F;
        if (!has(mask, cardiomegaly)) a.heart_ratio *= 0.85F;
    }
    if (has(mask, atelectasis)) {  // the first draw of draw_atelectasis is the side
        Random r = stream(key, atelectasis);
        const int side = draw_side(r);
        a.dome[static_cast<std::size_t>(side)] -= 0.045F;
    }
}

void draw_signs_in_lungs(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, std::uint64_t mask,
                         std::uint64_t key) {
    if (has(mask, infiltration)) draw_infiltration(canvas, a, lungs, stream(key, infiltration));
    if (has(mask, edema)) draw_edema(canvas, a, lungs, stream(key, edema));
    if (has(mask, fibrosis)) draw_fibrosis(canvas, lungs, stream(key, fibrosis));
    if (has(mask, consolidation)) draw_consolidation(canvas, lungs, stream(key, consolidation));
    if (has(mask, pneumonia)) draw_pneumonia(canvas, a, lungs, stream(key, pneumonia));
    if (has(mask, pneumothorax)) draw_pneumothorax(canvas, a, lungs, stream(key, pneumothorax));
    if (has(mask, atelectasis)) draw_atelectasis(canvas, a, lungs, stream(key, atelectasis));
    if (has(mask, mass)) draw_round(canvas, a, lungs, stream(key, mass), true);
    if (has(mask, nodule)) draw_round(canvas, a, lungs, stream(key, nodule), false);
}

void draw_signs_over_all(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, std::uint64_t mask,
                         std::uint64_t key) {
    if (has(mask, pleural_thickening)) draw_pleural_thickening(canvas, a, lungs, stream(key, pleural_thickening));
    if (has(mask, effusion)) draw_effusion(canvas, a, lungs, stream(key, effusion));
    if (has(mask, hernia)) draw_hernia(canvas, a, stream(key, hernia));
}

}  // namespace keel::phantom
