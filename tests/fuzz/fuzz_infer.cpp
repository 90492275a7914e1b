// Bodies of requests to infer: JSON, tensors, bytes behind it, and what a model makes of them. The first two bytes say
// how many are JSON; 65535: all.
#include <cstdlib>
#include <filesystem>

#include "models/registry.h"
#include "serve/infer_answer.h"
#include "tests/fuzz/target.h"

using namespace keel;

namespace {

/// A model of 32 x 32 pixels, whose file is gone by the time it is asked.
std::shared_ptr<const serve::ServedModel> make_served_model() {
    ModelSpec spec;
    spec.name = "resnet20";
    spec.options.classes = spec.options.channels = 3;
    spec.image_size = 32;
    spec.mean = {0.5F};
    spec.std = {0.25F};
    spec.multi_label = true;
    spec.label_names = {"a", "b", "c"};
    const auto module = make_model(spec.name, spec.options, 7);
    CheckpointState state{{}, module->state()};
    write_spec(spec, state.metadata);
    std::string folder = (std::filesystem::temp_directory_path() / "keel-fuzz-XXXXXX").string();
    fuzz::require(::mkdtemp(folder.data()) != nullptr, "mkdtemp");
    const std::string file = folder + "/model.safetensors";
    save_checkpoint(file, state);
    auto model = std::make_shared<const serve::ServedModel>(serve::ModelSource{.name = "m", .files = {file}}, 1);
    std::filesystem::remove_all(folder);
    return model;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto model = make_served_model();
    if (size < 2) return 0;
    const std::size_t claimed = data[0] | static_cast<std::size_t>(data[1]) << 8U;
    const auto body = std::make_shared<const std::string>(reinterpret_cast<const char*>(data + 2), size - 2);
    std::optional<std::size_t> json_bytes;
    if (claimed != 65535) json_bytes = std::min(claimed, body->size());
    fuzz::accept_or_refuse<InputError>([&] {
        const serve::InferRequest request = serve::parse_infer_request(*body, json_bytes);
        const serve::RequestWishes wishes = serve::wishes_of(*model, request);
        const serve::RequestImages images(*model, request, body, {.images = 8, .pixels = 1 << 20});
        const auto inputs = images.inputs();
        fuzz::require(std::ssize(inputs) == images.count() && images.count() <= 8, "another number of images");
        for (const auto& input : inputs)
            fuzz::require(input.front().dims() == Dims{1, 32, 32, 3}, "an input of other dims");
        serve::Answer answer{.fate = serve::Fate::answered};
        answer.scores.probabilities.assign(3 * inputs.size(), 0.5F);
        answer.heat.assign(inputs.size(), {1, 1, {1.0F}});
        if (wishes.draws && !images.visible()) return;
        const auto response = serve::infer_response(*model, request, wishes, answer, images);
        fuzz::require(response.status == 200 && !response.body.empty(), "no answer");
    });
    return 0;
}
