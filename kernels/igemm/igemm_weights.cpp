// The gradient of the weights: for each tap an outer product over all pixels. Blocks of pixels are packed into panels,
// diff_dst by the columns of a tile and src, as each tap sees it, by its rows, so that the inner loop reads two streams
// without a break.
#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/turned.h"
#include "kernels/igemm/variant_state.h"
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
    ConstMap map;
    std::int64_t image, row, pixel;  ///< elements from one to the next

    std::int64_t at(std::int64_t n, std::int64_t y, std::int64_t x) const { return n * image + y * row + x * pixel; }
};

struct WeightsCall {
    const IgemmVariant& variant;
    std::int64_t word;  ///< pixels of a packed word
    const Conv2dGeometry& g;
    Pixels src;
    const ConvAffine& affine;
    ConstMap diff_dst;
};

class Worker {
public:
    Worker(const WeightsCall& call, const WeightsShare& share)
        : call_(call), g_(call.g), share_(share), width_(call.variant.rows), columns_(call.variant.columns) {
        const std::int64_t ic = chunk_count(share.ic.size(), width_) * width_,
                           oc = std::min(share.oc.size(), kBlockColumns);
        // The rows of a block, as many as the cache takes.
        const std::int64_t fit = kBlockFloats / (g_.ow() * (ic + oc));
        rows_ = std::min(std::clamp<std::int64_t>(fit, 1, std::max<std::int64_t>(1, kMostBlockPixels / g_.ow())),
                         share_.rows.size());
        together_ = turns() && packs_rows_once(g_, call.word);
        if (together_) rows_ = std::min(rows_, g_.oh());
        if (rows_ < g_.oh()) rows_ = chunk_count(g_.oh(), chunk_count(g_.oh(), rows_));
        std::int64_t words = chunk_count(rows_ * g_.ow(), call.word);
        if (turns()) words = chunk_count(words, call.variant.step) * call.variant.step;  // whole cache lines
        words_ = words;
        const std::int64_t more = together_ ? rows_after() * g_.ow() / call.word : 0;
        src_panel_ = (words + more) * width_ + columns_;
        dst_panel_ = words * columns_ + columns_;
    }

    std::int64_t floats() const {
        const std::int64_t panels = chunk_count(std::min(share_.oc.size(), kBlockColumns), columns_);
        return src_panel_ * chunk_count(share_.ic.size(), width_) + dst_panel_ * (panels + (turns() ? 1 : 0));
    }

    /// Adds to, or with the first block writes, the share's channels of `weights`, which has the layout of the weights.
    void run(float* buffer, float* weights) const {
        IgemmState state(call_.variant);
        float* packed_dst = buffer + src_panel_ * chunk_count(share_.ic.size(), width_);
        for (std::int64_t oc = share_.oc.begin; oc < share_.oc.end; oc += kBlockColumns)
            for (Range rows = block_at(share_.rows.begin); rows.size() > 0; rows = block_at(rows.end)) {
                const Range channels{oc, std::min(oc + kBlockColumns, share_.oc.end)};
                pack_dst(rows, channels, packed_dst);
                Fetch next(*this, block_at(rows.end), channels);
                for (std::int64_t i = 0; i < std::int64_t{g_.kh} * g_.kw; ++i) {
                    // Taps of a column of the kernel one after another, where they share what is packed.
                    const std::int64_t tap = together_ ? i % g_.kh * g_.kw + i / g_.kh : i;
                    if (!together_ || tap < g_.kw) pack_src(rows, tap, buffer);
                    multiply(next, rows, channels, tap, buffer, packed_dst, rows.begin != share_.rows.begin, weights,
                             state.memory());
                }
            }
        if (turns()) turn_weights(weights);
    }

private:
    /// What the outer products of one block ask the memory for: the block after it, line by line through its pixels,
    /// src first, so that the processor's own prefetcher runs ahead; evenly over all products.
    class Fetch {
    public:
        Fetch(const Worker& w, Range rows, Range oc) : length_(chunk_count(w.rows_ * w.g_.ow(), w.call_.word)) {
            const std::int64_t taps = std::int64_t{w.g_.kh} * w.g_.kw;
            products_ = taps * chunk_count(w.share_.ic.size(), w.width_) * chunk_count(oc.size(), w.columns_);
            const std::int64_t image = rows.begin / w.g_.oh(), y = rows.begin % w.g_.oh() * w.g_.stride_h;
            const std::int64_t count = std::max<std::int64_t>(0, rows.size());
            const Pixels& src = w.call_.src;
            const ConstMap& diff_dst = w.call_.diff_dst;
            const auto size = static_cast<std::int64_t>(size_of(diff_dst.type));
            maps_[0] = {element(src.map, src.at(image, y, 0) + w.share_.ic.begin),
                        src.row * size,
                        src.pixel * size,
                        w.g_.iw,
                        chunk_count(w.share_.ic.size() * size, kLine),
                        count * w.g_.stride_h * w.g_.iw};
            maps_[1] = {element(diff_dst, rows.begin * w.g_.ow() * diff_dst.ld + oc.begin),
                        w.g_.ow() * diff_dst.ld * size,
                        diff_dst.ld * size,
                        w.g_.ow(),
                        chunk_count(oc.size() * size, kLine),
                        count * w.g_.ow()};
        }

