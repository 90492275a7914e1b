#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "data/formats/decode.h"
#include "data/formats/stb.h"
#include "embed/keel.h"
#include "engine/precision.h"
#include "kernels/parallel.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/dicom_writer.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

/// A loaded model of the C API.
struct Loaded {
    explicit Loaded(const std::string& checkpoint) {
        REQUIRE(keel_model_load(checkpoint.c_str(), 1, &model) == KEEL_OK);
    }
    ~Loaded() { keel_model_free(model); }
    keel_model* model = nullptr;
};

std::string last_error() { return keel_last_error(); }

#ifdef __SANITIZE_THREAD__  // libgomp is not instrumented: how a team synchronizes looks like a race
constexpr int kTeams[] = {1};
#else
constexpr int kTeams[] = {1, 2};
#endif

}  // namespace

TEST_CASE("The C API says what a model is", "[c]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    const Loaded loaded(folder / "model");
    CHECK(keel_model_label_count(loaded.model) == 3);
    CHECK(std::string(keel_model_label(loaded.model, 2)) == "c");
    CHECK(keel_model_label(loaded.model, 3) == nullptr);
    CHECK(keel_model_is_multi_label(loaded.model) == 1);
    CHECK(keel_model_image_size(loaded.model) == 64);
    CHECK(keel_model_channels(loaded.model) == 3);
    CHECK(std::string(keel_version()).starts_with("0."));
    CHECK(keel_model_label_count(nullptr) == 0);
    CHECK(keel_model_image_size(nullptr) == 0);
    keel_model_free(nullptr);
}

TEST_CASE("The C API loads a model in a precision and says which", "[c]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    const std::string path = folder / "model", image = write_sample_images(folder.path(), 1).front();
    const bool multiplies = multiplies_bf16();
    std::array<float, 3> wanted{}, scores{};
    for (const std::string word : {"f32", "bf16", "auto"}) {
        CAPTURE(word);
        keel_model* model = nullptr;
        REQUIRE(keel_model_load_in(path.c_str(), 1, word.c_str(), &model) == KEEL_OK);
        const bool bf16 = word == "bf16" || (word == "auto" && multiplies);
        CHECK(std::string(keel_model_precision(model)) == (bf16 ? "bf16" : "f32"));
        CHECK((std::string(keel_model_precision_note(model)).empty()) == (multiplies || !bf16));
        REQUIRE(keel_predict_file(model, image.c_str(), scores.data(), 3) == KEEL_OK);
        if (word == "f32") wanted = scores;
        CHECK((scores == wanted) == !bf16);
        // Logits of 21 layers, each rounded by 2^-9 of its values, of its weights and of what it read, add up like
        // steps of a random walk; eight times that is beyond chance. A sigmoid's slope is 1/4 at most.
        double largest = 0;
        for (const float p : wanted) largest = std::max(largest, std::abs(std::log(double{p} / (1 - double{p}))));
        for (std::size_t i = 0; i < 3; ++i)
            CHECK(std::abs(double{scores[i]} - wanted[i]) <= 0.25 * largest * 8 * std::sqrt(3 * 21) * 0x1p-9);
        keel_model_free(model);
    }
    keel_model* model = nullptr;
    CHECK(keel_model_load_in(path.c_str(), 1, "fp16", &model) == KEEL_USAGE_ERROR);
    CHECK_THAT(last_error(), contains("wanted f32, bf16 or auto, got \"fp16\""));
    CHECK(keel_model_load_in(path.c_str(), 1, nullptr, &model) == KEEL_USAGE_ERROR);
    CHECK(model == nullptr);
    CHECK(std::string(keel_model_precision(nullptr)).empty());
    CHECK(std::string(keel_model_precision_note(nullptr)).empty());
}

TEST_CASE("Paths, encoded files and pixels of one image have the C++ predictor's scores, to the bit", "[c]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    const Loaded loaded(folder / "model");
    for (const std::string& path : write_sample_images(folder.path(), 2)) {
        const std::vector<float> wanted = predicted(folder / "model", path);
        std::vector<float> scores(3);
        REQUIRE(keel_predict_file(loaded.model, path.c_str(), scores.data(), 3) == KEEL_OK);
        CHECK(scores == wanted);

        const std::string file = read_text(path);
        scores.assign(3, 0);
        REQUIRE(keel_predict_encoded(loaded.model, file.data(), file.size(), scores.data(), 3) == KEEL_OK);
        CHECK(scores == wanted);

        // Rows that lie further apart than they are long.
        const Image image = load_image(path, 0);
        const std::size_t stride = image.row_bytes() + 11;
        std::vector<std::uint8_t> pixels(stride * static_cast<std::size_t>(image.height), 0xEE);
        for (int y = 0; y < image.height; ++y)
            std::memcpy(pixels.data() + static_cast<std::size_t>(y) * stride, image.row(y), image.row_bytes());
        scores.assign(3, 0);
        REQUIRE(keel_predict_pixels(loaded.model, pixels.data(), image.width, image.height, image.channels, stride,
                                    scores.data(), 3) == KEEL_OK);
        CHECK(scores == wanted);
    }
}

