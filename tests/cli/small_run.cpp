#include "tests/cli/small_run.h"

#include <algorithm>
#include <cstddef>

#include "engine/safetensors.h"
#include "tests/cli/run_keel.h"
#include "tests/support/catch.h"

namespace keel::test {

std::string draw_phantom(const TemporaryFolder& folder) {
    const std::string path = folder / "phantom";
    REQUIRE(run_keel({"data", "synth", path, "--count", "40", "--size", "64", "--balanced", "--quiet"}).code == 0);
    return "phantom:" + path;
}

std::vector<std::string> train_command(const std::string& data, const std::string& out,
                                       const std::vector<std::string>& more) {
    std::vector<std::string> command{"train", "--model", "resnet20",     "--data", data,
                                     "--out", out,       "--image-size", "32",     "--quiet"};
    command.insert(command.end(), more.begin(), more.end());
    if (std::ranges::find(more, "--batch-size") == more.end()) command.insert(command.end(), {"--batch-size", "8"});
    if (std::ranges::find(more, "--epochs") == more.end()) command.insert(command.end(), {"--epochs", "2"});
    if (std::ranges::find(more, "--optimizer") ==
        more.end())  // a third of AdamW's checkpoint, which takes most of the time
        command.insert(command.end(), {"--optimizer", "sgd", "--set", "momentum=0"});
    return command;
}

std::string fingerprint(const std::string& checkpoint) {
    std::string all;
    for (const NamedTensor& entry : read_safetensors(checkpoint).tensors) {
        const Tensor values = entry.tensor.to(DType::f64);  // exact for every type that a checkpoint holds
        all += entry.name;
        all.append(reinterpret_cast<const char*>(values.data<double>()),
                   static_cast<std::size_t>(values.elements()) * sizeof(double));
    }
    return all;
}

}  // namespace keel::test
