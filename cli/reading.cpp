#include "cli/reading.h"

#include <iostream>

#include <fmt/core.h>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/train_options.h"
#include "data/inspect/brightness.h"
#include "data/inspect/info.h"
#include "data/sources/joined_splits.h"
#include "train/evaluate.h"
#include "train/train_config.h"
#include "train/trained_on.h"

namespace keel::cli {

void add_reading(CLI::App& app, ReadingOptions& o) {
    add_number(app, "--batch-size", o.batch_size, from_to(1, 4096), "Images a batch");
    add_number(app, "--workers", o.workers, from_to(1, 1024), "Threads that decode");
    add_number(app, "--max-bad", o.max_bad, from_to(0, 1), "Bad images tolerated, as a fraction");
    add_dataset_options(app);
}

void add_precision(CLI::App& app, std::string& precision) {
    add_choice(app, "--precision", precision, kPrecisions,
               "What models compute in between their first and last layers; auto: bf16 where the processor multiplies "
               "it, else f32");
}

void add_checkpoints(CLI::App& app, std::vector<std::string>& checkpoints) {
    add_list(app, "--checkpoint", checkpoints, "FILE", {.one_each = true, .least = 1},
             "Checkpoint of keel train; several, given one after the other, are an ensemble: the mean of their "
             "probabilities");
}

Telling telling_of(bool quiet, bool is_root) {
    if (!is_root) return Telling::nothing;
    return quiet ? Telling::warnings : Telling::all;
}

void tell(const std::vector<Remark>& remarks, const std::string& command, Telling telling) {
    for (const Remark& remark : remarks)
        if (telling == Telling::all || (telling == Telling::warnings && remark.warning))
            std::cerr << "keel " << command << ": " << (remark.warning ? "warning: " : "") << remark.text << '\n';
}

std::unique_ptr<Dataset> open_data(const CLI::App& app, const std::string& spec, const std::string& command,
                                   Telling telling, const DatasetOptions& base) {
    auto dataset = open_dataset(spec, read_dataset_options(app, base));
    tell(describe(*dataset, read_dataset_options(app)), command, telling);
    tell(describe_images(*dataset), command, telling);
    return dataset;
}

DatasetOptions data_options(const CLI::App& app, const std::string& spec, const std::string& checkpoint) {
    DatasetOptions base = options_for(trained_on(checkpoint), spec);
    static_cast<ImageReading&>(base) = reading_of(checkpoint);
    return read_dataset_options(app, base);
}

std::unique_ptr<Dataset> open_data(const CLI::App& app, const ReadingOptions& o,
                                   const std::vector<std::string>& checkpoints, const std::string& command,
                                   Telling telling, bool scored) {
    auto dataset = open_data(app, o.data, command, telling, data_options(app, o.data, checkpoints.front()));
    for (const std::string& checkpoint : checkpoints) {
        const std::string who = checkpoints.size() == 1 ? command : fmt::format("{}: {}", command, checkpoint);
        if (telling != Telling::nothing && !dataset->files().empty())
            warn_of_reading(who, dataset->reading(), reading_of(checkpoint));
        if (scored) tell(remarks_on_scores(trained_on(checkpoint), *dataset, o.data, o.split), who, telling);
    }
    if (o.split != kAllSplits) return dataset;
    const std::ptrdiff_t told = std::ssize(dataset->remarks());
    dataset = join_splits(std::move(dataset));
    tell({dataset->remarks().begin() + told, dataset->remarks().end()}, command, telling);
    return dataset;
}

void warn_of_reading(const std::string& command, const ImageReading& reading, const ImageReading& model) {
    if (const std::string differs = reading_differences(reading, model); !differs.empty())
        std::cerr << "keel " << command << ": warning: images are read otherwise than the model's were: " << differs
                  << '\n';
}

void add_view_options(CLI::App& app, ViewFlags& o) {
    add_number(app, "--resize", o.resize, from_to(0, 4096),
               "Side in pixels of the square that images are resized to; 0: the crop's, 8/7 of it for ten crops");
    add_number(app, "--crop", o.crop, from_to(0, 4096),
               "Side in pixels of the crop that the model sees; 0: the side that it was trained with");
    add_choice(app, "--tta", o.tta, {"none", "flip", "ten-crop"},
               "Average the probabilities of several views of an image (test-time augmentation)");
}

LoaderOptions loader_options(const ReadingOptions& o, const ModelSpec& spec, const std::string& command) {
    LoaderOptions loader;
    loader.split = o.split == kAllSplits ? Split::test : parse_split(o.split);
    loader.transform = transform_of(spec);
    loader.batch_size = o.batch_size;
    loader.workers = o.workers;
    loader.max_bad = o.max_bad;
    loader.on_bad_image = [command](const BadImage& bad) {
        std::cerr << "keel " << command << ": skipped " << bad.name << ": " << bad.reason << '\n';
    };
    return loader;
}

}  // namespace keel::cli
