// What a run is going to take, from what some of its steps took: a pure function.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/registry.h"
#include "runs/energy/run_cost.h"
#include "train/memory_need.h"
#include "train/train_config.h"

namespace keel {

/// A number, and the interval that measuring leaves it in: of 95 % where it was measured often enough to say so.
struct Figure {
    double value = 0, low = 0, high = 0;
};

/// What was measured of a run here, seconds where nothing else is said. All ranks step together, so that their times
/// are one.
struct RunFacts {
    TrainConfig config{};  ///< settled, see Trainer::config()
    ModelOptions model{};  ///< of config.model
    std::int64_t train_samples = 0, val_samples = 0;
    int ranks = 1;    ///< that were measured
    int threads = 1;  ///< of each

    std::vector<double> steps;            ///< one after the other, from where they had settled on
    double step_scale = 1;                ///< they were of so many times fewer images than the run's, which did not fit
    double first_steps = 0;               ///< what the steps before them took more than they
    double epoch_begin = 0;               ///< from an epoch's begin to where its first step has its images
    double val_begin = 0, val_image = 0;  ///< before a validation's first image; an image, of a rank
    double save = 0;                      ///< of a checkpoint
    bool teachers_in_steps = false;       ///< they are asked in every step, whose times hold that
    std::int64_t teacher_images = 0;      ///< that they are asked about once, before the first step
    std::int64_t teacher_views = 0;       ///< of each of them
    double teacher_begin = 0, teacher_image = 0;  ///< before the first of them; one in all its views, of a rank
    std::int64_t answer_bytes = 0;                ///< of what they say, as the run's folder keeps it
    double start = 0, end = 0;                    ///< before the first step; after the last, for the report
    std::int64_t checkpoint_bytes = 0;
    double input_rate = 0;  ///< images a second that a rank's loader gives where nobody takes time between; 0: unknown
    std::int64_t read_bytes = 0;  ///< that the loader reads for an image

    double watts = 0;  ///< of all ranks while they stepped
    bool watts_estimated = true;
    std::string energy_source{};
    NodeMemory memory{};
};

/// Where the run is meant to run.
struct RunPlan {
    int nodes = 1, ranks_per_node = 1;
    int threads = 0;               ///< of a rank; 0: as measured
    double step = 1;               ///< seconds of a step there, sums over ranks included, by those measured
    double compute = 1;            ///< of all else that is computed
    double rank_watts = 0;         ///< 0: as measured
    std::int64_t node_memory = 0;  ///< bytes; 0: as here

    int ranks() const { return nodes * ranks_per_node; }
};

struct RunEstimate {
    std::int64_t epochs = 0, steps = 0, steps_an_epoch = 0,
                 images_a_step = 0;       ///< epochs: begun, the last maybe in part
    Figure step, validation, epoch, run;  ///< seconds
    Figure teachers;                      ///< seconds of the run in which they are asked before the first step
    Figure images_a_second;
    Figure core_hours, kwh;
    bool kwh_estimated = true;
    std::optional<Figure> price, gco2;
    std::int64_t memory = 0;        ///< of a node's processes together, bytes
    std::int64_t memory_there = 0;  ///< that a node has, or has free where it is this one; 0: unknown
    bool fits = true;
    std::int64_t disk = 0;    ///< what the run's folder holds at its largest, bytes
    double wanted_input = 0;  ///< images a second of a node
    double input_there = 0;   ///< that its loaders give; 0: unknown
    double input_bytes = 0;   ///< read a second by a node
};

/// Returns the mean of times that came one after the other, with its interval of 95 %: from the means of up to five
/// blocks, which know of a drift what single times do not. Of less than four times it is 15 % either way.
Figure mean_of(const std::vector<double>& seconds);

RunEstimate estimate_run(const RunFacts& facts, const RunPlan& plan);

}  // namespace keel
