#include "tests/cli/hostile_rows.h"

namespace keel::test {

std::vector<Row> hostile_small_models() {
    const auto distill = [](const Arguments& more) {
        Arguments line{"distill", "--model", "resnet20", "--data", "medmnist:@npz/good.npz", "--out", "%out"};
        line.insert(line.end(), more.begin(), more.end());
        return line;
    };
    const auto prune = [](const std::string& checkpoint, const std::string& data, const Arguments& more = {}) {
        Arguments line{"prune", "--checkpoint", checkpoint, "--data", data, "--out", "%out"};
        line.insert(line.end(), more.begin(), more.end());
        return line;
    };
    return {
        {distill({}), 2, "[distill] --teacher FILE is required"},
        {distill({"--teacher", "%missing.safetensors"}), 5, "No such file or directory"},
        {distill({"--teacher", "%nothing"}), 3, "wanted a regular file"},
        {distill({"--teacher", "@image/png_rgb.png"}), 3, "wanted a header of at most"},
        {distill({"--teacher", "@checkpoint/widths_zero.safetensors"}), 3, "channels conv1, not"},
        {distill({"--teacher", "%model"}), 3, "was trained for"},
        {distill({"--teacher", "%model,"}), 2, "wanted files with commas between"},
        {distill({"--teacher", "%model", "--temperature", "0"}), 2, "temperature must be a number"},
        {distill({"--teacher", "%model", "--teacher-weight", "nan"}), 2, "teacher_weight must be a number 0 to 1"},
        {load("@checkpoint/widths_list.safetensors"), 3, "'widths' are no object"},
        {load("@checkpoint/widths_fraction.safetensors"), 3, "'keel.model' is malformed"},
        {load("@checkpoint/widths_zero.safetensors"), 3, "channels conv1, not"},
        {load("@checkpoint/widths_huge.safetensors"), 3, "channels conv1, not"},
        {load("@checkpoint/widths_unknown.safetensors"), 3, "that may be fewer"},
        {load("@checkpoint/widths_of_nothing.safetensors"), 3, "does not fit the model"},
        {prune("%missing.safetensors", "folder:%nothing"), 5, "No such file or directory"},
        {prune("%model", "medmnist:@npz/good.npz"), 3, "was trained for"},
        {prune("%model", "medmnist:%missing.npz"), 2, "does not exist"},
        {prune("@checkpoint/widths_unknown.safetensors", "folder:%nothing"), 3, "that may be fewer"},
    };
}

}  // namespace keel::test