        /// The next product's part.
        void next(IgemmOuter& t) {
            const std::int64_t of_src = maps_[0].lines * maps_[0].pixels,
                               all = of_src + maps_[1].lines * maps_[1].pixels;
            const Range lines = part(all, products_, product_++);
            const bool src = lines.begin < of_src;
            const Map& map = maps_[src ? 0 : 1];
            const std::int64_t first = lines.begin - (src ? 0 : of_src);
            const std::int64_t pixel = first / map.lines;
            t.fetch =
                reinterpret_cast<const float*>(map.data + pixel / map.width * map.row + pixel % map.width * map.pixel);
            t.fetch_line = first % map.lines;
            t.fetch_lines = map.lines;
            t.fetch_ld = map.pixel / static_cast<std::int64_t>(sizeof(float));
            t.fetch_every = std::max<std::int64_t>(4, length_ / std::max<std::int64_t>(1, lines.size()));
        }

    private:
        static constexpr std::int64_t kLine = 64;  // bytes of a cache line
        struct Map {
            const std::byte* data;
            std::int64_t row, pixel;  ///< bytes from one to the next
            std::int64_t width, lines, pixels;
        };
        Map maps_[2];
        std::int64_t length_, products_, product_ = 0;
    };

    bool turns() const { return call_.variant.turn != nullptr; }

    /// Returns the rows of src that the kernel's last row reads beyond those of its first one.
    std::int64_t rows_after() const { return (std::int64_t{g_.kh} - 1) * g_.dilation_h; }

    /// Returns the rows of the block that begins with one: of one image, where the kernel's rows share what is packed.
    Range block_at(std::int64_t row) const {
        const std::int64_t end = std::min(row + rows_, share_.rows.end);
        return {row, together_ ? std::min(end, chunk_count(row + 1, g_.oh()) * g_.oh()) : end};
    }

    /// Where the weights of some channels at a tap are.
    std::int64_t weights_at(std::int64_t o, std::int64_t tap, std::int64_t i) const {
        return ((o / columns_ * g_.kh * g_.kw + tap) * g_.ic + i) * columns_;
    }

    void pack_dst(Range rows, Range oc, float* packed) const {
        const ConstMap& map = call_.diff_dst;
        const std::int64_t pixels = rows.size() * g_.ow();
        call_.variant.pack({0, pixels, oc.size(), columns_, element(map, rows.begin * g_.ow() * map.ld + oc.begin),
                            map.ld, packed, dst_panel_, nullptr, nullptr, false});
        const std::int64_t panels = chunk_count(oc.size(), columns_);
        for (std::int64_t q = 0; turns() && q < panels; ++q)  // once for all taps
            igemm::turn_panel(call_.variant, chunk_count(pixels, call_.word), words_, packed + q * dst_panel_,
                              packed + panels * dst_panel_);
    }

    void turn_weights(float* weights) const {
        for (std::int64_t o = share_.oc.begin; o < share_.oc.end; o += columns_)
            for (std::int64_t tap = 0; tap < std::int64_t{g_.kh} * g_.kw; ++tap)
                igemm::turn_back(call_.variant, share_.ic.size(), weights + weights_at(o, tap, share_.ic.begin));
    }