TEST_CASE("A DICOM file has the scores of the PNG of its grey levels", "[c][dicom]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model", 1);
    const Loaded loaded(folder / "model");
    const Image grey = sample_image(50, 40, 1, 3);
    DicomWriter writer;
    writer.grey(grey.width, grey.height, 8, false, 8);
    writer.put(0x7FE00010, "OW", grey.pixels);
    const DicomWriter::Bytes dicom = writer.file(), png = encode_png(grey);
    write_text(folder / "IM1", std::string(dicom.begin(), dicom.end()));
    std::vector<float> wanted(3), of_file(3), of_memory(3);
    REQUIRE(keel_predict_encoded(loaded.model, png.data(), png.size(), wanted.data(), 3) == KEEL_OK);
    REQUIRE(keel_predict_file(loaded.model, (folder / "IM1").c_str(), of_file.data(), 3) == KEEL_OK);
    REQUIRE(keel_predict_encoded(loaded.model, dicom.data(), dicom.size(), of_memory.data(), 3) == KEEL_OK);
    CHECK(of_file == wanted);
    CHECK(of_memory == wanted);
}

TEST_CASE("Normalized images go in together", "[c]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model", 2);
    const Loaded loaded(folder / "model");
    constexpr std::size_t kImage = 64 * 64 * 2;
    std::vector<float> images(2 * kImage);
    for (std::size_t i = 0; i < images.size(); ++i) images[i] = static_cast<float>(i % 97) / 97.0F;
    std::array<float, 6> both{};
    REQUIRE(keel_predict_images(loaded.model, 2, images.data(), both.data(), 6) == KEEL_OK);
    std::array<float, 3> one{};
    for (std::size_t i = 0; i < 2; ++i) {
        REQUIRE(keel_predict_images(loaded.model, 1, images.data() + i * kImage, one.data(), 3) == KEEL_OK);
        for (std::size_t k = 0; k < 3; ++k) CHECK(one[k] == Approx(both[3 * i + k]));
    }
    CHECK(keel_predict_images(loaded.model, 0, images.data(), both.data(), 0) == KEEL_USAGE_ERROR);
}

