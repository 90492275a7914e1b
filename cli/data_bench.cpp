// keel data bench: what the input pipeline costs, without a network behind it, from one storage or from several in
// turn.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/app.h"
#include "cli/label_counts.h"
#include "cli/output.h"
#include "data/pipeline/loader.h"
#include "data/sources/recognize.h"
#include "data/sources/table.h"
#include "engine/files.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

struct Options {
    std::vector<std::string> specs;
    std::string split = "train";
    LoaderOptions loader;
    std::int64_t images = 256;
    int rounds = 3;
    bool augment = false, cold = false;
    double rate = 10;
};

/// What the process has used so far.
struct Usage {
    double wall = 0, cpu = 0;  ///< seconds
    std::int64_t read = 0,
                 from_storage = 0;  ///< bytes: by calls, and of those what no cache held; as far as the system counts
};

Usage operator-(const Usage& a, const Usage& b) {
    return {a.wall - b.wall, a.cpu - b.cpu, a.read - b.read, a.from_storage - b.from_storage};
}

Usage& operator+=(Usage& a, const Usage& b) {
    a = {a.wall + b.wall, a.cpu + b.cpu, a.read + b.read, a.from_storage + b.from_storage};
    return a;
}

/// The number behind "KEY: " in /proc/self/io; 0 where the system keeps no count.
std::int64_t io_count(std::string_view text, std::string_view key) {
    const std::size_t at = text.find(key);
    std::int64_t count = 0;
    if (at != std::string_view::npos) std::from_chars(text.data() + at + key.size(), text.data() + text.size(), count);
    return count;
}

Usage usage() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    std::string io;
    try {
        io = read_file("/proc/self/io", 4096);
    } catch (const Error&) {
        io.clear();  // a system without it
    }
    return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(),
            seconds(used.ru_utime) + seconds(used.ru_stime), io_count(io, "rchar: "), io_count(io, "\nread_bytes: ")};
}

/// One storage and its rounds.
struct Contender {
    std::string spec;
    std::unique_ptr<Dataset> dataset;
    std::vector<std::string> files;
    std::vector<Usage> rounds;  ///< an image
    std::int64_t images = 0, bad = 0;
};

void empty_cache(const std::vector<std::string>& files) {
    for (const std::string& file : files) {
        try {
            InputFile(file).drop_from_cache();
        } catch (const Error&) {
            continue;  // counted as bad where it is loaded
        }
    }
}

void measure(const Options& o, LoaderOptions loader_options, Contender& contender) {
    Usage used;
    std::int64_t images = 0;
    contender.bad = 0;
    for (bool any = true; any && images < o.images; ++loader_options.epoch) {
        if (o.cold) empty_cache(contender.files);
        const Usage start = usage();
        Loader loader(*contender.dataset, loader_options);
        any = false;
        for (Batch batch; images < o.images && loader.next(batch); images += batch.n) any = true;
        contender.bad += loader.bad_images();
        used += usage() - start;
    }
    if (images == 0)
        throw InputError(
            fmt::format("[data] the {} split of {} has no image that can be read", o.split, contender.spec));
    contender.images = images;
    // The images decoded ahead when the last batch is taken are paid for and not counted: a few of `images`.
    const auto n = static_cast<double>(images);
    contender.rounds.push_back({used.wall / n, used.cpu / n, used.read / images, used.from_storage / images});
}

template <class T>
T median(const std::vector<Usage>& rounds, T Usage::*member) {
    std::vector<T> values;
    for (const Usage& round : rounds) values.push_back(round.*member);
    const auto middle = values.begin() + std::ssize(values) / 2;
    std::ranges::nth_element(values, middle);
    return *middle;
}

struct Result {
    double images_per_second, megabytes_per_second, storage_megabytes_per_second, cpu_ms, core_share;
    bool cache_emptied;  ///< at least half of what was read came from storage
};

Result result_of(const Options& o, const Contender& contender) {
    const double wall = median(contender.rounds, &Usage::wall), cpu = median(contender.rounds, &Usage::cpu);
    const std::int64_t read = median(contender.rounds, &Usage::read),
                       stored = median(contender.rounds, &Usage::from_storage);
    return {1 / wall,
            1e-6 * static_cast<double>(read) / wall,
            1e-6 * static_cast<double>(stored) / wall,
            1e3 * cpu,
            cpu * o.rate,
            !contender.files.empty() && stored * 2 >= read};
}

std::string note(const Options& o, const Contender& contender, const Result& result) {
    if (!o.cold || result.cache_emptied) return "";
    if (contender.files.empty()) return fmt::format("{}: held in memory, there is no cache to empty\n", contender.spec);
    return fmt::format(
        "{}: emptying the cache had no effect, the system says that {:.1f} of {:.1f} MB/s came from storage\n",
        contender.spec, result.storage_megabytes_per_second, result.megabytes_per_second);
}

