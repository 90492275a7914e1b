// A network's map over the picture that it looked at.
#pragma once

#include <span>
#include <vector>

#include "runs/color_map.h"
#include "data/pipeline/transform.h"

namespace keel {

/// height x width values, rows top to bottom. It covers the whole picture, whatever the sizes.
struct HeatGrid {
    int width = 0, height = 0;
    std::vector<float> values;
};

/// (v - low) / (high - low), cut off at 0: high is the largest value, `low` as given. All 0 where nothing is above `low`.
void normalise(HeatGrid& grid, float low);

/// Bilinear between the centres of the cells; beyond the outermost, their value.
HeatGrid enlarge(const HeatGrid& grid, int width, int height);

/// A place in a picture, pixels.
struct PicturePoint {
    double x, y;
};
/// The centre of the cell with the largest value (the first of equals) in a picture of width x height.
PicturePoint peak_of(const HeatGrid& grid, int width, int height);
bool holds(const Box& box, const PicturePoint& point);

/// The picture in RGB with the map laid over it: the hotter, the less of the picture shows, `opacity` at 1. Values are in [0, 1].
Image overlay(const Image& picture, const HeatGrid& grid, ColourMap map, float opacity = 0.65F);

/// The outline of a box, `thickness` pixels to either side of its edge, as far as it lies in the picture (RGB).
void draw_outline(Image& picture, const Box& box, Colour colour, int thickness);

}  // namespace keel
