// Looks for the most accurate model that keeps to limits of speed, size and memory: in another precision or in int8,
// for smaller images, with fewer channels, or of a smaller architecture that the checkpoint teaches (docs/fitting.md).
//
//     FitOptions options;
//     options.workshop.training.checkpoint = "best.safetensors";
//     options.workshop.training.data = "nih:/data/nih";
//     options.workshop.out = "fits/server";
//     options.workshop.measure_speed = measure_by_program({.program = "/usr/bin/keel", .isa = "avx2"});
//     options.wishes.min_images_per_second = Wish{4, true};
//     const FitResult result = fit(options, *dataset);
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "embed/loaded_model.h"
#include "tune/fit/accuracy.h"
#include "tune/fit/run_search.h"
#include "tune/fit/workshop_options.h"

namespace keel::fit {

struct FitOptions {
    WorkshopOptions workshop{};
    Wishes wishes{};
    SearchOptions search{};
    std::vector<Way> ways{Way::precision, Way::int8, Way::size, Way::fine_tune, Way::prune, Way::distill};
    std::vector<int> kept{4, 8, 16};       ///< layers that int8 models may leave in f32
    std::vector<std::int64_t> sizes{};     ///< empty: usual_sizes()
    std::vector<double> keeps{0.75, 0.5};  ///< shares of channels
    std::vector<std::string> students{};   ///< empty: usual_students()
    bool bf16 = false;                     ///< the processor that is fitted to multiplies it
    bool anew = false;                     ///< forgets what was measured in the folder before
    double hours = 0;                      ///< after which no step begins; 0: no limit
    bool test = true;                      ///< scores the chosen model on the test split, if there is one
};

/// Some of the options as a command line has them.
struct FitWords {
    std::string min_images_per_second{}, max_latency_ms{}, max_mb{}, max_memory_mb{};  ///< parse_wish(); empty: none
    std::vector<std::string> ways = std::vector<std::string>(kWays.begin(), kWays.end());
    std::vector<std::string> keeps{"0.75", "0.5"};
    std::vector<int> sizes{};
};
/// Sets what the words say. Throws UsageError for those that say nothing.
void take_words(FitOptions& options, const FitWords& words);

/// Has speed measured by that program, which the candidates depend on as well. Throws UsageError for an instruction set
/// that this machine lacks.
void measure_by(FitOptions& options, const SpeedOptions& speed);

struct FitResult {
    std::string checkpoint{}, data{}, split{}, metric{}, conditions{};  ///< conditions: what speed was measured under
    std::int64_t batch = 0;
    Space space{};
    Wishes wishes{};
    SearchResult search{};
    std::vector<std::string> notes{};  ///< what was left out or doubtful, for people
    std::filesystem::path model{};     ///< the chosen one's file; empty: there is none
    std::optional<Accuracy> test{};    ///< of the chosen one on the test split
};

/// Searches, and writes to the folder `out`: models/, fit.jsonl, model.safetensors (the chosen one), fit.json and
/// fit.html. Throws UsageError for what cannot be honoured, among it a quantized checkpoint, no limit beside the drop
/// where not all is searched, and another process that writes to the folder; InputError where the checkpoint or the
/// data do not fit; IoError.
FitResult fit(const FitOptions& options, const Dataset& dataset);

/// Returns what may be tried with a model on that data; `notes` gets what may not though it was asked for, and why.
Space space_of(const FitOptions& options, const LoadedGraph& model, bool is_graph, const Dataset& dataset,
               std::vector<std::string>& notes);

/// Returns the residual networks of the registry that take at most three quarters of the multiplications of a model
/// with so many, from the costliest on, three at most; those for small images below 64 pixels alone.
std::vector<std::string> usual_students(const ModelSpec& spec, std::int64_t macs);

}  // namespace keel::fit
