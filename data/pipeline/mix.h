// Images of a batch mixed with one another, and their targets with them: mixup and cutmix.
#pragma once

#include <cstdint>
#include <vector>

#include "data/pipeline/batch.h"

namespace keel {

struct MixOptions {
    double mixup = 0;        ///< parameter of the Beta distribution that shares are drawn from; 0: no mixup
    double cutmix = 0;       ///< likewise; 0: no cutmix. With both an image gets the one or the other, evenly
    double probability = 1;  ///< that an image is mixed

    bool on() const { return (mixup > 0 || cutmix > 0) && probability > 0; }
};

/// Throws UsageError for an option outside its range.
void check_mix(const MixOptions& options);

/// What becomes of one image of a batch: the share `own` of it and the rest of its partner's, or the partner's pixels
/// in a rectangle, whose area is the rest.
struct Mix {
    std::int64_t partner = 0;  ///< row of the batch; the image's own where nothing is mixed
    double own = 1;
    bool patch = false;              ///< a rectangle of pixels [x, x + w) x [y, y + h), else a sum
    int x = 0, y = 0, w = 0, h = 0;  ///< where patch
    bool operator==(const Mix&) const = default;
};

/// Plans the mixture of `draws` (draws_of()), images of side x side pixels: partners are all in one ring, in random
/// order, so that no image is its own where there are two. Of a batch cut into parts (Batch::parts) each part is a ring
/// of its own, so that parts are the same on any number of ranks. Depends on (seed, epoch, draws, parts) alone.
///
/// mixup: own ~ Beta(mixup, mixup) (Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018, equation 1).
/// cutmix: a share ~ Beta(cutmix, cutmix), a square of sqrt(1 - share) of the side about a point uniform in the image,
/// cut off at its borders; own is the area left over (Yun et al., "CutMix: regularization strategy to train strong
/// classifiers with localizable features", ICCV 2019, equations 1 and 2).
std::vector<Mix> plan_mix(const MixOptions& options, const std::vector<std::int64_t>& draws,
                          const std::vector<std::int32_t>& parts, int side, std::uint64_t seed, std::uint64_t epoch);

/// Mixes the images of a batch as plan_mix() says and sets its soft targets for `labels` labels:
/// own * target + (1 - own) * the partner's target. A label that is not known of one of the two is not known of the
/// mixture; samples of no known class are not mixed. Does nothing where the options are off.
void mix_batch(Batch& batch, const MixOptions& options, std::int64_t labels, std::uint64_t seed, std::uint64_t epoch);

}  // namespace keel
