// Densities of one parameter, estimated from values that it had: TPE compares two of them.
#pragma once

#include <span>
#include <vector>

#include "kernels/random.h"
#include "tune/space.h"

namespace keel::tune {

/// Of a number a mixture of normal distributions cut off at the range's ends, one around each value and one, the prior,
/// over the whole range; of a choice the counts, each one more. What is logarithmic is estimated by its logarithm, what
/// is whole by the mass around each whole number.
class Parzen {
public:
    Parzen(const Parameter& parameter, std::span<const double> values);

    double draw(Random& random) const;
    /// Returns the logarithm of the density, or mass, at a value that the parameter may have.
    double log_density(double value) const;

private:
    struct Normal {
        double mean, deviation, mass;  ///< mass: of the whole normal distribution, within the range
    };
    double on_axis(double value) const;

    const Parameter& parameter_;
    std::vector<double> weights_;  // of choices
    std::vector<Normal> normals_;
    double low_ = 0, high_ = 0;
};

/// Returns a uniform draw in [0, 1) of 53 bits.
double uniform53(Random& random);

/// Returns a value drawn evenly: by its logarithm where the parameter says so.
double draw_evenly(const Parameter& parameter, Random& random);

}  // namespace keel::tune
