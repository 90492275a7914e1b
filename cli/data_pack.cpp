// keel data pack
#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <string>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/train_options.h"
#include "data/sources/pack.h"
#include "data/sources/table.h"
#include "runs/terminal/progress.h"

namespace keel::cli {
namespace {

struct DataPackArguments {
    std::string spec, split = "all";
    std::int64_t shard_mb = 256;
    PackOptions pack;
};

int run(const CLI::App& app, DataPackArguments& o, const Globals& globals) {
    const auto dataset = open_data(app, o.spec, "data pack", telling_of(globals.quiet));
    if (o.split != "all") o.pack.split = parse_split(o.split);
    o.pack.shard_bytes = o.shard_mb << 20;
    PackSummary summary;
    {
        Progress progress(std::cerr, "packing", stderr_progress(globals.quiet));
        o.pack.on_progress = [&](std::int64_t done, std::int64_t total) { progress.update(done, total); };
        o.pack.on_bad_image = [](const BadImage& bad) {
            std::cerr << "keel data pack: left out " << bad.name << ": " << bad.reason << '\n';
        };
        summary = write_pack(*dataset, o.pack);
        progress.finish();
    }
    Json samples = Json::object();
    std::string text;
    for (const Split split : kSplits) {
        const std::int64_t count = summary.samples[static_cast<std::size_t>(split)];
        samples[split_name(split)] = count;
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, split_name(split));
    }
    const Json object{{"data", o.spec},
                      {"directory", o.pack.directory},
                      {"size", o.pack.size},
                      {"samples", std::move(samples)},
                      {"bad_images", summary.bad_images},
                      {"shards", summary.shards},
                      {"bytes", summary.bytes}};
    print_result(globals, object,
                 fmt::format("{} images in {} shards, {:.1f} MB: pack:{}\n", text, summary.shards,
                             1e-6 * static_cast<double>(summary.bytes), o.pack.directory));
    return kSuccess;
}

}  // namespace

Run add_data_pack(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<DataPackArguments>();
    add_text(app, "spec", o->spec, "SPEC", data_spec_help(), Need::required);
    add_text(app, "directory", o->pack.directory, "DIR", "folder to write; it is made", Need::required);
    add_choice(app, "--split", o->split, {"all", "train", "val", "test"}, "split to pack");
    add_number(app, "--size", o->pack.size, from_to(0, kMaxImageSide),
               "side of the packed images, pixels; 0 keeps their own sizes");
    add_number(app, "--shard-mb", o->shard_mb, from_to(1, 65536), "a shard's size at most, MiB");
    add_number(app, "--workers", o->pack.workers, from_to(1, 1024), "threads that decode");
    add_number(app, "--max-bad", o->pack.max_bad, from_to(0, 1),
               "bad images left out, as a fraction of each split; more end the run");
    add_dataset_options(app);
    add_flag(app, "--force", o->pack.force, "replace a pack that is there already");
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
