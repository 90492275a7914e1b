#include "cli/reading.h"

#include <iostream>

#include "cli/app.h"
#include "cli/train_options.h"
#include "data/inspect/info.h"
#include "train/evaluate.h"

namespace keel::cli {

void add_reading(CLI::App& app, ReadingOptions& o) {
    add_number(app, "--batch-size", o.batch_size, from_to(1, 4096), "Images a batch");
    add_number(app, "--workers", o.workers, from_to(1, 1024), "Threads that decode");
    add_number(app, "--max-bad", o.max_bad, from_to(0, 1), "Bad images tolerated, as a fraction");
    add_dataset_options(app);
}

std::unique_ptr<Dataset> open_data(const CLI::App& app, const std::string& spec, const std::string& command,
                                   bool quiet) {
    auto dataset = open_dataset(spec, read_dataset_options(app));
    for (const Remark& remark : describe(*dataset))
        if (remark.warning || !quiet)
            std::cerr << "keel " << command << ": " << (remark.warning ? "warning: " : "") << remark.text << '\n';
    return dataset;
}

LoaderOptions loader_options(const ReadingOptions& o, const ModelSpec& spec, const std::string& command) {
    LoaderOptions loader;
    loader.split = parse_split(o.split);
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
