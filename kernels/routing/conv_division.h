// What a team of any size would do of a convolution: which algorithm, in how many chunks, and how much of it each
// thread. Pure functions: those that the kernels themselves divide by.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/igemm/division.h"
#include "kernels/isa.h"

namespace keel::kernels {

/// `infer` is the forward pass with weights prepared beforehand, `quantized` that of bytes.
enum class ConvPass : std::uint8_t { infer, forward, backward_data, backward_weights, quantized };
enum class ConvAlgorithm : std::uint8_t { igemm, winograd, qconv, onednn };

std::string_view name_of(ConvPass pass);
std::string_view name_of(ConvAlgorithm algorithm);

/// What is asked: a team of `threads` with an ISA, which this machine need not have. `sinks`: an epilogue takes the
/// result, as batch norms in training do.
struct ConvTeam {
    Isa isa;
    std::int64_t threads;
    bool sinks = false;
    bool halves = false;  ///< maps are of bf16
};

struct ConvDivision {
    ConvAlgorithm algorithm;
    std::int64_t chunks;         ///< that the parts are made of: pieces of rows, times panels of columns
    std::vector<double> macs{};  ///< multiply-adds of each part, as the direct sum would have them

    double total() const;
    double largest() const;
    /// Returns the share of the team's time in which its threads work, if all else is equal.
    double share(std::int64_t threads) const { return total() / (static_cast<double>(threads) * largest()); }
};

/// Returns the register tile of an ISA, of words of f32 or of bf16.
TileShape tile_of(const Isa& isa, bool halves = false);

/// Returns the algorithm that the rules choose. Tuning (choice.h) is left out.
ConvAlgorithm conv_algorithm(const Conv2dGeometry& g, ConvPass pass, const Isa& isa, bool halves = false);

ConvDivision divide_conv(const Conv2dGeometry& g, ConvPass pass, const ConvTeam& team);

}  // namespace keel::kernels
