#include "data/inspect/image_sides.h"

#include <algorithm>

#include "kernels/error.h"

namespace keel {

ImageSides image_sides(const Dataset& dataset) {
    const std::int64_t samples = dataset.size(Split::train), count = std::min<std::int64_t>(samples, kSidesLookedAt);
    ImageSides sides;
    for (std::int64_t i = 0; i < count; ++i) {
        try {
            const Image image = dataset.load(Split::train, i * samples / count);
            sides.largest = std::max({sides.largest, image.width, image.height});
            ++sides.looked_at;
        } catch (const StorageError&) {
            throw;
        } catch (const Error&) {
            continue;  // counted and named where it is loaded
        }
    }
    return sides;
}

}  // namespace keel
