// Teachers: what they are asked, in which order they answer, who is refused; and answers that are kept.
#include "train/distill/teachers.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <vector>

#include "embed/export_model.h"
#include "embed/images.h"
#include "embed/import_weights.h"
#include "embed/predictor.h"
#include "engine/autograd.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_training.h"
#include "train/distill/distillation_loss.h"
#include "train/distill/teacher_cache.h"
#include "train/quantized_model.h"

using namespace keel;
using namespace keel::test;

namespace {

struct TeacherSpec {
    std::string model = "resnet20";
    std::vector<std::string> labels{"dark", "bright"};
    std::int64_t image_size = 32, channels = 1;
    bool multi_label = false;
    std::uint64_t seed = 1;
};

ModelSpec write_teacher(const std::string& path, const TeacherSpec& of = {}) {
    LoadedModel model{{.name = of.model,
                       .options = {.classes = std::ssize(of.labels), .channels = of.channels},
                       .image_size = of.image_size,
                       .multi_label = of.multi_label,
                       .label_names = of.labels},
                      nullptr};
    default_normalization(model.spec);
    model.module = make_model(of.model, model.spec.options, of.seed);
    save_model(path, model);
    return model.spec;
}

Batch read_batch(const Dataset& dataset, const ModelSpec& spec) {
    Loader loader(dataset, {.transform = transform_of(spec), .batch_size = 4, .workers = 1});
    Batch batch;
    REQUIRE(loader.next(batch));
    return batch;
}

std::vector<float> answers_of(const std::string& file, const Tensor& images) {
    const Tensor logits = Predictor(file, 4).logits(images);
    return {logits.values<float>().begin(), logits.values<float>().end()};
}

}  // namespace

TEST_CASE("the files of teachers stand with commas between", "[teachers]") {
    CHECK(teacher_files("a") == std::vector<std::string>{"a"});
    CHECK(teacher_files("a b,c") == std::vector<std::string>{"a b", "c"});
    for (const char* text : {"", ",", "a,", ",a", "a,,b"}) CHECK_THROWS_AS(teacher_files(text), UsageError);
}

TEST_CASE("a teacher answers as its predictor does, in whatever it is kept", "[teachers]") {
    const TemporaryFolder folder;
    const ModelSpec spec = write_teacher(folder / "a");
    write_teacher(folder / "b", {.seed = 2});
    const auto data = drawn_images(4, 0);
    const Batch batch = read_batch(*data, spec);
    export_model(folder / "a", folder / "a.onnx", {});
    LoaderOptions loader{.transform = transform_of(spec), .batch_size = 1, .workers = 1};
    save_quantized(folder / "int8", spec,
                   quantize(load_graph(folder / "a").graph, calibration_images(*data, loader, 4), {}), "a");
    for (const char* file : {"a", "a.onnx", "int8"}) {
        const Teachers teachers({folder / file}, *data, {.batch = 4});
        CHECK(teachers.answer(batch, spec).rows == answers_of(folder / file, images_of(batch)));
    }
    const Teachers both({folder / "a", folder / "b"}, *data, {.batch = 4});
    const TeacherAnswers answers = both.answer(batch, spec);
    CHECK(answers.teachers == 2);
    CHECK(answers.width() == 4);
    const std::vector<float> a = answers_of(folder / "a", images_of(batch)),
                             b = answers_of(folder / "b", images_of(batch));
    for (std::size_t i = 0; i < 4; ++i)
        for (std::size_t k = 0; k < 2; ++k) {
            CHECK(answers.rows[4 * i + k] == a[2 * i + k]);
            CHECK(answers.rows[4 * i + 2 + k] == b[2 * i + k]);
        }
}

TEST_CASE("answers are in the order of the data's labels, of those that the teacher knows", "[teachers]") {
    const TemporaryFolder folder;
    const ModelSpec spec = write_teacher(folder / "t", {.labels = {"other", "bright", "dark"}, .multi_label = true});
    const auto data = drawn_images(4, 0, Task::labels);
    const Batch batch = read_batch(*data, spec);
    const Teachers teachers({folder / "t"}, *data, {.batch = 4});
    const std::vector<float> rows = teachers.answer(batch, spec).rows, all = answers_of(folder / "t", images_of(batch));
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(rows[2 * i] == all[3 * i + 2]);
        CHECK(rows[2 * i + 1] == all[3 * i + 1]);
    }
}

