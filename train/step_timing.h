// How long the steps of a model take, on images of random pixels: training on any number of ranks, inference, and
// inference of the quantized model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "distributed/world.h"
#include "embed/loaded_model.h"
#include "kernels/profile.h"
#include "models/registry.h"

namespace keel {

struct StepTimingOptions {
    std::string checkpoint{};  ///< file of the model, see take_checkpoint(); empty: by its name, with random weights
    std::optional<OpenedModel> opened{};                ///< it
    std::string model = "densenet121", mode = "train";  ///< train, infer or int8
    ModelOptions options{};
    std::string precision = "f32";  ///< of maps: f32, bf16 or auto, see precision_of()
    std::int64_t batch = 16, image_size = 224;
    int steps = 10, warmup = 2;  ///< timed, and before them
    std::uint64_t seed = 0;
    bool record = false;                                             ///< where the time goes
    std::string allreduce = "auto", wire = "f32", overlap = "auto";  ///< of training on several ranks, see TrainConfig
    double bucket_mb = 8;
    std::function<void(int done, double seconds)> on_step{};  ///< hears of each, also those before
};

struct StepTiming {
    std::vector<double> seconds;      ///< of each step
    profile::Recording recording;     ///< of all steps, if it is wanted
    std::string precision;            ///< that the steps ran in: f32 or bf16
    std::vector<std::string> notes;   ///< why it is not what was asked for, for people
    std::vector<std::string> in_f32;  ///< layers of inference in bf16 that ran in f32
    /// Seconds of each step that waited for sums over ranks, that these took, and that their thread had a processor.
    std::vector<double> exposed, sums, processor;
    /// Share of the threads' time in which they were ready and others had their processors; less than 0: not known.
    double stolen = -1;
};

/// Makes the options' model, its options and the size of the images those of the file `checkpoint`, if there is one.
/// Throws what read_model_spec() does.
void take_checkpoint(StepTimingOptions& options);

/// Takes the steps, of inference with the weights of the checkpoint, if there is one; all ranks call it together.
/// Throws UsageError for what make_model() or the sums refuse, for steps that a quantized model cannot take, and for
/// bf16 in the mode int8.
StepTiming time_steps(const StepTimingOptions& options, World& world);

/// Seconds, and images a second.
struct StepSpeed {
    double images_per_second, median, least;
    double late;  ///< the time that 99 of 100 steps stay within
    double mean;
    double exposed, sums, processor;
    double stolen = -1;  ///< StepTiming::stolen
};

/// Returns the medians, least, late and mean times of all ranks: images a second are the sum of what each does, the
/// times those of the slowest. All ranks call it together.
StepSpeed speed_of(const StepTiming& timing, std::int64_t batch, World& world);

}  // namespace keel
