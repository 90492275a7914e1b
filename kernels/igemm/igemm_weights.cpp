// The gradient of the weights: for each tap an outer product over all pixels. Blocks of pixels are packed into panels, src by the
// rows of a tile and diff_dst by its columns, so that the inner loop reads two streams; the taps shift where it starts in src's
// panels.
#include <algorithm>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/weights_plan.h"

namespace keel::kernels {
namespace {

/// Packed pixels of src and diff_dst that a block of the product works on: they stay in the second-level cache.
constexpr std::int64_t kBlockFloats = 160 << 10;
constexpr std::int64_t kMostBlockPixels = 256;
/// Channels of diff_dst packed at a time.
constexpr std::int64_t kBlockColumns = 512;

/// The pixels of src, by image, row and column.
struct Pixels {
    const float* first;
    std::int64_t image, row, pixel;  ///< floats from one to the next

    const float* at(std::int64_t n, std::int64_t y, std::int64_t x) const { return first + n * image + y * row + x * pixel; }
};

struct Job {
    const IgemmVariant& variant;
    const Conv2dGeometry& g;
    Pixels src;
    const ConvAffine& affine;
    ConstMap diff_dst;

    std::int64_t padded_w() const { return g.iw + 2 * std::int64_t{g.pad_w}; }
    /// Rows of src under `rows` rows of one image's diff_dst.
    std::int64_t src_rows(std::int64_t rows) const { return (rows - 1) * g.stride_h + std::int64_t{g.dilation_h} * (g.kh - 1) + 1; }
};

class Worker {
public:
    Worker(const Job& job, const WeightsShare& share)
        : job_(job), g_(job.g), share_(share), width_(job.variant.rows), columns_(job.variant.columns) {
        const std::int64_t ic = chunk_count(share.ic.size(), width_) * width_, oc = std::min(share.oc.size(), kBlockColumns);
        // The rows of a block, as many as the cache takes; each image that a block touches brings its own halo.
        const std::int64_t per_row = g_.ow() * oc + job.padded_w() * g_.stride_h * ic;
        rows_ = std::clamp<std::int64_t>(kBlockFloats / per_row, 1, std::max<std::int64_t>(1, kMostBlockPixels / g_.ow()));
        rows_ = std::min(rows_, share.rows.size());
        if (rows_ < g_.oh()) rows_ = chunk_count(g_.oh(), chunk_count(g_.oh(), rows_));
        const std::int64_t images = rows_ / g_.oh() + 2;
        src_panel_ = std::min(rows_, images * g_.oh()) * g_.stride_h;
        src_panel_ = (src_panel_ + images * (job.src_rows(1) + g_.stride_h)) * job.padded_w() * width_ + columns_;
        dst_panel_ = rows_ * g_.ow() * columns_ + columns_;
    }

    std::int64_t floats() const {
        return src_panel_ * chunk_count(share_.ic.size(), width_) +
               dst_panel_ * chunk_count(std::min(share_.oc.size(), kBlockColumns), columns_);
    }

