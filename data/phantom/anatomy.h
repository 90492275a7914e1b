// The body of a phantom patient, and what the signs of disease change about it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/phantom/canvas.h"

namespace keel::phantom {

/// Bits of PhantomImage::mask, in the order of nih_labels().
enum Sign : unsigned {
    atelectasis,
    cardiomegaly,
    effusion,
    infiltration,
    mass,
    nodule,
    pneumonia,
    pneumothorax,
    consolidation,
    edema,
    emphysema,
    fibrosis,
    pleural_thickening,
    hernia
};

/// Lengths in body units; [0] is the side at the image's left (the patient's right).
struct Anatomy {
    float lung_width, lung_top;
    std::array<float, 2> dome;  ///< height of the diaphragm's dome
    float dome_curve;           ///< how far the diaphragm falls towards its lateral end
    float heart_ratio;          ///< width of the heart over that of the thorax
    float heart_y, mediastinum;
    float rib_spacing, rib_phase, rib_contrast, rib_slope;
    float tissue, lung_level;  ///< brightness of soft tissue and of the lung
    float clavicle_y, breast;
    std::uint64_t vessels;  ///< key of the vessel tree

    float lateral(float y) const;              ///< distance of the lung's outer edge from the midline
    float medial(float y) const;               ///< and of its inner edge
    float diaphragm(int side, float u) const;  ///< y of the diaphragm; u = 0 medial, 1 lateral
    float heart_half_width() const { return heart_ratio * lung_width; }
};

/// Where a pixel lies in the lungs.
struct LungPixel {
    int side;     ///< 0 image's left, 1 right
    float mask;   ///< 1 inside, 0 outside, soft edge
    float outer;  ///< distance to the outer (lateral or apical) edge, negative outside
    float u, t;   ///< 0 medial to 1 lateral; 0 apex to 1 dome
};

Anatomy draw_anatomy(Random& patient);

/// Returns -1 or +1: the factor that maps a distance from the midline to x.
inline float direction(int side) { return side == 0 ? -1.0F : 1.0F; }

std::vector<LungPixel> map_lungs(const Anatomy& anatomy, const Canvas& canvas);

/// The healthy image in two layers: signs inside the lungs are drawn between them.
void draw_body_and_lungs(Canvas& canvas, const Anatomy& anatomy, const std::vector<LungPixel>& lungs,
                         const Noise& noise);
void draw_heart_and_bones(Canvas& canvas, const Anatomy& anatomy, const std::vector<LungPixel>& lungs);

/// Draw the signs of one image. change_anatomy runs before the lungs are mapped, in_lungs between the layers, over_all
/// last. They are pure functions of the mask and the stream, so the same image gets the same sides and places in all
/// three.
void change_anatomy(Anatomy& anatomy, std::uint64_t mask, std::uint64_t key);
void draw_signs_in_lungs(Canvas& canvas, const Anatomy& anatomy, const std::vector<LungPixel>& lungs,
                         std::uint64_t mask, std::uint64_t key);
void draw_signs_over_all(Canvas& canvas, const Anatomy& anatomy, const std::vector<LungPixel>& lungs,
                         std::uint64_t mask, std::uint64_t key);

}  // namespace keel::phantom
