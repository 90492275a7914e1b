// What the maps of a model hold while it is trained. Weights, what belongs to a channel, statistics, sums, gradients of
// weights and losses are f32 in any precision.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/dtype.h"

namespace keel {

/// bf16: maps and their gradients are bf16 from the first convolution's result to the last map, which linear layers
/// read as f32 (Kalamkar et al., arXiv:1905.12322). Its exponents are those of f32, so that no loss is scaled.
enum class Precision : std::uint8_t { f32, bf16 };

/// Returns "f32" or "bf16".
std::string_view name(Precision precision);

/// Returns what the word of an option means here: auto is bf16 where the active ISA multiplies bf16, else f32. Throws
/// UsageError for other words.
Precision precision_of(std::string_view word);

/// Whether the active ISA has instructions that multiply bf16 (avx512_bf16, amx); others imitate them.
bool multiplies_bf16();

/// Returns what to tell who asked for bf16 where it is imitated, with a convolution's times in both, measured by this
/// call within a second; empty where it is not.
std::string imitation_warning(Precision precision);

/// Sets the precision of this thread's layers (nn::Conv2d) for the lifetime of the object; scopes nest. Without one it
/// is f32.
class PrecisionScope {
public:
    explicit PrecisionScope(Precision precision);
    ~PrecisionScope();
    PrecisionScope(const PrecisionScope&) = delete;
    PrecisionScope& operator=(const PrecisionScope&) = delete;

    static Precision current();
    /// Returns what a map becomes that holds `type`: f32 as the precision says, others stay.
    static DType map_type(DType type);

private:
    Precision before_;
};

}  // namespace keel