    /// Adds to, or with the first block writes, the share's channels of `weights`, which has the layout of the weights.
    void run(float* buffer, float* weights) {
        float* packed_dst = buffer + src_panel_ * chunk_count(share_.ic.size(), width_);
        for (std::int64_t oc = share_.oc.begin; oc < share_.oc.end; oc += kBlockColumns)
            for (std::int64_t row = share_.rows.begin; row < share_.rows.end; row += rows_) {
                const Range rows{row, std::min(row + rows_, share_.rows.end)},
                    channels{oc, std::min(oc + kBlockColumns, share_.oc.end)};
                pack(rows, channels, buffer, packed_dst);
                Fetch next(*this, {rows.end, std::min(rows.end + rows_, share_.rows.end)}, channels);
                multiply(next, channels, buffer, packed_dst, row != share_.rows.begin, weights);
            }
    }

private:
    /// What the outer products of one block ask the memory for: the block after it, line by line through its pixels, src first, so
    /// that the processor's own prefetcher runs ahead; evenly over all products.
    class Fetch {
    public:
        Fetch(const Worker& w, Range rows, Range oc) : length_(w.rows_ * w.g_.ow()) {
            const std::int64_t taps = std::int64_t{w.g_.kh} * w.g_.kw;
            products_ = taps * chunk_count(w.share_.ic.size(), w.width_) * chunk_count(oc.size(), w.columns_);
            const std::int64_t image = rows.begin / w.g_.oh(), y = rows.begin % w.g_.oh() * w.g_.stride_h;
            const std::int64_t count = std::max<std::int64_t>(0, rows.size());
            const Pixels& src = w.job_.src;
            const ConstMap& diff_dst = w.job_.diff_dst;
            maps_[0] = {
                src.at(image, y, 0) + w.share_.ic.begin, src.row, src.pixel, w.g_.iw, chunk_count(w.share_.ic.size(), kLine),
                count * w.g_.stride_h * w.g_.iw};
            maps_[1] = {diff_dst.data + rows.begin * w.g_.ow() * diff_dst.ld + oc.begin,
                        w.g_.ow() * diff_dst.ld,
                        diff_dst.ld,
                        w.g_.ow(),
                        chunk_count(oc.size(), kLine),
                        count * w.g_.ow()};
        }

        /// The next product's part.
        void next(IgemmOuter& t) {
            const std::int64_t of_src = maps_[0].lines * maps_[0].pixels, all = of_src + maps_[1].lines * maps_[1].pixels;
            const Range lines = part(all, products_, product_++);
            const bool src = lines.begin < of_src;
            const Map& map = maps_[src ? 0 : 1];
            const std::int64_t first = lines.begin - (src ? 0 : of_src);
            const std::int64_t pixel = first / map.lines;
            t.fetch = map.data + pixel / map.width * map.row + pixel % map.width * map.pixel;
            t.fetch_line = first % map.lines;
            t.fetch_lines = map.lines;
            t.fetch_ld = map.pixel;
            t.fetch_every = std::max<std::int64_t>(4, length_ / std::max<std::int64_t>(1, lines.size()));
        }

    private:
        static constexpr std::int64_t kLine = 16;  // floats of a cache line
        struct Map {
            const float* data;
            std::int64_t row, pixel, width, lines, pixels;
        };
        Map maps_[2];
        std::int64_t length_, products_, product_ = 0;
    };

    void pack(Range rows, Range oc, float* packed_src, float* packed_dst) {
        const std::int64_t pixels = rows.size() * g_.ow();
        job_.variant.pack({pixels, oc.size(), columns_, job_.diff_dst.data + rows.begin * g_.ow() * job_.diff_dst.ld + oc.begin,
                           job_.diff_dst.ld, packed_dst, dst_panel_, nullptr, nullptr, false});
        src_segments_.clear();
        dst_segments_.clear();
        std::int64_t offset = 0;  // in a panel of src
        for (std::int64_t row = rows.begin; row < rows.end;) {
            const std::int64_t image = row / g_.oh(), y = row % g_.oh(), count = std::min(g_.oh() - y, rows.end - row);
            for (std::int64_t i = 0; i < count; ++i) {
                src_segments_.push_back(offset + i * g_.stride_h * job_.padded_w() * width_);
                dst_segments_.push_back((row - rows.begin + i) * g_.ow() * columns_);
            }
            const std::int64_t top = y * g_.stride_h - g_.pad_h, height = job_.src_rows(count);
            for (std::int64_t i = 0; i < height; ++i) pack_row(image, top + i, packed_src + offset + i * job_.padded_w() * width_);
            offset += height * job_.padded_w() * width_;
            row += count;
        }
        merge_segments();
    }

