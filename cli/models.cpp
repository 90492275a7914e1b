// keel models
#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "runs/models_text.h"

namespace keel::cli {
namespace {

struct ModelsArguments {
    std::string name;
    std::int64_t image_size = 224;
    ModelOptions model;
};

int run(const ModelsArguments& o, const Globals& globals) {
    const ModelText text =
        o.name.empty() ? models_text(o.model, o.image_size) : layers_text(o.name, o.model, o.image_size);
    print_result(globals, text.json, text.table);
    return kSuccess;
}

}  // namespace

Run add_models(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<ModelsArguments>();
    add_text(app, "name", o->name, "NAME|FILE",
             "Show the layers of this model, or of the one in a checkpoint or a file of weights, with its own options; "
             "without it, a line for each model");
    add_number(app, "--image-size", o->image_size, from_to(28, 4096), "Side of the images, pixels");
    add_number(app, "--channels", o->model.channels, from_to(1, 1024), "Channels of the images");
    add_number(app, "--classes", o->model.classes, from_to(1, 1'000'000), "Outputs of the classifier");
    add_flag(app, "--small-stem", o->model.small_stem, "First convolution 3x3 with stride 1, no max-pool");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
