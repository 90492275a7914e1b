// examples/, built outside of the tree as other people's programs are: by find_package, pkg-config and
// add_subdirectory.
#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "data/formats/stb.h"
#include "data/image.h"
#include "engine/json.h"
#include "engine/safetensors.h"
#include "tests/embed/install/installed.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel::test;

namespace {

namespace fs = std::filesystem;

const std::string kExamples = KEEL_SOURCE_DIR "/examples/";

/// Those that this package has the components for.
std::vector<std::string> examples() {
    std::vector<std::string> names{"embed_c", "embed_cpp", "train_cpp", "own_loop", "own_op", "tune_cpp"};
    if (has_distributed()) names.emplace_back("own_dataset");
    return names;
}

/// A checkpoint and images, and what `keel predict` says of them.
struct Expected {
    /// `batch`: how many of the two images the example predicts at once, and so does the program.
    explicit Expected(int batch) {
        write_small_checkpoint(folder / "model.safetensors");
        for (const std::string& image : write_sample_images(folder.path(), 2)) arguments += " " + image;
        const auto result = keel::parse_json(output_of(prefix() + "/bin/keel predict --quiet --json --batch-size " +
                                                       std::to_string(batch) + " --checkpoint" + arguments));
        for (const auto& image : result.at("images"))
            for (const auto& [label, score] : image.at("scores").items())
                by_image[image.at("path")][label] = score.get<float>();
    }

    /// Runs an example and compares what it prints, to the bit.
    void check(const std::string& program) const {
        std::istringstream lines(output_of(program + arguments));
        std::string word, image;
        std::size_t scores = 0;
        while (lines >> word) {
            if (by_image.contains(word)) {
                image = word;
                continue;
            }
            REQUIRE(by_image.contains(image));
            std::string number;
            REQUIRE(lines >> number);
            CHECK(by_image.at(image).at(word) == std::strtof(number.c_str(), nullptr));
            ++scores;
        }
        CHECK(scores == 6);
    }

    TemporaryFolder folder;
    std::map<std::string, std::map<std::string, float>> by_image;
    std::string arguments = " " + (folder / "model.safetensors");
};

/// The numbers behind each `name` in a text.
std::vector<double> numbers_behind(const std::string& name, const std::string& text) {
    std::vector<double> numbers;
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1))
        numbers.push_back(std::strtod(text.c_str() + at + name.size(), nullptr));
    return numbers;
}

/// Images of two classes, which are told apart by the direction of their stripes.
void write_classes(const std::string& folder) {
    for (const bool upright : {false, true}) {
        const std::string of_class = folder + (upright ? "/upright" : "/level");
        fs::create_directories(of_class);
        for (int i = 0; i < 40; ++i) {
            keel::Image image(24, 24, 1);
            for (int y = 0; y < 24; ++y)
                for (int x = 0; x < 24; ++x)
                    image.row(y)[x] = static_cast<std::uint8_t>((((upright ? x : y) + i) / 3 % 2) * 150 + i);
            const auto file = keel::encode_png(image);
            write_text(of_class + "/" + std::to_string(i) + ".png", std::string(file.begin(), file.end()));
        }
    }
}

std::string bytes_of(const keel::Tensor& tensor) {
    const auto bytes = tensor.dtype() == keel::DType::f32 ? std::as_bytes(tensor.values<float>())
                                                          : std::as_bytes(tensor.values<std::int32_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Two runs' last checkpoints have equal tensors, byte by byte.
void check_same_weights(const std::string& run, const std::string& other) {
    const auto a = keel::read_safetensors(run + "/checkpoints/last.safetensors").tensors;
    const auto b = keel::read_safetensors(other + "/checkpoints/last.safetensors").tensors;
    REQUIRE(a.size() == b.size());
    REQUIRE(a.size() > 100);
    for (std::size_t i = 0; i < a.size(); ++i) {
        INFO(a[i].name);
        REQUIRE(a[i].name == b[i].name);
        REQUIRE(a[i].tensor.dims() == b[i].tensor.dims());
        REQUIRE(a[i].tensor.dtype() == b[i].tensor.dtype());
        CHECK(bytes_of(a[i].tensor) == bytes_of(b[i].tensor));
    }
}

/// train_cpp and keel train, of one configuration.
void check_train_cpp(const std::string& program, const std::string& data, const std::string& toml) {
    const TemporaryFolder folder;
    write_text(folder / "config.toml", toml);
    const std::string printed =
        output_of(program + " '" + data + "' " + (folder / "mine") + " " + (folder / "config.toml"));
    CHECK_THAT(printed, contains("epoch 1 of ") && contains("mine/checkpoints/best.safetensors"));
    output_of(prefix() + "/bin/keel train --quiet --model resnet18 --image-size 28 --small-stem --config " +
              (folder / "config.toml") + " --data '" + data + "' --out " + (folder / "keels"));
    check_same_weights(folder / "mine", folder / "keels");
}

void check_own_loop(const std::string& program) {
    const TemporaryFolder folder;
    write_classes(folder / "classes");
    const std::string printed =
        output_of(program + " folder:" + (folder / "classes") + " 24 6 " + (folder / "net.safetensors"));
    const std::vector<double> accuracies = numbers_behind("accuracy ", printed);
    REQUIRE(accuracies.size() == 6);
    CHECK(accuracies.back() >= 0.9);
    const auto file = keel::read_safetensors(folder / "net.safetensors");
    CHECK(file.tensors.size() == 2 + 2 + 2 * 4);  // convolutions, the linear layer, batch norms
    CHECK(file.metadata.at("net") == "Net");
}

/// A search that goes on with more trials comes to what one with all of them does, to the digits that are printed.
void check_tune_cpp(const std::string& program) {
    const TemporaryFolder folder;
    write_classes(folder / "classes");
    const auto search = [&](const std::string& out, int trials) {
        return output_of(program + " folder:" + (folder / "classes") + " " + (folder / out) + " " +
                         std::to_string(trials));
    };
    const std::string whole = search("whole", 4), parts = search("parts", 2) + search("parts", 4);
    std::istringstream lines(whole);
    int pauses = 0, ends = 0;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("trial ")) continue;
        INFO(line << "\nis not in\n" << parts);
        CHECK(parts.find(line + "\n") != std::string::npos);
        pauses += line.find(", epoch 1: ") != std::string::npos;
        ends += line.find(", epoch 9: ") != std::string::npos;
    }
    CHECK((pauses == 4 && ends >= 1));
    CHECK_THAT(whole, contains("best: trial "));
    const std::string best = read_text(folder / "whole/best.toml");
    CHECK_THAT(best, contains("model = 'resnet20'") && contains("# Of the program that searched: decay_by_lr = "));
    CHECK(fs::exists(folder / "whole/report.html"));
    CHECK_THAT(search("whole", 4), !contains(", epoch "));  // all of it is known already
}