TEST_CASE("Each failure has its status and says what was wrong", "[c]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    write_text(folder / "broken", "x");
    keel_model* model = reinterpret_cast<keel_model*>(&model);
    CHECK(keel_model_load((folder / "missing").c_str(), 1, &model) == KEEL_IO_ERROR);
    CHECK(model == nullptr);
    CHECK_THAT(last_error(), contains("missing: No such file"));
    CHECK(keel_model_load((folder / "broken").c_str(), 1, &model) == KEEL_INPUT_ERROR);
    CHECK_THAT(last_error(), contains("[safetensors]"));
    CHECK(keel_model_load(nullptr, 1, &model) == KEEL_USAGE_ERROR);
    CHECK(last_error() == "[keel] checkpoint is NULL");
    CHECK(keel_model_load((folder / "model").c_str(), 0, &model) == KEEL_USAGE_ERROR);
    CHECK(keel_model_load((folder / "model").c_str(), 1, nullptr) == KEEL_USAGE_ERROR);
    CHECK(keel_set_threads(0) == KEEL_USAGE_ERROR);
    CHECK_THAT(last_error(), contains("wanted 1 to 1024 threads, got 0"));

    const Loaded loaded(folder / "model");
    std::array<float, 3> scores{};
    const std::array<std::uint8_t, 12> pixels{};
    CHECK(keel_predict_file(nullptr, "x", scores.data(), 3) == KEEL_USAGE_ERROR);
    CHECK(keel_predict_file(loaded.model, nullptr, scores.data(), 3) == KEEL_USAGE_ERROR);
    CHECK(keel_predict_file(loaded.model, (folder / "broken").c_str(), scores.data(), 3) == KEEL_INPUT_ERROR);
    CHECK_THAT(last_error(), contains("neither PNG nor JPEG nor BMP"));
    CHECK(keel_predict_encoded(loaded.model, "x", 1, scores.data(), 3) == KEEL_INPUT_ERROR);
    CHECK(keel_predict_encoded(loaded.model, "", 0, scores.data(), 3) == KEEL_INPUT_ERROR);
    CHECK(keel_predict_pixels(loaded.model, pixels.data(), 2, 2, 3, 6, scores.data(), 3) == KEEL_OK);
    CHECK(keel_predict_pixels(loaded.model, pixels.data(), 2, 2, 3, 6, scores.data(), 2) == KEEL_USAGE_ERROR);
    CHECK(last_error() == "[keel] wanted room for 3 scores, got 2");
    CHECK(keel_predict_pixels(loaded.model, pixels.data(), 2, 2, 3, 6, nullptr, 3) == KEEL_USAGE_ERROR);
    CHECK(keel_predict_pixels(loaded.model, pixels.data(), 2, 2, 3, 5, scores.data(), 3) == KEEL_USAGE_ERROR);
    CHECK(keel_predict_pixels(loaded.model, pixels.data(), 2, 2, 2, 4, scores.data(), 3) == KEEL_INPUT_ERROR);
    for (const int bad : {0, -1, 16'385}) {
        CHECK(keel_predict_pixels(loaded.model, pixels.data(), bad, 1, 1, 20'000, scores.data(), 3) ==
              KEEL_USAGE_ERROR);
        CHECK(keel_predict_pixels(loaded.model, pixels.data(), 1, bad, 1, 20'000, scores.data(), 3) ==
              KEEL_USAGE_ERROR);
        CHECK(keel_predict_pixels(loaded.model, pixels.data(), 1, 1, bad, 20'000, scores.data(), 3) ==
              KEEL_USAGE_ERROR);
    }
}

TEST_CASE("A message is the calling thread's own, of one line, and says why however long it is", "[c]") {
    keel_model* model = nullptr;
    REQUIRE(keel_model_load("/nowhere\nat all", 1, &model) == KEEL_IO_ERROR);
    const std::string mine = last_error();
    CHECK_THAT(mine, contains("/nowhere at all"));
    std::thread([] {
        CHECK(last_error() == "");
        const auto error_for = [](std::size_t umlauts, const std::string& first) {
            std::string path = "/" + first;
            for (std::size_t i = 0; i < umlauts; ++i) path += "\xC3\xBC";
            keel_model* other = nullptr;
            CHECK(keel_model_load(path.c_str(), 1, &other) == KEEL_IO_ERROR);
            CHECK(last_error().ends_with(": File name too long"));  // the reason stands last
            return last_error();
        };
        CHECK(error_for(2000, "").size() > 4000);
        for (const char* first : {"", "x"}) {  // whose middle is left out, where characters end
            const std::string error = error_for(20000, first);
            CHECK(error.size() > 16370);
            CHECK(error.size() < 16384);
            CHECK(count_of(error, "\xC3\xBC ... \xC3\xBC") == 1);
        }
    }).join();
    CHECK(last_error() == mine);
}

TEST_CASE("Threads of the host share one model", "[c][sharing]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    const auto images = write_sample_images(folder.path(), 6);
    const int team = thread_count();
    for (const int threads_of_each : kTeams) {
        REQUIRE(keel_set_threads(threads_of_each) == KEEL_OK);
        const Loaded loaded(folder / "model");
        std::vector<std::array<float, 3>> alone;
        for (const std::string& image : images)
            REQUIRE(keel_predict_file(loaded.model, image.c_str(), alone.emplace_back().data(), 3) == KEEL_OK);

        // Every thread predicts all images, each from another one on, so that different calls meet.
        constexpr std::size_t kThreads = 4;
        std::array<std::vector<std::array<float, 3>>, kThreads> together;
        std::array<int, kThreads> failures{};
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < kThreads; ++t) {
            together[t].resize(images.size());
            threads.emplace_back([&, t] {
                for (std::size_t i = 0; i < images.size(); ++i) {
                    const std::size_t at = (i + t) % images.size();
                    failures[t] +=
                        keel_predict_file(loaded.model, images[at].c_str(), together[t][at].data(), 3) != KEEL_OK;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        for (std::size_t t = 0; t < kThreads; ++t) {
            CHECK(failures[t] == 0);
            CHECK(together[t] == alone);
        }
    }
    set_thread_count(team);
}

#ifndef __SANITIZE_THREAD__
TEST_CASE("The threads of a host's own parallel region share one model", "[c][sharing]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    const std::string image = write_sample_images(folder.path(), 1).front();
    const int team = thread_count();
    set_thread_count(2);
    const Loaded loaded(folder / "model");
    const std::vector<float> alone = predicted(folder / "model", image);
    std::array<std::vector<float>, 4> together;
#pragma omp parallel for num_threads(4)
    for (std::size_t i = 0; i < together.size(); ++i) {
        together[i].resize(3);
        if (keel_predict_file(loaded.model, image.c_str(), together[i].data(), 3) != KEEL_OK) together[i].clear();
    }
    for (const auto& scores : together) CHECK(scores == alone);
    set_thread_count(team);
}
#endif
