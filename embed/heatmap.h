// A network's map over the image that it looked at.
#pragma once

#include <span>
#include <vector>

#include "data/image.h"
#include "embed/class_activation.h"
#include "embed/color_map.h"

namespace keel {

/// A map of height x width values, rows top to bottom. It covers the whole image, whatever the sizes.
struct HeatGrid {
    int width = 0, height = 0;
    std::vector<float> values;
};

/// Replaces each value v by (v - low) / (high - low), cut off at 0: high is the largest value, `low` as given. All
/// become 0 where nothing is above `low`. Throws UsageError, like the others here, for a grid whose values do not fit
/// its sides.
void normalize(HeatGrid& grid, float low);

/// The map of one label over one image, in [0, 1]: class activation from its least value on, Grad-CAM from 0 on (its
/// ReLU). `maps` as ClassActivation::maps gives them.
HeatGrid heat_of(const ClassActivation& activation, const Tensor& maps, std::int64_t image, std::int64_t place);

/// Returns the map with width x height values: bilinear between the centres of the cells; beyond the outermost, their
/// value.
HeatGrid enlarge(const HeatGrid& grid, int width, int height);

/// A place in an image, pixels.
struct ImagePoint {
    double x, y;
};
/// Returns the centre of the cell with the largest value (the first of equals) in an image of width x height.
ImagePoint peak_of(const HeatGrid& grid, int width, int height);
/// Returns whether a point lies in a box, its left and upper edge included.
bool holds(const Box& box, const ImagePoint& point);

/// Returns the image in RGB of 8 bits with the map laid over it: the hotter, the less of the image shows, `opacity`
/// at 1. Values are in [0, 1]. Throws InputError for an image that is neither grey nor RGB.
Image overlay(const Image& image, const HeatGrid& grid, ColorMap map, float opacity = 0.65F);

/// Draws the outline of a box, `thickness` pixels to either side of its edge, as far as it lies in the image. Throws
/// UsageError unless the image is RGB of 8 bits.
void draw_outline(Image& image, const Box& box, Color color, int thickness);

}  // namespace keel
