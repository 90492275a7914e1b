// The speed of a model's file, by keel bench in processes of its own: what they hold of memory is the model's alone,
// and they take the instruction set that is asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/isa.h"
#include "tune/fit/candidate.h"
#include "tune/fit/limits.h"

namespace keel::fit {

struct SpeedOptions {
    std::string program = "keel";  ///< found by PATH where it has no slash
    std::int64_t batch = 16;       ///< images at a time where their rate is measured
    int threads = 0;               ///< of the model; 0: the program's own number
    std::string isa{};             ///< KEEL_ISA; empty: as this process has it
    std::string bind = "auto";     ///< --bind
    int rounds = 3;                ///< processes for each number, whose median counts; where they are not steady as
                                   ///< many come again, twice at most, and the fastest count
    double seconds = 1;            ///< of steps that are timed in each
};

/// What of a file is measured: as it says itself, or, of a model of floats, quantized by random images, as the speed
/// does not ask what weights are.
enum class Quantizing : std::uint8_t { as_it_is, by_random_images };

/// Measures a file. `form`: f32 and bf16 are precisions of the maps, an int8 file is as it is.
using MeasureSpeed = std::function<Speed(const std::filesystem::path& file, Form form, Quantizing quantizing)>;

/// Returns what measures by that program. It throws InputError, with the program's last words, where it does not run
/// the model, and UsageError for one that runs in another precision than was asked for.
MeasureSpeed measure_by_program(SpeedOptions options);

/// Returns the instruction set that options ask for. Throws UsageError for one that this machine lacks.
const Isa& isa_of(const SpeedOptions& options);

/// "AMD EPYC 9R14, avx512_bf16, 2 threads, 16 images at a time, 3 rounds of 1 s, Keel 1.0.0": all that speed depends on
/// beside the model.
std::string conditions_of(const SpeedOptions& options);

/// What a process of keel bench --json said.
struct BenchFigures {
    double images_per_second = 0, step_ms = 0, memory_mb = 0;
    std::string precision{};
};
/// Throws InputError for anything but one JSON object with these in it, numbers above 0.
BenchFigures read_bench_figures(std::string_view json);

/// Rounds whose rates differ by more than this, of the lowest, are not of one machine: it does other work meanwhile.
inline constexpr double kSteady = 0.2;

/// Whether rates agree.
bool is_steady(double lowest, double highest);

/// Returns the `count` of the highest rate, in any order: other work only makes a round slower.
std::vector<BenchFigures> fastest_of(std::vector<BenchFigures> rounds, std::size_t count);

/// Returns how many steps to time, in so many seconds, of a step that takes `step_ms`: 3 to 1000.
int steps_to_time(double seconds, double step_ms);

/// Returns the speed of measurements of the rate and of single images. Wants one of each at least.
Speed speed_of(const std::vector<BenchFigures>& rates, const std::vector<BenchFigures>& singles);

}  // namespace keel::fit
