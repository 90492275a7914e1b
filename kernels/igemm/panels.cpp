#include "kernels/igemm/panels.h"

#include <mutex>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/igemm/igemm.h"
#include "kernels/immortal.h"
#include "kernels/parallel.h"

namespace keel::kernels {
namespace {

class PanelLayout final : public ConvWeightsLayout {
public:
    PanelLayout(const WeightsDims& of, int columns) : ConvWeightsLayout(of), columns_(columns) {}

    int columns() const { return columns_; }

    std::int64_t elements() const override { return dims().oc * dims().ic * dims().kh * dims().kw; }
    void pack(const float* plain, float* packed) const override {
        for_rows([&](std::int64_t plain_row, std::int64_t packed_row) {
            for (std::int64_t column = 0; column < columns_; ++column)
                packed[packed_row + column] = plain[plain_row + column * plain_column()];
        });
    }
    void unpack(const float* packed, float* plain) const override {
        for_rows([&](std::int64_t plain_row, std::int64_t packed_row) {
            for (std::int64_t column = 0; column < columns_; ++column)
                plain[plain_row + column * plain_column()] = packed[packed_row + column];
        });
    }

private:
    std::int64_t plain_column() const { return dims().ic * dims().kh * dims().kw; }

    /// Calls body(where its first column is in plain weights, where in packed ones) for each row of each panel.
    template <class Body>
    void for_rows(Body body) const {
        const std::int64_t ic = dims().ic, taps = dims().kh * dims().kw;
        parallel_for(dims().oc / columns_, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t panel = begin; panel < end; ++panel)
                for (std::int64_t tap = 0; tap < taps; ++tap)
                    for (std::int64_t i = 0; i < ic; ++i)
                        body(panel * columns_ * plain_column() + i * taps + tap,
                             ((panel * taps + tap) * ic + i) * columns_);
        });
    }

    int columns_;
};

}  // namespace

WeightsLayout panel_layout(const Conv2dGeometry& g) {
    check_geometry(g);
    const int columns = igemm_columns();
    if (!igemm_forwards(g))
        throw UsageError("[conv2d] panels want no groups and an even number of channels to a multiple of " +
                         std::to_string(columns) + ", got " + std::to_string(g.groups) + " groups of " +
                         std::to_string(g.ic) + " to " + std::to_string(g.oc));
    static constinit ForkMutex mutex;
    static constinit Immortal<std::vector<std::shared_ptr<const PanelLayout>>> known;
    auto& layouts = known.get();
    const std::lock_guard lock(mutex);
    for (const auto& layout : layouts)
        if (layout->dims() == WeightsDims(g) && layout->columns() == columns) return layout;
    layouts.push_back(std::make_shared<PanelLayout>(WeightsDims(g), columns));
    return layouts.back();
}

bool own_kernels_read(const WeightsLayout& layout) {
    const auto* panels = dynamic_cast<const PanelLayout*>(layout.get());
    return panels != nullptr && panels->columns() == igemm_columns();
}

}  // namespace keel::kernels