void check_own_op(const std::string& program) {
    const std::string printed = output_of(program);
    CHECK_THAT(printed, contains("passed"));
    // d sum_i silu(x_i w) / d w of the two rows x_i.
    double wanted[2] = {0, 0};
    for (const auto& [x0, x1] : {std::pair{1.0, 2.0}, {-1.0, 0.5}}) {
        const double at = 0.3 * x0 - 0.2 * x1, s = 1 / (1 + std::exp(-at)), slope = s + at * s * (1 - s);
        wanted[0] += slope * x0;
        wanted[1] += slope * x1;
    }
    std::istringstream words(printed.substr(printed.rfind("gradient ") + 9));
    for (const double each : wanted) {
        double number = NAN;
        words >> number;
        CHECK(std::abs(number - each) < 2e-6);  // six decimals, and sums of floats below 2
    }
}

void check_own_dataset(const std::string& program) {
    const TemporaryFolder folder;
    const std::string alone = output_of(program + " " + (folder / "alone"));
    CHECK_THAT(alone, contains("1 ranks: ") && contains("epoch 3"));
    CHECK(fs::exists(folder / "alone/checkpoints/best.safetensors"));
    if (!shell("command -v mpirun").good) {
        WARN("skipped: mpirun is not installed");
        return;
    }
    const std::string mpirun = std::string("mpirun ") + (::getuid() == 0 ? "--allow-run-as-root " : "") +
                               "--oversubscribe --bind-to none --mca mpi_yield_when_idle 1 -n 2 ";
    const std::string together = output_of(mpirun + program + " " + (folder / "together"));
    CHECK_THAT(together, contains("2 ranks: "));
    CHECK(numbers_behind("epoch ", together) == std::vector<double>{1, 2, 3});  // of one rank alone
    CHECK(fs::exists(folder / "together/checkpoints/best.safetensors"));
}

/// A plugin that is loaded and closed for each image, and shows nothing of what it holds.
void check_shared_library(const std::string& build) {
    Expected(1).check(build + "/shared_library");
    std::istringstream lines(output_of("nm --dynamic --defined-only '" + build + "/libscorer.so'"));
    int count = 0;
    for (std::string address, type, name; lines >> address >> type >> name; ++count) {
        INFO(name);
        CHECK(name.starts_with("scorer_"));
    }
    CHECK(count == 6);
}

/// Runs each example; `path(name)` is its program.
template <class Path>
void check_examples(const Path& path) {
    Expected(1).check(path("embed_c"));
    Expected(2).check(path("embed_cpp"));
    check_own_op(path("own_op"));
    check_own_loop(path("own_loop"));
    const TemporaryFolder folder;
    output_of(prefix() + "/bin/keel data synth --quiet --count 60 --size 64 " + (folder / "phantom"));
    check_train_cpp(path("train_cpp"), "phantom:" + (folder / "phantom"), "epochs = 2\nbatch_size = 16\nseed = 3\n");
    CHECK(output_of("ldd " + path("train_cpp")).find("libmpi") == std::string::npos);
    check_tune_cpp(path("tune_cpp"));
    if (has_distributed()) check_own_dataset(path("own_dataset"));
}