void print(const Options& o, const Globals& globals, const std::vector<Contender>& contenders) {
    Json results = Json::array();
    std::vector<std::vector<std::string>> rows{
        {"data", "img/s", "MB/s read", "from storage", "ms of a core", fmt::format("core at {} img/s", o.rate)}};
    std::string notes;
    for (const Contender& contender : contenders) {
        const Result r = result_of(o, contender);
        results.push_back({{"data", contender.spec},
                           {"images", contender.images},
                           {"bad_images", contender.bad},
                           {"images_per_second", r.images_per_second},
                           {"mb_per_second", r.megabytes_per_second},
                           {"storage_mb_per_second", r.storage_megabytes_per_second},
                           {"cpu_ms_per_image", r.cpu_ms},
                           {"core_share", r.core_share}});
        if (o.cold) results.back()["cache_emptied"] = r.cache_emptied;
        rows.push_back({contender.spec, fmt::format("{:.1f}", r.images_per_second),
                        fmt::format("{:.1f}", r.megabytes_per_second),
                        fmt::format("{:.1f}", r.storage_megabytes_per_second), fmt::format("{:.2f}", r.cpu_ms),
                        fmt::format("{:.1f} %", 100 * r.core_share)});
        notes += note(o, contender, r);
    }
    const Json object{{"image_size", o.loader.transform.image_size},
                      {"batch", o.loader.batch_size},
                      {"workers", o.loader.workers},
                      {"augment", o.augment},
                      {"cold", o.cold},
                      {"rounds", o.rounds},
                      {"rate", o.rate},
                      {"results", std::move(results)}};
    print_result(globals, object,
                 format_table(rows) +
                     fmt::format("medians of {} round{} of {} images at {} x {} with {} workers{}\n", o.rounds,
                                 o.rounds == 1 ? "" : "s, in turn,", contenders.front().images,
                                 o.loader.transform.image_size, o.loader.transform.image_size, o.loader.workers,
                                 o.cold ? ", cache emptied before each epoch" : "") +
                     notes);
}

int run(const Options& o, const Globals& globals) {
    std::vector<Contender> contenders;
    for (const std::string& name : o.specs) {
        Contender& contender = contenders.emplace_back();
        contender.spec = recognize_folder(name);
        contender.dataset = open_dataset(contender.spec);
        contender.files = contender.dataset->files();
    }
    LoaderOptions loader_options = o.loader;
    loader_options.split = parse_split(o.split);
    loader_options.shuffle = true;
    loader_options.seed = globals.seed.value_or(0);
    loader_options.max_bad = 1;
    TransformOptions& transform = loader_options.transform;
    if (o.augment) {  // what docs/recipes/chexnet.toml asks for
        transform.augment = true;
        transform.rotate_degrees = 7;
        transform.shift = 0.03F;
        transform.scale_min = 0.8F;
        transform.brightness = transform.contrast = 0.1F;
    }
    for (int round = 0; round < o.rounds; ++round)
        for (Contender& contender : contenders) {
            transform.channels = contender.dataset->channels();
            loader_options.epoch = 0;
            measure(o, loader_options, contender);
        }
    print(o, globals, contenders);
    return kSuccess;
}

}  // namespace

Run add_data_bench(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    app.add_option("data", o->specs,
                   fmt::format("one or more of {}, or a folder alone that holds a pack, a phantom set or NIH's layout",
                               data_spec_help()))
        ->type_name("SPEC|DIR")
        ->required()
        ->expected(1, 100);
    app.add_option("--split", o->split, "split to read")
        ->check(CLI::IsMember({"train", "val", "test"}))
        ->capture_default_str();
    add_number(app, "--images", o->images, from_to(1, 100'000'000),
               "images to read a round; the split again where it has fewer");
    add_number(app, "--rounds", o->rounds, from_to(1, 1000),
               "rounds; each reads from all data in turn, the medians count");
    add_number(app, "--image-size", o->loader.transform.image_size, from_to(8, 4096),
               "side of the network's input, pixels");
    add_number(app, "--batch", o->loader.batch_size, from_to(1, 65536), "images a batch");
    add_number(app, "--workers", o->loader.workers, from_to(1, 1024), "threads that decode");
    app.add_flag("--augment", o->augment, "with the augmentation of the CheXNet recipe");
    app.add_flag("--cold", o->cold, "ask the system to forget the files before each epoch; what that did is told");
    add_number(app, "--rate", o->rate, above(0),
               "images a second that a network takes, for the share of a core that feeds it");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
