// Drawing in the coordinates of the body: x to the right and y down, the image's square is [0, 1]^2 before it is posed.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "data/image.h"
#include "kernels/random.h"

namespace keel::phantom {

/// Returns 0 below `low`, 1 above `high`, smooth between.
inline float ramp(float v, float low, float high) {
    const float t = std::clamp((v - low) / (high - low), 0.0F, 1.0F);
    return t * t * (3.0F - 2.0F * t);
}

inline float square(float v) { return v * v; }
inline float mix(float a, float b, float t) { return a + (b - a) * t; }

struct Point {
    float x, y;
};

/// How the body lies in the image: rotated about the centre (radians), scaled, shifted.
struct Pose {
    float angle = 0.0F, scale = 1.0F, shift_x = 0.0F, shift_y = 0.0F;
};

struct Rect {
    float x0, y0, x1, y1;
};

/// The brightness of every pixel (0 black, 1 white) and where it lies in the body.
class Canvas {
public:
    Canvas(int size, const Pose& pose)
        : size_(size), cosine_(std::cos(pose.angle)), sine_(std::sin(pose.angle)), pose_(pose), value_(count()) {
        points_.reserve(count());
        for (int y = 0; y < size; ++y) {
            for (int x = 0; x < size; ++x) points_.push_back(to_body(x, y));
        }
    }

    int size() const { return size_; }
    float pixel() const {
        return 1.0F / (static_cast<float>(size_) * pose_.scale);
    }  ///< one pixel's width in body units
    std::vector<float>& values() { return value_; }

    /// Sets value = f(value, x, y, i) for every pixel i that may lie in `box`.
    template <class F>
    void each(const Rect& box, F&& f) {
        const Point corners[] = {to_pixel({box.x0, box.y0}), to_pixel({box.x1, box.y0}), to_pixel({box.x0, box.y1}),
                                 to_pixel({box.x1, box.y1})};
        Rect r{corners[0].x, corners[0].y, corners[0].x, corners[0].y};
        for (const Point& p : corners)
            r = {std::min(r.x0, p.x), std::min(r.y0, p.y), std::max(r.x1, p.x), std::max(r.y1, p.y)};
        const int x0 = bound(r.x0), y0 = bound(r.y0), x1 = bound(r.x1 + 1.0F), y1 = bound(r.y1 + 1.0F);
        for (int y = y0; y < y1; ++y) {
            for (int x = x0; x < x1; ++x) {
                const auto i =
                    static_cast<std::size_t>(y) * static_cast<std::size_t>(size_) + static_cast<std::size_t>(x);
                value_[i] = f(value_[i], points_[i].x, points_[i].y, i);
            }
        }
    }
    template <class F>
    void each(F&& f) {
        each({-1.0F, -1.0F, 2.0F, 2.0F}, std::forward<F>(f));
    }
    const std::vector<Point>& points() const { return points_; }

private:
    std::size_t count() const { return static_cast<std::size_t>(size_) * static_cast<std::size_t>(size_); }
    int bound(float v) const { return std::clamp(static_cast<int>(v), 0, size_); }
    Point to_body(int px, int py) const {
        const float n = static_cast<float>(size_);
        const float u = ((static_cast<float>(px) + 0.5F) / n - 0.5F - pose_.shift_x) / pose_.scale;
        const float v = ((static_cast<float>(py) + 0.5F) / n - 0.5F - pose_.shift_y) / pose_.scale;
        return {cosine_ * u + sine_ * v + 0.5F, cosine_ * v - sine_ * u + 0.5F};
    }
    Point to_pixel(Point p) const {
        const float n = static_cast<float>(size_), u = (p.x - 0.5F) * pose_.scale, v = (p.y - 0.5F) * pose_.scale;
        return {(cosine_ * u - sine_ * v + 0.5F + pose_.shift_x) * n,
                (sine_ * u + cosine_ * v + 0.5F + pose_.shift_y) * n};
    }

    int size_;
    float cosine_, sine_;
    Pose pose_;
    std::vector<float> value_;
    std::vector<Point> points_;
};

/// Value noise in [0, 1]: random values on a lattice, smoothly interpolated, period 32.
class Noise {
public:
    explicit Noise(Random& random) {
        for (float& v : lattice_) v = random.uniform();
    }
    float at(float x, float y) const {
        const float fx = std::floor(x), fy = std::floor(y), tx = ramp(x - fx, 0.0F, 1.0F),
                    ty = ramp(y - fy, 0.0F, 1.0F);
        const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
        return mix(mix(corner(ix, iy), corner(ix + 1, iy), tx), mix(corner(ix, iy + 1), corner(ix + 1, iy + 1), tx),
                   ty);
    }

private:
    float corner(int x, int y) const { return lattice_[static_cast<std::size_t>((y & 31) * 32 + (x & 31))]; }
    std::array<float, 1024> lattice_;
};

/// Draws a stroke from a to b whose brightness is added with soft edges; `width` is the half-width, at least that of a
/// pixel's half, with the brightness lowered in return. `weight(i)` scales it per pixel.
template <class Weight>
void stroke(Canvas& canvas, Point a, Point b, float width, float brightness, Weight&& weight) {
    const float half = std::max(width, 0.6F * canvas.pixel()),
                amount = brightness * std::min(1.0F, 1.5F * width / half);
    const float dx = b.x - a.x, dy = b.y - a.y, length = std::max(dx * dx + dy * dy, 1e-9F), reach = 2.0F * half;
    const Rect box{std::min(a.x, b.x) - reach, std::min(a.y, b.y) - reach, std::max(a.x, b.x) + reach,
                   std::max(a.y, b.y) + reach};
    canvas.each(box, [&](float v, float x, float y, std::size_t i) {
        const float t = std::clamp(((x - a.x) * dx + (y - a.y) * dy) / length, 0.0F, 1.0F);
        const float distance = std::hypot(x - a.x - t * dx, y - a.y - t * dy);
        return v + amount * (1.0F - ramp(distance, 0.4F * half, reach)) * weight(i);
    });
}

/// Writes capital letters with a 5x7 font, top left corner at pixel (x, y), `scale` pixels a dot.
void write_text(Canvas& canvas, const char* text, int x, int y, int scale);

}  // namespace keel::phantom
