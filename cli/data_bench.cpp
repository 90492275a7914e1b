// keel data bench: what the input pipeline costs, without a network behind it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/output.h"
#include "data/loader.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

struct Options {
    std::string spec, split = "train";
    LoaderOptions loader;
    std::int64_t images = 256;
    bool augment = false;
    double rate = 10;
};

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int run(const Options& o, const Globals& globals) {
    const auto dataset = open_dataset(o.spec);
    LoaderOptions loader_options = o.loader;
    loader_options.split = parse_split(o.split);
    loader_options.shuffle = true;
    loader_options.seed = globals.seed.value_or(0);
    loader_options.max_bad = 1;
    TransformOptions& transform = loader_options.transform;
    transform.channels = dataset->channels();
    if (o.augment) {  // what docs/recipes/chexnet.toml asks for
        transform.augment = true;
        transform.rotate_degrees = 7;
        transform.shift = 0.03F;
        transform.scale_min = 0.8F;
        transform.brightness = transform.contrast = 0.1F;
    }
    const auto start = std::chrono::steady_clock::now();
    const double cpu_start = cpu_seconds();
    std::int64_t images = 0, bad = 0;
    for (bool any = true; any && images < o.images; ++loader_options.epoch) {
        Loader loader(*dataset, loader_options);
        any = false;
        for (Batch batch; images < o.images && loader.next(batch); images += batch.n) any = true;
        bad += loader.bad_images();
    }
    if (images == 0) throw InputError(fmt::format("[data] the {} split of {} has no picture that can be read", o.split, o.spec));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // The pictures decoded ahead when the last batch is taken are paid for and not counted: a few of `images`.
    const double cpu = (cpu_seconds() - cpu_start) / static_cast<double>(images);
    const Json object{{"data", o.spec},
                      {"image_size", transform.image_size},
                      {"batch", loader_options.batch_size},
                      {"workers", loader_options.workers},
                      {"augment", o.augment},
                      {"images", images},
                      {"bad_images", bad},
                      {"images_per_second", static_cast<double>(images) / seconds},
                      {"cpu_ms_per_image", 1e3 * cpu},
                      {"rate", o.rate},
                      {"core_share", cpu * o.rate}};
    print_result(
        globals, object,
        fmt::format("{} images at {}: {:.1f} img/s with {} workers, {:.2f} ms of one core each; {:.1f} % of a core feeds {} "
                    "img/s\n",
                    images, transform.image_size, static_cast<double>(images) / seconds, loader_options.workers, 1e3 * cpu,
                    100 * cpu * o.rate, o.rate));
    return kSuccess;
}

}  // namespace

Run add_data_bench(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    app.add_option("spec", o->spec, "phantom:DIR, nih:DIR, medmnist:FILE.npz, folder:DIR or cifar10:DIR")
        ->type_name("SPEC")
        ->required();
    app.add_option("--split", o->split, "split to read")->check(CLI::IsMember({"train", "val", "test"}))->capture_default_str();
    add_number(app, "--images", o->images, from_to(1, 100'000'000), "images to read; the split again where it has fewer");
    add_number(app, "--image-size", o->loader.transform.image_size, from_to(8, 4096), "side of the network's input, pixels");
    add_number(app, "--batch", o->loader.batch_size, from_to(1, 65536), "images a batch");
    add_number(app, "--workers", o->loader.workers, from_to(1, 1024), "threads that decode");
    app.add_flag("--augment", o->augment, "with the augmentation of the CheXNet recipe");
    add_number(app, "--rate", o->rate, above(0), "images a second that a network takes, for the share of a core that feeds it");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
