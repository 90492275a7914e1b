#include "data/phantom/anatomy.h"

namespace keel::phantom {

float Anatomy::lateral(float y) const {
    const float t = std::clamp((y - lung_top) / 0.5F, 0.0F, 1.0F);
    return lung_width * (0.28F + 0.72F * std::sqrt(1.0F - square(1.0F - t))) + 0.02F * ramp(y, 0.5F, 0.85F);
}

float Anatomy::medial(float y) const { return mediastinum + 0.02F * ramp(y, 0.35F, 0.7F); }

float Anatomy::diaphragm(int side, float u) const {
    const float v = u - 0.38F;
    return dome[static_cast<std::size_t>(side)] +
           dome_curve * (v > 0.0F ? square(v / 0.62F) : 0.35F * square(v / 0.38F));
}

Anatomy draw_anatomy(Random& r) {
    Anatomy a{};
    a.lung_width = r.uniform(0.325F, 0.375F);
    a.lung_top = r.uniform(0.115F, 0.155F);
    a.dome[0] = r.uniform(0.68F, 0.73F);
    a.dome[1] = a.dome[0] + r.uniform(0.005F, 0.03F);
    a.dome_curve = r.uniform(0.10F, 0.14F);
    a.heart_ratio = r.uniform(0.39F, 0.465F);
    a.heart_y = r.uniform(-0.09F, -0.06F);
    a.mediastinum = r.uniform(0.05F, 0.07F);
    a.rib_spacing = r.uniform(0.070F, 0.082F);
    a.rib_phase = r.uniform();
    a.rib_contrast = r.uniform(0.035F, 0.075F);
    a.rib_slope = r.uniform(0.10F, 0.20F);
    a.tissue = r.uniform(0.56F, 0.66F);
    a.lung_level = r.uniform(0.20F, 0.27F);
    a.clavicle_y = r.uniform(0.16F, 0.20F);
    a.breast = r.chance(0.5F) ? r.uniform(0.03F, 0.08F) : 0.0F;
    a.vessels = r.bits();
    return a;
}

std::vector<LungPixel> map_lungs(const Anatomy& a, const Canvas& canvas) {
    std::vector<LungPixel> lungs;
    lungs.reserve(canvas.points().size());
    const float soft = std::max(0.006F, canvas.pixel());
    for (const Point& p : canvas.points()) {
        const int side = p.x < 0.5F ? 0 : 1;
        const float distance = std::abs(p.x - 0.5F), lateral = a.lateral(p.y), medial = a.medial(p.y);
        const float u = std::clamp((distance - medial) / (lateral - medial), 0.0F, 1.2F);
        const float dome = a.dome[static_cast<std::size_t>(side)];
        const float outer = std::min(lateral - distance, p.y - a.lung_top);
        const float inside = std::min({outer, distance - medial, a.diaphragm(side, u) - p.y});
        lungs.push_back({side, ramp(inside, -soft, soft), outer, u, (p.y - a.lung_top) / (dome - a.lung_top)});
    }
    return lungs;
}

namespace {

/// One vessel and its branches, thinner at each fork.
void grow_vessel(Canvas& canvas, const std::vector<LungPixel>& lungs, Random& r, Point from, float heading, float width,
                 int depth) {
    const float length = r.uniform(0.035F, 0.06F);
    const Point to{from.x + length * std::cos(heading), from.y + length * std::sin(heading)};
    stroke(canvas, from, to, width, 0.035F + 6.0F * width, [&](std::size_t i) { return lungs[i].mask; });
    if (depth == 0) return;
    grow_vessel(canvas, lungs, r, to, heading + r.uniform(-0.35F, 0.35F), width * 0.82F, depth - 1);
    if (r.chance(0.6F)) grow_vessel(canvas, lungs, r, to, heading + r.uniform(-0.9F, 0.9F), width * 0.65F, depth - 1);
}

void draw_vessels(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs) {
    Random r(a.vessels, Draw::synthesize);
    for (int side : {0, 1}) {
        const Point hilum{0.5F + direction(side) * (a.mediastinum + 0.02F), 0.44F};
        for (int branch = 0; branch < 7; ++branch) {
            const float upward = -1.25F + 0.42F * static_cast<float>(branch) + r.uniform(-0.15F, 0.15F);
            const float heading = side == 1 ? upward : 3.14159265F - upward;
            grow_vessel(canvas, lungs, r, hilum, heading, r.uniform(0.006F, 0.009F), 4);
        }
    }
}

/// Posterior ribs fall away from the spine, in a regular ladder.
float rib(const Anatomy& a, float x, float y) {
    const float distance = std::abs(x - 0.5F);
    const float f =
        (y + 0.16F * distance - a.rib_slope * 6.0F * square(distance - 0.17F)) / a.rib_spacing + a.rib_phase;
    const float phase = std::abs(f - std::floor(f) - 0.5F);  // 0 at a rib's middle
    const float band = 1.0F - ramp(phase, 0.17F, 0.25F), rim = ramp(phase, 0.08F, 0.17F) * band;
    return (band + 0.7F * rim) * ramp(distance, 0.05F, 0.08F) *
           (1.0F - ramp(distance, a.lateral(y), a.lateral(y) + 0.03F));
}

}  // namespace

void draw_body_and_lungs(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs, const Noise& noise) {
    canvas.each([&](float, float x, float y, std::size_t i) {
        const float distance = std::abs(x - 0.5F);
        const float shoulder = 0.10F + 0.38F * ramp(y, -0.02F, 0.16F) - 0.03F * ramp(y, 0.25F, 0.55F);
        const float body = 1.0F - ramp(distance, shoulder, shoulder + 0.03F);
        float v = mix(0.03F, a.tissue * (1.0F - 0.35F * ramp(distance, 0.25F, 0.48F)), body);
        v += 0.10F * body * ramp(y, 0.72F, 0.85F);  // the abdomen absorbs more
        if (x > 0.5F)
            v -= 0.16F *
                 (1.0F - ramp(std::hypot((x - 0.63F) / 0.07F, (y - a.dome[1] - 0.10F) / 0.035F), 0.6F, 1.0F));  // gas
        const float texture =
            0.05F * (noise.at(9.0F * x, 9.0F * y) - 0.5F) + 0.03F * (noise.at(27.0F * x, 27.0F * y) - 0.5F);
        const float lung = a.lung_level + 0.05F * ramp(lungs[i].t, 0.3F, 1.0F) + texture;
        return mix(v + 0.3F * texture, lung, lungs[i].mask);
    });
    draw_vessels(canvas, a, lungs);
    for (int side : {0, 1}) {  // hila
        const Point h{0.5F + direction(side) * (a.mediastinum + 0.025F), 0.45F - 0.02F * static_cast<float>(side)};
        canvas.each({h.x - 0.08F, h.y - 0.1F, h.x + 0.08F, h.y + 0.1F}, [&](float v, float x, float y, std::size_t) {
            return v + 0.16F * std::exp(-square((x - h.x) / 0.028F) - square((y - h.y) / 0.045F));
        });
        if (a.breast > 0.0F) {
            const Point b{0.5F + direction(side) * 0.22F, 0.66F};
            canvas.each({b.x - 0.2F, b.y - 0.2F, b.x + 0.2F, b.y + 0.2F}, [&](float v, float x, float y, std::size_t) {
                return v + a.breast * (1.0F - ramp(std::hypot((x - b.x) / 0.15F, (y - b.y) / 0.14F), 0.85F, 1.0F)) *
                               ramp(y, 0.5F, 0.75F);
            });
        }
    }
}

void draw_heart_and_bones(Canvas& canvas, const Anatomy& a, const std::vector<LungPixel>& lungs) {
    const float half = a.heart_half_width(), centre = 0.5F + 0.26F * half;
    const float base = std::max(a.dome[0], a.dome[1]), heart_y = base + a.heart_y;
    canvas.each([&](float v, float x, float y, std::size_t i) {
        const float distance = std::abs(x - 0.5F);
        const float column = a.medial(y) + 0.012F * std::sin(9.0F * y);
        const float mediastinum = (1.0F - ramp(distance, column - 0.012F, column + 0.012F)) * ramp(y, 0.0F, 0.2F);
        // The heart's axis leans to the image's right.
        const float hx = (x - centre) + 0.25F * (y - heart_y), hy = (y - heart_y) - 0.10F * (x - centre);
        const float heart = 1.0F - ramp(std::hypot(hx / half, hy / (0.10F + 0.42F * half)), 0.94F, 1.05F);
        const float knob = 1.0F - ramp(std::hypot(x - 0.565F, y - 0.36F), 0.033F, 0.045F);
        const float middle = std::max({mediastinum, 0.96F * heart, 0.8F * knob});
        v = std::max(v, mix(v, a.tissue + 0.10F, middle));
        v += 0.06F * (1.0F - ramp(distance, 0.028F, 0.04F)) * (0.75F + 0.25F * std::sin(95.0F * y));  // spine
        const float trachea = (1.0F - ramp(std::abs(x - 0.497F), 0.012F, 0.022F)) * (1.0F - ramp(y, 0.34F, 0.38F));
        v -= 0.14F * trachea * ramp(y, 0.02F, 0.08F);
        return v + a.rib_contrast * rib(a, x, y) * (0.35F + 0.65F * lungs[i].mask);
    });
    for (int side : {0, 1}) {
        const float s = direction(side);
        const Point inner{0.5F + s * 0.045F, a.clavicle_y + 0.035F}, bend{0.5F + s * 0.19F, a.clavicle_y},
            outer{0.5F + s * 0.36F, a.clavicle_y - 0.055F};
        stroke(canvas, inner, bend, 0.013F, 0.13F, [](std::size_t) { return 1.0F; });
        stroke(canvas, bend, outer, 0.013F, 0.13F, [](std::size_t) { return 1.0F; });
    }
}

}  // namespace keel::phantom