/// Builds all examples as parts of one project; each finds Keel for itself. Returns the project's build folder.
std::string built_by_cmake(const TemporaryFolder& folder, const std::string& options) {
    std::string project = "cmake_minimum_required(VERSION 3.25)\nproject(all LANGUAGES C CXX)\n";
    std::vector<std::string> names = examples();
    names.emplace_back("shared_library");
    for (const std::string& name : names) project += "add_subdirectory(" + kExamples + name + " " + name + ")\n";
    write_text(folder / "CMakeLists.txt", project);
    output_of(configure_command() + "-S " + folder.path() + " -B " + (folder / "build") + " " + options);
    output_of("cmake --build " + (folder / "build") + " -j 2");
    return folder / "build";
}

bool has_pkg_config() {
    if (shell("pkg-config --version").good) return true;
    WARN("skipped: pkg-config is not installed");
    return false;
}

/// Builds each example into the folder.
void build_by_pkg_config(const TemporaryFolder& folder, const std::vector<std::string>& names) {
    std::string lines;  // of a shell, a program each
    for (const std::string& name : names) {
        const std::string package = name == "own_dataset" ? "keel-distributed"
                                    : name == "tune_cpp"  ? "keel-tune"
                                                          : "keel";
        const std::string compiler =
            name == "embed_c" ? "'" KEEL_C_COMPILER "' -std=c99 -pedantic " : "'" KEEL_CXX_COMPILER "' -std=c++20 ";
        lines += compiler + "-Wall -Wextra -Wconversion -Wshadow -Werror " + kExamples + name + "/main." +
                 (name == "embed_c" ? "c" : "cpp") + " -o " + (folder / name) +
                 " $(PKG_CONFIG_PATH=" + library_folder() + "/pkgconfig pkg-config --static --cflags --libs " +
                 package + ")\n";
    }
    write_text(folder / "lines", lines);
    output_of("tr '\\n' '\\0' <" + (folder / "lines") + " | xargs -0 -P 2 -I '{}' sh -c '{}'");
}

}  // namespace

TEST_CASE("The examples find Keel by find_package, and do what the program does", "[install]") {
    const TemporaryFolder folder;
    const std::string build = built_by_cmake(folder, "-DCMAKE_PREFIX_PATH=" + prefix());
    check_shared_library(build + "/shared_library");
    check_examples([&](const std::string& name) { return build + "/" + name + "/" + name; });
}

TEST_CASE("Examples in C and of components find Keel by pkg-config", "[install]") {
    if (!has_pkg_config()) return;
    std::vector<std::string> names{"embed_c", "tune_cpp"};
    if (has_distributed()) names.emplace_back("own_dataset");
    const TemporaryFolder folder;
    build_by_pkg_config(folder, names);
    Expected(1).check(folder / "embed_c");
    CHECK_THAT(shell(folder / "tune_cpp").output, contains("usage: "));
    if (has_distributed()) check_own_dataset(folder / "own_dataset");
}

TEST_CASE("All examples find Keel by pkg-config, and do what the program does", "[install][slow]") {
    if (!has_pkg_config()) return;
    const TemporaryFolder folder;
    build_by_pkg_config(folder, examples());
    check_examples([&](const std::string& name) { return folder / name; });
    CHECK_FALSE(shell(folder / "train_cpp").good);  // which says how it is used
}

TEST_CASE("The examples contain Keel by add_subdirectory", "[install][slow]") {
    const TemporaryFolder folder;
    const std::string build =
        built_by_cmake(folder, "-DCMAKE_BUILD_TYPE=RelWithDebInfo -DKEEL_SOURCE=" KEEL_SOURCE_DIR);
    CHECK_FALSE(fs::exists(build + "/embed_c/keel/cli"));
    check_examples([&](const std::string& name) { return build + "/" + name + "/" + name; });
}

TEST_CASE("train_cpp and keel train learn the same from PneumoniaMNIST", "[install][slow]") {
    const char* file = std::getenv("KEEL_PNEUMONIAMNIST");
    if (file == nullptr) {
        WARN("skipped: KEEL_PNEUMONIAMNIST does not name the file pneumoniamnist.npz");
        return;
    }
    const TemporaryFolder folder;
    const std::string build = built_by_cmake(folder, "-DCMAKE_PREFIX_PATH=" + prefix());
    check_train_cpp(build + "/train_cpp/train_cpp", std::string("medmnist:") + file,
                    "epochs = 1\nmax_steps = 12\nbatch_size = 32\n");
}

TEST_CASE("The README shows examples/train_cpp as it is", "[install]") {
    const std::string program = read_text(kExamples + "train_cpp/main.cpp");
    CHECK(std::ranges::count(program, '\n') <= 40);
    CHECK(read_text(KEEL_SOURCE_DIR "/README.md").find("```cpp\n" + program + "```\n") != std::string::npos);
    CHECK(std::ranges::count(read_text(kExamples + "own_loop/main.cpp"), '\n') <= 80);
    CHECK(std::ranges::count(read_text(kExamples + "tune_cpp/main.cpp"), '\n') <= 60);
}
