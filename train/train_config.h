// Everything that shapes a training run. The options are declared once, in train_options() (train/train_config.cpp):
// the flags of `keel train`, the keys of its TOML file and of --set, the range checks, config.toml and the help text
// all come from there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "train/option.h"

namespace keel {

/// The values are in range once they came from read_train_config() (train/config_file.h).
struct TrainConfig : DatasetOptions {
    std::string model, data, out;

    int epochs = 10;
    std::int64_t max_steps = 0;  ///< 0: no limit
    std::int64_t batch_size = 16;

    int image_size = 0;  ///< 0: 224, or the images' own where they are smaller (train/image_size.h)
    int channels = 0;    ///< 0: the data's
    bool small_stem = false;
    double dropout = -1.0;  ///< negative: the architecture's own

    std::string optimizer = "adamw";
    double lr = 0.001;
    double momentum = 0.9;
    bool nesterov = false;
    double weight_decay = 0.01;
    double beta1 = 0.9, beta2 = 0.999, adam_eps = 1e-8;
    double trust = 0.001;

    std::string schedule = "cosine";
    std::int64_t warmup_steps = 0;
    double min_lr = 0.0;
    std::int64_t step_epochs = 0;          ///< step: every so many epochs; 0: at the milestones alone
    std::vector<std::int64_t> milestones;  ///< step: epochs, rising
    double step_gamma = 0.1;
    int plateau_patience = 3;
    double plateau_factor = 0.1;

    std::string loss = "auto";  ///< auto: ce or bce, the task's own
    double label_smoothing = 0.0;
    std::string positive_weights = "none", class_weights = "none";
    double focal_gamma = 2.0, focal_alpha = 0.25;  ///< alpha 0: positives and negatives weigh the same
    double asymmetric_gamma_pos = 0.0, asymmetric_gamma_neg = 4.0, asymmetric_margin = 0.05;
    double auc_margin = 1.0, auc_rate = 0.1;
    std::string teacher;  ///< files, with commas between (train/distill/teachers.h); empty: none
    double teacher_weight = 0.7, temperature = 2.0;
    double hint_weight = 0.0;               ///< 0: no hints
    std::string hint_layer, teacher_layer;  ///< empty: the last feature map
    std::string teacher_cache;              ///< empty: the run's own folder
    double clip_norm = 0.0;                 ///< 0: no clipping
    double ema_decay = 0.0;                 ///< 0: no EMA
    int max_divergent = 3;
    std::string precision = "f32";

    std::string sampler = "sharded";
    std::string lr_scaling = "none";
    std::int64_t ghost_batch = 0;  ///< 0: statistics over a rank's whole batch
    int bn_ranks = 1;              ///< 0: all
    bool reproducible = false;
    int virtual_shards = 4;
    bool elastic = false;
    std::string allreduce = "auto", wire = "f32", overlap = "auto";
    double bucket_mb = 8;

    std::string init;  ///< empty: random weights
    std::string freeze = "none";
    double backbone_lr = 1.0, classifier_lr = 1.0;

    bool flip = true;
    double rotate = 0.0;  ///< degrees
    double shift = 0.0;
    double scale_min = 1.0;
    double brightness = 0.0, contrast = 0.0;
    double erase = 0.0, erase_area = 0.4;                     ///< erase 0: none
    double mixup = 0.0, cutmix = 0.0, mix_probability = 1.0;  ///< mixup, cutmix 0: none
    std::vector<float> mean, std;                             ///< empty: chosen from the data

    int workers = 2;
    int prefetch = 4;
    double max_bad = 0.001;
    double io_patience = 120;  ///< seconds

    std::string time_limit;            ///< see read_time_limit()
    double checkpoint_minutes = 10.0;  ///< 0: at the ends of epochs only
    int eval_every = 1;
    int patience = 0;     ///< 0: no early stop
    int pause_after = 0;  ///< epochs; 0: no pause
    bool tensorboard = false;
    int trace_steps = 0;
    std::string power_file;                                   ///< with watts that something else writes; empty: none
    double package_watts = 0;                                 ///< for an estimate of energy; 0: by the processor's name
    double price_core_hour = 0, price_kwh = 0, gco2_kwh = 0;  ///< 0: not known
    std::uint64_t seed = 0;
    int threads = 0;  ///< 0: thread_count()'s own default
};

/// The words that these options may be; other commands take them as well.
inline const Words kPrecisions{"f32", "bf16", "auto"};
inline const Words kAllreduces{"auto", "ring", "halving-doubling", "hierarchical"}, kWires{"f32", "bf16"},
    kOverlaps{"auto", "on", "off"};

/// The one declaration of all of TrainConfig's options, in the order of the help text.
std::span<const Option<TrainConfig>> train_options();

/// Returns those of them that say how a data set is read, DatasetOptions: other commands take them as well.
std::span<const Option<TrainConfig>> dataset_options();

/// Returns those of them that say how an image file is read, ImageReading: commands without a data set take them.
std::span<const Option<TrainConfig>> image_reading_options();

/// Returns whether a resumed run may change an option: it is the same run still. Threads change the last bits of its
/// weights (train/computed_with.h), and how long it shall be the cosine's course.
bool may_change_on_resume(std::string_view key);

}  // namespace keel