TEST_CASE("a teacher sees the student's images in the size, channels and normalization that it wants", "[teachers]") {
    const TemporaryFolder folder;
    const ModelSpec large = write_teacher(folder / "large", {.image_size = 48, .channels = 3});
    const ModelSpec student = write_teacher(folder / "student");
    const auto data = drawn_images(4, 0);
    Batch batch = read_batch(*data, student);
    // Pixels that are the same all over have no other when they are resized.
    for (std::size_t i = 0; i < batch.images.size(); ++i) batch.images[i] = static_cast<float>(i / 1024) * 0.5F - 1;
    const Teachers teachers({folder / "large"}, *data, {.batch = 4});
    Tensor images = Tensor::empty({4, 48, 48, 3});
    for (std::int64_t i = 0; i < images.elements(); ++i) {
        const float pixel = (static_cast<float>(i / (48 * 48 * 3)) * 0.5F - 1) * student.std[0] + student.mean[0];
        const auto c = static_cast<std::size_t>(i % 3);
        images.data<float>()[i] = (pixel - large.mean[c]) / large.std[c];
    }
    const std::vector<float> got = teachers.answer(batch, student).rows, wanted = answers_of(folder / "large", images);
    // Resampling weighs equal pixels by weights that sum to 1 but for rounding, 2^-24 of each of a few: of logits that
    // are sums over layers of 10^3 such terms a part in 10^4 at most.
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(wanted[i]).epsilon(1e-4).margin(1e-4));
    CHECK(teachers.shown().image_size == 48);
}

TEST_CASE("teachers of other labels, tasks, channels or files are refused", "[teachers]") {
    const TemporaryFolder folder;
    const auto classes = drawn_images(4, 0), labels = drawn_images(4, 0, Task::labels);
    const auto refused = [&](const TeacherSpec& of, const Dataset& data, const std::string& why) {
        write_teacher(folder / "t", of);
        CHECK_THROWS_AS(Teachers({folder / "t"}, data, {}), InputError);
        CHECK_THROWS_WITH(Teachers({folder / "t"}, data, {}), contains(why));
    };
    refused({.multi_label = true}, *classes, "several labels an image");
    refused({}, *labels, "one class an image");
    refused({.labels = {"dark", "cat"}}, *classes, "knows the classes dark, cat");
    refused({.labels = {"dark", "bright", "cat"}}, *classes, "knows the classes");
    refused({.labels = {"dark"}, .multi_label = true}, *labels, "knows the labels dark");
    CHECK_THROWS_AS(Teachers({folder / "none"}, *classes, {}), IoError);
    write_text(folder / "text", "no model, but long enough for a header");
    CHECK_THROWS_AS(Teachers({folder / "text"}, *classes, {}), InputError);
    CHECK_THROWS_AS(Teachers({}, *classes, {}), UsageError);
}

TEST_CASE("a teacher without an answer is named, and the image", "[teachers]") {
    const TemporaryFolder folder;
    const ModelSpec spec = write_teacher(folder / "t");
    const auto data = drawn_images(4, 0);
    Batch batch = read_batch(*data, spec);
    batch.images[1024 + 3] = std::numeric_limits<float>::infinity();
    const Teachers teachers({folder / "t"}, *data, {});
    CHECK_THROWS_WITH(teachers.answer(batch, spec), contains("has no answer to image 1"));
}

TEST_CASE("a teacher's attention is that of its last feature map, or of a layer that is named", "[teachers]") {
    const TemporaryFolder folder;
    const ModelSpec spec = write_teacher(folder / "t");
    const auto data = drawn_images(4, 0);
    const Batch batch = read_batch(*data, spec);
    const LoadedModel model = load_model(folder / "t");
    for (const auto& [layer, side] : {std::pair{"", 8}, {"layer1", 32}}) {
        const Teachers teachers({folder / "t"}, *data, {.batch = 4, .map = true, .map_name = layer});
        const TeacherAnswers answers = teachers.answer(batch, spec);
        CHECK(answers.h == side);
        CHECK(answers.width() == 2 + std::int64_t{side} * side);
        Tensor map;
        {
            const NoGrad no_grad;
            const nn::ObserverScope watch([&](const nn::ModuleCall& call) {
                if (call.dst.rank() == 4 && call.dst.dim(1) == side) map = call.dst;  // the stage's, the last of it
            });
            (*model.module)(images_of(batch));
        }
        const std::vector<double> wanted = attention_of(map);
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const std::size_t cells = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
            CHECK(answers.rows[i / cells * (cells + 2) + 2 + i % cells] == static_cast<float>(wanted[i]));
        }
    }
    CHECK_THROWS_WITH(Teachers({folder / "t"}, *data, {.map = true, .map_name = "layer9"}),
                      contains("no layer called layer9"));
    export_model(folder / "t", folder / "t.onnx", {});
}

