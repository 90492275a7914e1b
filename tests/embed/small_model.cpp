#include "tests/embed/small_model.h"

#include <algorithm>

#include "data/formats/stb.h"
#include "embed/images.h"
#include "embed/predictor.h"
#include "engine/checkpoint.h"
#include "kernels/random.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace keel::test {

void write_small_checkpoint(const std::string& path, int channels) {
    const ModelSpec spec{.name = "resnet18",
                         .options = {.classes = 3, .channels = channels},
                         .image_size = 64,
                         .mean = {0.4F},
                         .std = {0.2F},
                         .multi_label = true,
                         .label_names = {"a", "b", "c"}};
    const auto module = make_model(spec.name, spec.options, 7);
    CheckpointState state{{}, module->state()};
    write_spec(spec, state.metadata);
    save_checkpoint(path, state);
}

void spoil_checkpoint(const std::string& from, const std::string& to, const std::string& name, float value,
                      bool everywhere) {
    CheckpointState state = load_checkpoint(from);
    const auto entry = std::ranges::find(state.tensors, name, &NamedTensor::name);
    REQUIRE(entry != state.tensors.end());
    entry->tensor = entry->tensor.clone();
    const auto values = entry->tensor.values<float>();
    values[values.size() / 2] = value;
    if (everywhere) std::ranges::fill(values, value);
    save_checkpoint(to, state);
}

Image sample_image(int width, int height, int channels, std::uint64_t seed) {
    Image image(width, height, channels);
    Random random(seed, Draw::bench);
    for (int y = 0; y < height; ++y)
        for (std::size_t i = 0; i < image.row_bytes(); ++i)
            image.row(y)[i] = static_cast<std::uint8_t>((static_cast<std::size_t>(y) + i + random.below(64)) % 256);
    return image;
}

std::vector<std::string> write_sample_images(const std::string& folder, int count) {
    std::vector<std::string> paths;
    for (int i = 0; i < count; ++i) {
        const auto file = encode_png(sample_image(70 + 13 * i, 90, i % 2 == 0 ? 3 : 1, static_cast<std::uint64_t>(i)));
        paths.push_back(folder + "/image" + std::to_string(i) + ".png");
        write_text(paths.back(), std::string(file.begin(), file.end()));
    }
    return paths;
}

std::vector<float> predicted(const std::string& checkpoint, const std::string& file) {
    const Predictor model(checkpoint);
    const TransformOptions transform = transform_of(model.spec());
    const Image image = load_image(file, transform);
    const Tensor scores = model.predict(input_of({&image, 1}, transform));
    return {scores.values<float>().begin(), scores.values<float>().end()};
}

}  // namespace keel::test
