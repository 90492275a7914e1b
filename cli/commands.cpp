// The subcommands. A new one is a file that defines an add function, its name here and a row
// (docs/adding_a_subcommand.md).
#include "cli/app.h"

namespace keel::cli {

AddCommand add_train, add_estimate, add_distill, add_prune, add_eval, add_threshold, add_score, add_predict,
    add_quantize, add_report, add_compare, add_tune, add_fit, add_data_info, add_data_check, add_data_pack,
    add_data_bench, add_data_synth, add_import, add_export, add_launch, add_models, add_bench, add_scale, add_serve,
    add_doctor;

const std::vector<Command>& commands() {
    static const std::vector<Command> table{
        {"train", "train a model, or go on with a run", add_train},
        {"estimate", "say what a run is going to take before it does: time, memory, disk, energy, price", add_estimate},
        {"eval", "score a checkpoint on a data set", add_eval},
        {"distill", "train a model that learns from others as well", add_distill},
        {"prune", "take the channels of a checkpoint that matter least, which leaves a smaller model", add_prune},
        {"threshold", "choose thresholds of yes and no on validation data, and calibrate probabilities", add_threshold},
        {"score",
         "judge anybody's predictions of NIH's images: AUROC with intervals, average precision, F1, calibration",
         add_score},
        {"predict", "score images with a checkpoint", add_predict},
        {"serve", "answer other programs that send images, over HTTP", add_serve},
        {"import", "turn another program's weights into a checkpoint", add_import},
        {"export", "write a model for other programs: weights, or ONNX", add_export},
        {"quantize", "turn a checkpoint into an int8 model", add_quantize},
        {"tune", "search for the best configuration under a budget of trials, core hours, time or energy", add_tune},
        {"fit", "find the most accurate model that keeps to limits of speed, size and memory", add_fit},
        {"report", "write report.html of a run again, as keel train does at its end", add_report},
        {"compare", "lay several runs side by side on one page", add_compare},
        {"data",
         "work with data sets",
         nullptr,
         {{"info", "count the samples of a data set per split and label", add_data_info},
          {"check", "decode every image, look for what is damaged, doubled or does not belong together",
           add_data_check},
          {"pack", "write a data set as a few large files of decoded images, for pack:DIR", add_data_pack},
          {"bench", "measure what reading, decoding and augmenting costs, from several storages in turn",
           add_data_bench},
          {"synth", "draw the phantom set: synthetic chest X-rays in the layout of NIH ChestX-ray14", add_data_synth}}},
        {"launch", "start the ranks of a run with mpirun, and again from its last checkpoint when one is lost",
         add_launch},
        {"models", "list the models, or the layers of one", add_models},
        {"bench", "measure the speed of a model on random images", add_bench},
        {"scale", "predict how fast many nodes would train, from a step measured here", add_scale},
        {"doctor", "show the machine as Keel sees it, and what is wrong with it", add_doctor},
    };
    return table;
}

}  // namespace keel::cli