TEST_CASE("teachers are told apart by all that their answers depend on", "[teachers]") {
    const TemporaryFolder folder;
    write_teacher(folder / "a");
    write_teacher(folder / "b", {.seed = 2});
    const auto data = drawn_images(4, 0);
    const auto identity = [&](const std::vector<std::string>& files, const Teachers::Options& options = {}) {
        return Teachers(files, *data, options).identity();
    };
    const std::string a = identity({folder / "a"});
    std::filesystem::copy_file(folder / "a", folder / "copy");
    CHECK(identity({folder / "copy"}) == a);
    CHECK(identity({folder / "b"}) != a);
    CHECK(identity({folder / "a", folder / "b"}) != a);
    CHECK(identity({folder / "b", folder / "a"}) != identity({folder / "a", folder / "b"}));
    CHECK(identity({folder / "a"}, {.map = true}) != a);
    LoadedModel model = load_model(folder / "a");
    model.spec.mean = {0.25F};
    save_model(folder / "other", model);
    CHECK(identity({folder / "other"}) != a);
}

TEST_CASE("answers are kept under a key, and only under it", "[teacher_cache]") {
    const TemporaryFolder folder;
    TeacherCache cache("one", 3, 2, 2);
    CHECK(!cache.were_asked(0, 1));
    std::ranges::copy(std::vector<float>{1, 2, 3, 4}, cache.of_samples(1, 2).begin());
    cache.mark_unanswered(2);
    CHECK(cache.has(1));
    CHECK(!cache.has(2));
    CHECK(cache.were_asked(1, 3));
    CHECK(!cache.were_asked(0, 3));
    CHECK(cache.row(1, 1)[0] == 3);
    const std::filesystem::path file = cache.file_in(folder.path());
    cache.save(file);

    TeacherCache same("one", 3, 2, 2);
    CHECK(same.load(file).empty());
    CHECK(same.row(1, 0)[1] == 2);
    CHECK(!same.were_asked(0, 1));
    CHECK(same.were_asked(2, 3));
    same.forget(1, 2);
    CHECK(!same.has(1));

    TeacherCache other("two", 3, 2, 2);
    CHECK(other.file_in(folder.path()) != file);
    CHECK(holds(other.load(file), "of other teachers or images"));
    CHECK(!other.were_asked(1, 2));
    TeacherCache longer("one", 4, 2, 2);
    CHECK(holds(longer.load(file), "other things than answers"));
    CHECK(TeacherCache("one", 3, 2, 2).load(folder / "none").empty());

    std::string bytes = read_text(file);
    bytes[bytes.size() - 3] = static_cast<char>(bytes[bytes.size() - 3] + 1);
    write_text(file, bytes);
    TeacherCache damaged("one", 3, 2, 2);
    CHECK(holds(damaged.load(file), "not used"));
    CHECK(!damaged.were_asked(1, 2));
    write_text(file, bytes.substr(0, 40));
    CHECK(holds(damaged.load(file), "not used"));
}

TEST_CASE("images are told apart by their pixels, or by their files", "[teacher_cache]") {
    const auto hash = [](const Dataset& data) { return hash_of_images(data, Split::train); };
    CHECK(hash(*drawn_images(4, 0)) == hash(*drawn_images(4, 2)));
    CHECK(hash(*drawn_images(4, 0)) != hash(*drawn_images(5, 0)));
    const TemporaryFolder folder;
    const auto write = [&](const std::string& name, const std::string& pixels) {
        write_text(folder / name, "P5 2 1 255\n" + pixels);
    };
    for (const char* name : {"train/a/x.pgm", "train/b/y.pgm", "val/a/z.pgm", "test/a/z.pgm"}) write(name, "ab");
    const auto opened = [&] { return hash(*open_dataset("folder:" + folder.path())); };
    const std::string before = opened();
    CHECK(opened() == before);
    write("train/b/y.pgm", "abc");  // another size
    CHECK(opened() != before);
    write("train/b/y.pgm", "ab");
    namespace fs = std::filesystem;
    fs::last_write_time(folder / "train/b/y.pgm", fs::file_time_type::clock::now() + std::chrono::hours(1));
    const std::string later = opened();
    CHECK(later != before);
    CHECK(opened() == later);
}