    /// The pixels of src under `rows` at a tap, zeros where it lies outside; for the taps below it as well, where they
    /// share them.
    void pack_src(Range rows, std::int64_t tap, float* packed) const {
        const std::int64_t dy = tap / g_.kw * g_.dilation_h - g_.pad_h, dx = tap % g_.kw * g_.dilation_w - g_.pad_w;
        const std::int64_t first =
            std::clamp<std::int64_t>(chunk_count(std::max<std::int64_t>(0, -dx), g_.stride_w), 0, g_.ow());
        const std::int64_t last = std::clamp<std::int64_t>(chunk_count(g_.iw - dx, g_.stride_w), first, g_.ow());
        for (std::int64_t row = rows.begin; row < rows.end + (together_ ? rows_after() : 0); ++row) {
            const std::int64_t to = (row - rows.begin) * g_.ow(), image = (row < rows.end ? row : rows.begin) / g_.oh();
            const std::int64_t y = (row - image * g_.oh()) * g_.stride_h + dy;
            if (y < 0 || y >= g_.ih) {
                pack_row(nullptr, to, g_.ow(), packed);
                continue;
            }
            pack_row(nullptr, to, first, packed);
            const std::int64_t at = call_.src.at(image, y, first * g_.stride_w + dx) + share_.ic.begin;
            pack_row(element(call_.src.map, at), to + first, last - first, packed);
            pack_row(nullptr, to + last, g_.ow() - last, packed);
        }
    }

    /// Packs pixels of src, the first of them as pixel `to` of every panel; a null src: zeros.
    void pack_row(const std::byte* src, std::int64_t to, std::int64_t pixels, float* packed) const {
        if (pixels == 0) return;
        const ConvAffine& affine = call_.affine;
        const bool has_affine = affine.scale != nullptr;
        call_.variant.pack({to, pixels, share_.ic.size(), width_, src, g_.stride_w * call_.src.pixel, packed,
                            src_panel_, has_affine ? affine.scale + share_.ic.begin : nullptr,
                            has_affine ? affine.shift + share_.ic.begin : nullptr, affine.relu});
    }

    void multiply(Fetch& fetch, Range rows, Range oc, std::int64_t tap, const float* packed_src,
                  const float* packed_dst, bool accumulate, float* weights, void* state) const {
        const std::int64_t below =
            together_ ? tap / g_.kw * g_.dilation_h * g_.ow() / call_.word * width_ : std::int64_t{0};
        IgemmOuter t{};
        t.state = state;
        t.b_row = words_;
        t.length = chunk_count(rows.size() * g_.ow(), call_.word);
        t.a_step = width_;
        t.accumulate = accumulate;
        for (std::int64_t o = oc.begin; o < oc.end; o += columns_)
            for (std::int64_t i = share_.ic.begin; i < share_.ic.end; i += width_) {
                t.a = packed_src + (i - share_.ic.begin) / width_ * src_panel_ + below;
                t.b = packed_dst + (o - oc.begin) / columns_ * dst_panel_;
                t.weights = weights + weights_at(o, tap, i);
                t.rows = static_cast<int>(std::min<std::int64_t>(width_, share_.ic.end - i));
                fetch.next(t);
                call_.variant.outer(t);
            }
    }

    const WeightsCall& call_;
    const Conv2dGeometry& g_;
    WeightsShare share_;
    std::int64_t width_, columns_;
    bool together_ = false;  ///< the rows of the kernel
    std::int64_t rows_ = 0, words_ = 0, src_panel_ = 0, dst_panel_ = 0;
};

}  // namespace

void igemm_backward_weights(const Conv2dGeometry& g, ConstMap src, const ConvAffine& src_affine, ConstMap diff_dst,
                            float* diff_weights) {
    const bool halves = src.type == DType::bf16;
    const IgemmVariant& variant = halves ? select(igemm_bf16_variants).words : select(igemm_variants);
    Pixels pixels{src, g.ih * g.iw * src.ld, g.iw * src.ld, src.ld};
    Conv2dGeometry read = g;
    if (g.pointwise() && g.unpadded()) {  // reads the pixels of the steps alone: as many as dst has
        read = {g.n, g.ic, g.oh(), g.ow(), g.oc, 1, 1};
        pixels.row *= g.stride_h;
        pixels.pixel *= g.stride_w;
    }
    const WeightsCall call{variant, halves ? 2 : 1, read, pixels, src_affine, diff_dst};
    run_weights_plan<Worker>(call, igemm_weights_work(g, variant.columns), diff_weights);
}

}  // namespace keel::kernels