    /// One row of src with its halo of zeros, into all panels.
    void pack_row(std::int64_t image, std::int64_t y, float* to) {
        const std::int64_t halo = g_.pad_w * width_, panels = chunk_count(share_.ic.size(), width_);
        const bool inside = y >= 0 && y < g_.ih;
        for (std::int64_t q = 0; q < panels; ++q) {
            float* row = to + q * src_panel_;
            std::fill_n(row, inside ? halo : job_.padded_w() * width_, 0.0F);
        }
        if (!inside) return;
        const bool affine = job_.affine.scale != nullptr;
        job_.variant.pack({g_.iw, share_.ic.size(), width_, job_.src.at(image, y, 0) + share_.ic.begin, job_.src.pixel, to + halo,
                           src_panel_, affine ? job_.affine.scale + share_.ic.begin : nullptr,
                           affine ? job_.affine.shift + share_.ic.begin : nullptr, job_.affine.relu});
        for (std::int64_t q = 0; q < panels; ++q) std::fill_n(to + q * src_panel_ + halo + g_.iw * width_, halo, 0.0F);
    }

    /// Rows that follow each other without a halo are one segment.
    void merge_segments() {
        length_ = g_.ow();
        const bool seamless = g_.kh == 1 && g_.kw == 1 && g_.pad_w == 0 && g_.pad_h == 0 && g_.stride_w == 1 && g_.stride_h == 1;
        if (!seamless) return;
        length_ *= static_cast<std::int64_t>(src_segments_.size());
        src_segments_.resize(1);
        dst_segments_.resize(1);
    }

    void multiply(Fetch& fetch, Range oc, const float* packed_src, const float* packed_dst, bool accumulate, float* weights) {
        const std::int64_t taps = std::int64_t{g_.kh} * g_.kw;
        IgemmOuter t{};
        t.a_segments = src_segments_.data();
        t.b_segments = dst_segments_.data();
        t.segments = static_cast<std::int64_t>(src_segments_.size());
        t.length = length_;
        t.a_step = width_ * g_.stride_w;
        t.accumulate = accumulate;
        for (std::int64_t tap = 0; tap < taps; ++tap) {
            const std::int64_t shift = (tap / g_.kw * g_.dilation_h * job_.padded_w() + tap % g_.kw * g_.dilation_w) * width_;
            for (std::int64_t o = oc.begin; o < oc.end; o += columns_)
                for (std::int64_t i = share_.ic.begin; i < share_.ic.end; i += width_) {
                    t.a = packed_src + (i - share_.ic.begin) / width_ * src_panel_ + shift;
                    t.b = packed_dst + (o - oc.begin) / columns_ * dst_panel_;
                    t.weights = weights + ((o / columns_ * taps + tap) * g_.ic + i) * columns_;
                    t.valid = static_cast<int>(std::min<std::int64_t>(width_, share_.ic.end - i));
                    fetch.next(t);
                    job_.variant.outer(t);
                }
        }
    }

    const Job& job_;
    const Conv2dGeometry& g_;
    WeightsShare share_;
    std::int64_t width_, columns_;
    std::int64_t rows_ = 0, src_panel_ = 0, dst_panel_ = 0, length_ = 0;
    std::vector<std::int64_t> src_segments_, dst_segments_;
};

}  // namespace

void igemm_backward_weights(const Conv2dGeometry& g, ConstMap src, const ConvAffine& src_affine, ConstMap diff_dst,
                            float* diff_weights) {
    const auto& variant = select(igemm_variants);
    Pixels pixels{src.data, g.ih * g.iw * src.ld, g.iw * src.ld, src.ld};
    Conv2dGeometry read = g;
    if (g.pointwise() && g.pad_h == 0 && g.pad_w == 0) {  // reads the pixels of the steps alone: as many as dst has
        read = {g.n, g.ic, g.oh(), g.ow(), g.oc, 1, 1};
        pixels.row *= g.stride_h;
        pixels.pixel *= g.stride_w;
    }
    const Job job{variant, read, pixels, src_affine, diff_dst};
    const std::int64_t taps = std::int64_t{g.kh} * g.kw;
    const WeightsWork work{g.n * g.oh(), g.ow() * taps, g.ic, g.oc, 2 * variant.columns / taps, 1};
    run_weights_plan<Worker>(job, work, g.weights_elements(), diff_weights);
}

}  // namespace keel::kernels
