#include "train/train_config.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "data/sources/table.h"
#include "train/teacher_options.h"

namespace keel {

namespace {

using C = TrainConfig;
using Options = std::vector<Option<C>>;

constexpr NumberRange kWholeFromZero = at_least(0), kWholeFromOne = at_least(1);
constexpr NumberRange kFraction = from_to(0, 1), kFractionBelowOne = from_to_below(0, 1);

/// What is trained, on what, for how long.
Options run_options() {
    static const std::string kDataHelp = data_spec_help();
    return {
        {"model", &C::model, "NAME", {}, "network; keel models lists them", "", true},
        {"data", &C::data, "SPEC", {}, kDataHelp, "", true},
        {"out", &C::out, "DIR", {}, "run directory", "", true},
        {"epochs", &C::epochs, "epochs", kWholeFromOne, "passes over the training split"},
        {"max_steps", &C::max_steps, "steps", kWholeFromZero,
         "stop after so many steps, of as many images as the run began with", "no limit"},
        {"batch_size", &C::batch_size, "images", from_to(1, 65536), "images in a step of each rank"},
    };
}

Options network_options() {
    return {
        {"image_size", &C::image_size, "pixels", from_to(0, 4096), "side of the network's input, at least 8",
         "224, or the images' own where they are smaller"},
        {"channels", &C::channels, "", from_to(0, 32),
         "channels of the network's input: grey images become any number, RGB ones grey", "the data's"},
        {"small_stem", &C::small_stem, "", {}, "3x3 stem of stride 1 without max-pool, for images under 64 pixels"},
        {"dropout", &C::dropout, "", from_to_below(-1, 1),
         "probability of the model's dropout layers; negative: the architecture's own (VGG 0.5, the others 0)"},
    };
}

Options optimizer_options() {
    return {
        {"optimizer", &C::optimizer, "", Words{"sgd", "adam", "adamw", "lars"}, "update rule"},
        {"lr", &C::lr, "", above(0), "learning rate after warm-up"},
        {"momentum", &C::momentum, "", kFractionBelowOne, "sgd, lars: momentum"},
        {"nesterov", &C::nesterov, "", {}, "sgd, lars: Nesterov's momentum"},
        {"weight_decay", &C::weight_decay, "", at_least(0), "weight decay (sgd, lars, adam: L2; adamw: decoupled)"},
        {"beta1", &C::beta1, "", kFractionBelowOne, "adam, adamw: decay of the first moment"},
        {"beta2", &C::beta2, "", kFractionBelowOne, "adam, adamw: decay of the second moment"},
        {"adam_eps", &C::adam_eps, "", above(0), "adam, adamw: added to the denominator"},
        {"trust", &C::trust, "", above(0), "lars: update's norm by the weights'"},
    };
}

Options schedule_options() {
    return {
        {"schedule", &C::schedule, "", Words{"constant", "step", "cosine", "plateau"}, "course of the learning rate"},
        {"warmup_steps", &C::warmup_steps, "steps", kWholeFromZero,
         "linear warm-up, in steps of as many images as the run began with", "none"},
        {"min_lr", &C::min_lr, "", at_least(0), "lowest learning rate of step, cosine and plateau"},
        {"step_epochs", &C::step_epochs, "epochs", kWholeFromZero, "step: decay every so many epochs",
         "at the milestones alone"},
        {"milestones", &C::milestones, "epochs", kWholeFromOne, "step: decay at these epochs, rising", "none"},
        {"step_gamma", &C::step_gamma, "", {NumberRange{0, 1, true, false}}, "step: factor of a decay"},
        {"plateau_patience", &C::plateau_patience, "epochs", kWholeFromZero,
         "plateau: epochs without progress before a decay"},
        {"plateau_factor", &C::plateau_factor, "", {NumberRange{0, 1, true, true}}, "plateau: factor of a decay"},
    };
}

/// What a run minimizes.
Options loss_options() {
    return {
        {"loss", &C::loss, "", Words{"auto", "ce", "bce", "focal", "asymmetric", "auc-margin"},
         "what is minimized; auto: ce of classes, bce of labels; the others of either"},
        {"label_smoothing", &C::label_smoothing, "", kFractionBelowOne,
         "weight of the uniform distribution in the targets"},
        {"positive_weights", &C::positive_weights, "", Words{"none", "balanced"},
         "multi-label data: weight of positive samples; balanced: negatives / positives of each label"},
        {"class_weights", &C::class_weights, "", Words{"none", "balanced"},
         "data of classes: weight of each class's samples; balanced: all classes weigh the same in the whole"},
        {"focal_gamma", &C::focal_gamma, "", from_to(0, 10), "focal: power of 1 - p by which easy samples weigh less"},
        {"focal_alpha", &C::focal_alpha, "", kFractionBelowOne,
         "focal, multi-label data: weight of positives, that of negatives is 1 - alpha", "both 1"},
        {"asymmetric_gamma_pos", &C::asymmetric_gamma_pos, "", from_to(0, 10), "asymmetric: power of 1 - p, positives"},
        {"asymmetric_gamma_neg", &C::asymmetric_gamma_neg, "", from_to(0, 10), "asymmetric: power of p, negatives"},
        {"asymmetric_margin", &C::asymmetric_margin, "", kFractionBelowOne,
         "asymmetric: probability up to which negatives weigh nothing"},
        {"auc_margin",
         &C::auc_margin,
         "",
         {NumberRange{0, 1, true, false}},
         "auc-margin: wanted distance of the mean probabilities of positives and negatives"},
        {"auc_rate",
         &C::auc_rate,
         "",
         {NumberRange{0, 1, true, false}},
         "auc-margin: learning rate of its own variables, whatever the optimizer"},
    };
}

/// What a step may not do, what it computes in, and what is kept of it.
Options step_options() {
    return {
        {"clip_norm", &C::clip_norm, "", at_least(0), "largest L2 norm of all gradients together", "no clipping"},
        {"ema_decay", &C::ema_decay, "", kFractionBelowOne, "decay of the weights' moving average", "no average"},
        {"max_divergent", &C::max_divergent, "steps", kWholeFromZero,
         "steps in a row with NaN or Inf, none of them applied, that end the run with 4"},
        {"precision", &C::precision, "", kPrecisions,
         "what maps and their gradients hold in steps; weights, sums and checkpoints are f32; auto: bf16 where the "
         "processor multiplies it, else f32"},
    };
}

Options rank_options() {
    return {
        {"sampler", &C::sampler, "", Words{"sharded", "independent", "balanced"},
         "order of an epoch: one permutation, of which each rank has a shard; the first part of a permutation of each "
         "rank's own; or shards of draws that show every class, or label and none, equally often"},
        {"lr_scaling", &C::lr_scaling, "", Words{"none", "linear", "sqrt"},
         "several ranks: factor of the learning rate, their number or its root; warm it up"},
        {"ghost_batch", &C::ghost_batch, "images", kWholeFromZero,
         "batch norm's statistics over sub-batches of at most so many; gradients are accumulated over them",
         "the rank's batch"},
        {"bn_ranks", &C::bn_ranks, "ranks", kWholeFromZero, "ranks that share batch norm's statistics; 0: all"},
        {"reproducible",
         &C::reproducible,
         "",
         {},
         "weights are the same to the bit on any number of ranks that divides virtual_shards, and of threads"},
        {"virtual_shards", &C::virtual_shards, "shards", from_to(1, 65536),
         "reproducible: parts of a step, a power of two; each is a batch of its own, whose gradients are summed in a "
         "fixed order"},
        {"elastic",
         &C::elastic,
         "",
         {},
         "a run resumed on another number of ranks may have another number of images a step"},
        {"allreduce", &C::allreduce, "", kAllreduces, "how gradients are summed over ranks; auto: by measured costs"},
        {"wire", &C::wire, "", kWires, "what gradients travel as between ranks; sums are f32"},
        {"overlap", &C::overlap, "", kOverlaps,
         "gradients are summed while backward goes on; auto: where the first steps are faster so"},
        {"bucket_mb", &C::bucket_mb, "MB", {NumberRange{0, 1024, true, false}}, "gradients that go out together"},
    };
}

/// Where weights come from, and which are trained.
Options weights_options() {
    return {
        {"init",
         &C::init,
         "FILE",
         {},
         "checkpoint to take weights from; a classifier that does not fit stays random",
         "random weights"},
        {"freeze", &C::freeze, "", Words{"none", "backbone"}, "what is not trained; backbone: all but the classifier"},
        {"backbone_lr", &C::backbone_lr, "", at_least(0), "multiplier of the backbone's learning rate"},
        {"classifier_lr", &C::classifier_lr, "", at_least(0), "multiplier of the classifier's learning rate"},
    };
}

/// What happens to images before the network sees them.
Options image_options() {
    return {
        {"flip", &C::flip, "", {}, "augmentation: mirror half of the images left to right"},
        {"rotate", &C::rotate, "degrees", from_to(0, 180), "augmentation: rotation by up to so much either way"},
        {"shift", &C::shift, "of the side", kFraction, "augmentation: shift by up to so much either way"},
        {"scale_min",
         &C::scale_min,
         "of the area",
         {NumberRange{0, 1, true, false}},
         "augmentation: least area of a random crop; 1: no crop"},
        {"brightness", &C::brightness, "", kFraction, "augmentation: factor within 1 +- this"},
        {"contrast", &C::contrast, "", kFraction, "augmentation: factor within 1 +- this"},
        {"erase", &C::erase, "of the images", kFraction, "augmentation: random erasing, a rectangle becomes noise",
         "none"},
        {"erase_area", &C::erase_area, "of the area", from_to_below(0.02, 1),
         "augmentation: largest area that is erased; the least is 0.02"},
        {"mixup", &C::mixup, "", from_to(0, 1000),
         "augmentation: images and targets are mixed in pairs, in shares from Beta(mixup, mixup)", "none"},
        {"cutmix", &C::cutmix, "", from_to(0, 1000),
         "augmentation: a rectangle is another image's, its area from Beta(cutmix, cutmix), and its part of the target",
         "none"},
        {"mix_probability", &C::mix_probability, "of the images", kFraction, "images that mixup or cutmix change"},
        {"mean", &C::mean, "", kFraction, "subtracted from pixels in 0 to 1; one value or one a channel", "auto"},
        {"std",
         &C::std,
         "",
         {NumberRange{0, 1, true, false}},
         "pixels are divided by it; one value or one a channel",
         "auto"},
    };
}

/// How the samples of image files become brightness: ImageReading.
Options image_reading_rows() {
    return {
        {"bit_depth", &C::bit_depth, "bits", from_to(0, 16),
         "bits that samples of 16 bits use: 12 makes 4095 white, and more an error", "all"},
        {"rescale", &C::rescale, "LOW,HIGH", NumberRange{},
         "samples of more than 8 bits that are black and white; those beyond are cut off",
         "0 and the largest; of floats 0 and 1"},
        {"keep_16_bits", &C::keep_16_bits, "", {}, "samples of more than 8 bits are not rounded to 8"},
        {"page", &C::page, "", kWholeFromZero, "page of a TIFF file, from 1", "the only one"},
        {"window", &C::window, "CENTER,WIDTH", NumberRange{},
         "DICOM: the window that is shown, in the units of the modality (CT: Hounsfield)", "the file's own, the first"},
        {"exif_rotation", &C::exif_rotation, "", {}, "images are turned as EXIF's Orientation says"},
    };
}

/// How files become samples of a data set: DatasetOptions.
Options reading_options() {
    Options options = {
        {"val_fraction", &C::val_fraction, "of the rest", kFractionBelowOne,
         "validation split, where the data have none"},
        {"test_fraction", &C::test_fraction, "of all", kFractionBelowOne, "test split, where the data have none"},
        {"split_rule", &C::split_rule, "", Words{"stratified", "old"},
         "how such splits are chosen: stratified takes its share of each class; old, images of any class, and of a "
         "flat "
         "folder always a tenth for the test"},
        {"group_by",
         &C::group_by,
         "REGEX|dicom",
         {},
         "folder: the pattern's first group in an image's name (CLASS/NAME) is its patient; dicom: the files say; one "
         "split a patient",
         "an image each"},
        {"split_seed", &C::split_seed, "", kWholeFromZero,
         "seed of such splits; not the run's, which would hold out other images"},
    };
    for (const Option<C>& option : image_reading_rows()) options.push_back(option);
    return options;
}

/// How tables of labels are read: TableReading.
Options table_options() {
    static const Words kLabelTypes{"auto", "classes", "labels"}, kBlanks{"auto", "unknown", "zeros"},
        kReaders{"majority", "any", "all"};
    const auto column = [](std::string_view key, std::string C::*member, std::string_view help) {
        return Option<C>{key, member, "NAME", {}, help, "guessed"};
    };
    return {
        {"root", &C::root, "DIR", {}, "where the images of a table are", "the table's or the set's folder"},
        column("path_column", &C::path_column, "column of a table that names images"),
        column("label_columns", &C::label_columns,
               "columns of labels, or the one that names them, with commas between"),
        column("label_separator", &C::label_separator, "between the labels in one column"),
        column("patient_column", &C::patient_column, "column that says whose image it is; none: no column"),
        column("split_column", &C::split_column, "column of train, val and test; none: no column"),
        column("view_column", &C::view_column, "column of views; none: no column"),
        column("sex_column", &C::sex_column, "column of sexes; none: no column"),
        column("age_column", &C::age_column, "column of ages; none: no column"),
        column("weight_column", &C::weight_column, "column of the samples' weights in the loss; none: no column"),
        {"label_type", &C::label_type, "", kLabelTypes, "what a table's labels are"},
        {"only_labels", &C::only_labels, "NAMES", {}, "the labels to use, with commas between", "all"},
        {"uncertain",
         &C::uncertain,
         "RULE",
         {},
         "what uncertain labels become: ignore, zeros, ones, smooth:a-b, or LABEL=ones,... and one for the others"},
        {"blanks", &C::blanks, "", kBlanks, "what blank labels become; auto: as the set's authors take them"},
        {"view", &C::view, "NAMES", {}, "views to use: frontal, lateral, PA, AP, ..., with commas between", "all"},
        {"readers", &C::readers, "", kReaders, "what several readers of an image agree on (vindr)"},
    };
}

/// How many images are read at once, and how many may be lost.
Options loading_options() {
    return {
        {"workers", &C::workers, "threads", from_to(1, 1024), "threads that decode images"},
        {"prefetch", &C::prefetch, "batches", from_to(1, 1024), "batches decoded ahead, at most"},
        {"max_bad", &C::max_bad, "of the split", kFraction,
         "unreadable images, rounded up, that are skipped; more end the run with 3"},
        {"io_patience", &C::io_patience, "seconds", from_to(0, 86400),
         "how long reads are tried again where the storage does not answer; then the run saves and ends with 5"},
    };
}

/// What a run's time and energy are counted by.
Options cost_options() {
    return {
        {"power_file",
         &C::power_file,
         "FILE",
         {},
         "a file of the node's power that something else keeps writing, as '215.3 W': energy is counted by it",
         "RAPL, perf, or an estimate"},
        {"package_watts", &C::package_watts, "W", at_least(0),
         "power of a processor package at work (TDP), for where energy can only be estimated", "by its name"},
        {"price_core_hour", &C::price_core_hour, "", at_least(0), "what a core costs for an hour", "not known"},
        {"price_kwh", &C::price_kwh, "", at_least(0), "what a kilowatt-hour costs", "not known"},
        {"gco2_kwh", &C::gco2_kwh, "g", at_least(0), "carbon dioxide of a kilowatt-hour", "not known"},
    };
}

/// When a process saves, validates and stops, and what it writes.
Options process_options() {
    return {
        {"time_limit",
         &C::time_limit,
         "TIME",
         {},
         "save and stop before so much time is over: minutes, HH:MM:SS, D-HH:MM:SS or none",
         "what Slurm grants"},
        {"checkpoint_minutes", &C::checkpoint_minutes, "minutes", at_least(0),
         "time between checkpoints within an epoch", "epochs' ends"},
        {"eval_every", &C::eval_every, "epochs", kWholeFromOne, "epochs between validations"},
        {"patience", &C::patience, "epochs", kWholeFromZero,
         "stop after so many epochs without progress, at a validation", "never"},
        {"pause_after", &C::pause_after, "epochs", kWholeFromZero,
         "save and end with 75 behind so many epochs, for --resume auto with a later one; epochs alone shapes the "
         "course of the learning rate",
         "never"},
        {"tensorboard", &C::tensorboard, "", {}, "write event files for TensorBoard, too"},
        {"trace_steps", &C::trace_steps, "steps", from_to(0, 1000),
         "record so many steps, after the tenth, in trace.json of the run"},
        {"seed", &C::seed, "", kWholeFromZero, "seed of weights, order, augmentation and dropout"},
        {"threads", &C::threads, "threads", from_to(0, 1024), "compute threads", "the allowed cores"},
    };
}

}  // namespace

std::span<const Option<TrainConfig>> train_options() {
    static const Options options = [] {
        Options all;
        for (const auto group : {run_options, network_options, optimizer_options, schedule_options, loss_options,
                                 teacher_options, step_options, rank_options, weights_options, image_options,
                                 loading_options, reading_options, table_options, cost_options, process_options})
            for (const Option<C>& option : group()) all.push_back(option);
        return all;
    }();
    return options;
}

std::span<const Option<TrainConfig>> dataset_options() {
    static const Options options = [] {
        Options all = reading_options();
        for (const Option<C>& option : table_options()) all.push_back(option);
        return all;
    }();
    return options;
}

std::span<const Option<TrainConfig>> image_reading_options() {
    static const Options options = image_reading_rows();
    return options;
}

bool may_change_on_resume(std::string_view key) {
    static constexpr std::string_view kFree[] = {
        "out",           "epochs",          "max_steps",     "workers",
        "prefetch",      "max_bad",         "patience",      "checkpoint_minutes",
        "threads",       "max_divergent",   "time_limit",    "tensorboard",
        "overlap",       "elastic",         "trace_steps",   "io_patience",
        "precision",     "pause_after",     "teacher_cache", "power_file",
        "package_watts", "price_core_hour", "price_kwh",     "gco2_kwh"};
    return std::ranges::find(kFree, key) != std::end(kFree);
}

}  // namespace keel
