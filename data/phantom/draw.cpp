#include <algorithm>
#include <utility>

#include "data/glyphs.h"
#include "data/phantom/anatomy.h"
#include "data/phantom/phantom.h"
#include "data/sources/nih_table.h"

namespace keel {
namespace phantom {
namespace {

void write_glyph(Canvas& canvas, const GlyphRows& rows, int left, int top, int scale) {
    for (int y = 0; y < 7 * scale; ++y) {
        for (int x = 0; x < 5 * scale; ++x) {
            if ((rows[static_cast<std::size_t>(y / scale)] >> (4 - x / scale) & 1) == 0 || top + y >= canvas.size() ||
                left + x >= canvas.size())
                continue;
            canvas.values()[static_cast<std::size_t>(top + y) * static_cast<std::size_t>(canvas.size()) +
                            static_cast<std::size_t>(left + x)] = 0.95F;
        }
    }
}

/// What differs between two exposures of the same patient.
Pose draw_pose(Random& r) {
    return {r.uniform(-0.06F, 0.06F), r.uniform(0.93F, 1.05F), r.uniform(-0.025F, 0.025F), r.uniform(-0.02F, 0.02F)};
}

/// Exposure, the film's curve and noise; then to 8 bits.
Image expose(Canvas& canvas, Random& r) {
    const float gain = r.uniform(0.90F, 1.12F), offset = r.uniform(-0.02F, 0.05F), gamma = r.uniform(0.88F, 1.12F),
                noise = r.uniform(0.012F, 0.028F);
    for (float& v : canvas.values())
        v = std::pow(std::clamp(gain * v + offset, 0.0F, 1.0F), gamma) + noise * r.normal();
    // The marks are not part of the exposure: they are legible on every image.
    const int scale = std::max(1, canvas.size() / 160), margin = std::max(2, canvas.size() / 50);
    write_text(canvas, "SYNTHETIC", margin, canvas.size() - margin - 7 * scale, scale);
    write_text(canvas, "L", canvas.size() - margin - 5 * scale, margin, scale);
    Image image(canvas.size(), canvas.size(), 1);
    std::ranges::transform(canvas.values(), image.pixels.begin(), [](float v) {
        return static_cast<std::uint8_t>(255.0F * std::clamp(v, 0.0F, 1.0F) + 0.5F);
    });
    return image;
}

}  // namespace

void write_text(Canvas& canvas, const char* text, int x, int y, int scale) {
    for (; *text != '\0'; ++text, x += 6 * scale) write_glyph(canvas, glyph_rows(*text), x, y, scale);
}

}  // namespace phantom

namespace {

/// The image before it is exposed, and the stream that exposes it.
struct Painting {
    phantom::Canvas canvas;
    Random exposure;
};

Painting paint(const PhantomImage& image, int size, std::uint64_t seed) {
    using namespace phantom;
    const auto patient = static_cast<std::uint64_t>(image.patient), visit = static_cast<std::uint64_t>(image.follow_up);
    Random body(seed, Draw::synthesize, 1, patient), exposure(seed, Draw::synthesize, 2, patient << 8 | visit);
    // Random keeps the top byte of a key for itself.
    const std::uint64_t high = exposure.bits() >> 8, signs = high << 32 | exposure.bits();
    Anatomy anatomy = draw_anatomy(body);
    const float breath = exposure.uniform(-0.015F, 0.015F);
    for (float& dome : anatomy.dome) dome += breath;
    change_anatomy(anatomy, image.mask, signs);

    Canvas canvas(size, draw_pose(exposure));
    const auto lungs = map_lungs(anatomy, canvas);
    draw_body_and_lungs(canvas, anatomy, lungs, Noise(exposure));
    draw_signs_in_lungs(canvas, anatomy, lungs, image.mask, signs);
    draw_heart_and_bones(canvas, anatomy, lungs);
    draw_signs_over_all(canvas, anatomy, lungs, image.mask, signs);
    return {std::move(canvas), exposure};
}

/// The pixels of columns [begin, end) where two paintings differ visibly; a width of 0: none.
Box difference(Painting& a, Painting& b, int begin, int end) {
    constexpr float kVisible = 0.04F;
    const int size = a.canvas.size();
    int x0 = size, y0 = size, x1 = 0, y1 = 0;
    for (int y = 0; y < size; ++y)
        for (int x = begin; x < end; ++x) {
            const auto i = static_cast<std::size_t>(y) * static_cast<std::size_t>(size) + static_cast<std::size_t>(x);
            if (std::abs(a.canvas.values()[i] - b.canvas.values()[i]) < kVisible) continue;
            x0 = std::min(x0, x), x1 = std::max(x1, x + 1), y0 = std::min(y0, y), y1 = std::max(y1, y + 1);
        }
    return x1 <= x0 ? Box{} : Box{double(x0), double(y0), double(x1 - x0), double(y1 - y0)};
}

}  // namespace

Image draw_phantom(const PhantomImage& image, int size, std::uint64_t seed) {
    Painting painting = paint(image, size, seed);
    return phantom::expose(painting.canvas, painting.exposure);
}

std::vector<LabelledBox> phantom_boxes(const PhantomImage& image, int size, std::uint64_t seed) {
    using enum phantom::Sign;
    std::vector<LabelledBox> boxes;
    Painting all = paint(image, size, seed);
    for (const phantom::Sign sign :
         {atelectasis, cardiomegaly, effusion, infiltration, mass, nodule, pneumonia, pneumothorax}) {
        if ((image.mask >> sign & 1U) == 0) continue;
        PhantomImage without = image;
        without.mask &= ~(std::uint64_t{1} << sign);
        Painting others = paint(without, size, seed);
        // A sign of both lungs gets a box in each; the heart is in one.
        const int middle = sign == cardiomegaly ? size : size / 2;
        for (const auto& [begin, end] : {std::pair{0, middle}, {middle, size}}) {
            const Box box = difference(all, others, begin, end);
            if (box.width > 0) boxes.push_back({image.name, nih_labels()[sign], box});
        }
    }
    return boxes;
}

}  // namespace keel
