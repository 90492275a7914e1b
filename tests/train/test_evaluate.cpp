#include "train/evaluate.h"

#include <cmath>

#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "train/ranked_evaluation.h"

using namespace keel;
using keel::test::contains;
using keel::test::small_contents;
using keel::test::SmallDataset;

namespace {

ModelSpec spec_of(Task task) {
    return {.name = "resnet20",
            .options = {.classes = 2, .channels = 1, .small_stem = true},
            .image_size = 8,
            .mean = {0.5F},
            .std = {0.25F},
            .multi_label = task == Task::labels,
            .label_names = {"A", "B"}};
}

/// The same model for either task: the spec alone says what its logits mean.
Predictor model_for(const ModelSpec& spec) {
    static const auto module = make_model(spec.name, spec.options, 1);
    return {spec, *module};
}

LoaderOptions validation(const ModelSpec& spec) {
    LoaderOptions options;
    options.split = Split::val;
    options.transform = transform_of(spec);
    options.batch_size = 3;
    return options;
}

}  // namespace

TEST_CASE("Every sample of the split is predicted once, in order, and progress is told", "[evaluate]") {
    for (const Task task : {Task::labels, Task::classes}) {
        const ModelSpec spec = spec_of(task);
        const SmallDataset data(small_contents(task, 0, 7));
        const Predictor model = model_for(spec);
        std::vector<std::int64_t> done;
        const Predictions p = evaluate(model, data, validation(spec), [&](std::int64_t n, std::int64_t total) {
            CHECK(total == 7);
            done.push_back(n);
        });
        CHECK(done == std::vector<std::int64_t>{3, 6, 7});
        REQUIRE(p.samples() == 7);
        CHECK(p.names[4] == "val4");
        REQUIRE(p.probabilities.size() == 14);
        // The loss is what the definition makes of the probabilities.
        double loss = 0;
        for (std::size_t i = 0; i < 7; ++i) {
            const double a = p.probabilities[2 * i], b = p.probabilities[2 * i + 1];
            if (task == Task::classes) {
                CHECK(p.labels[i] == static_cast<std::int32_t>(i % 2));
                CHECK(a + b == Approx(1));
                loss -= std::log(i % 2 == 0 ? a : b) / 7;
            } else {
                CHECK(p.targets[2 * i] == static_cast<float>(i & 1));
                CHECK(p.targets[2 * i + 1] == static_cast<float>(i >> 1 & 1));
                loss -= (std::log((i & 1) != 0 ? a : 1 - a) + std::log((i >> 1 & 1) != 0 ? b : 1 - b)) / 14;
            }
        }
        CHECK(p.loss == Approx(loss).epsilon(1e-5));  // of probabilities rounded to float
    }
}

TEST_CASE("An evaluation knows whose images it was, and what is known of them", "[evaluate]") {
    const ModelSpec spec = spec_of(Task::labels);
    DatasetContents contents = small_contents(Task::labels, 0, 7);
    contents.attribute_names = {"sex", "age"};
    for (std::size_t i = 0; i < 7; ++i) {
        contents.splits[1][i].patient = "p" + std::to_string(i / 2);
        contents.splits[1][i].attributes = {i % 2 == 0 ? "F" : "M", std::to_string(i)};
    }
    const SmallDataset data(std::move(contents));
    const auto check = [&](const Predictions& p) {
        CHECK(p.indices == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6});
        CHECK(p.patients == std::vector<std::string>{"p0", "p0", "p1", "p1", "p2", "p2", "p3"});
        CHECK(p.attribute_names == std::vector<std::string>{"sex", "age"});
        REQUIRE(p.attributes.size() == 14);
        CHECK((p.attributes[10] == "M" && p.attributes[11] == "5"));
    };
    const Predictor model = model_for(spec);
    check(evaluate(model, data, validation(spec)));
    run_worlds({2, 2, {}}, [&](World& world) {
        check(*evaluate_on_ranks(
            world, [] { return false; }, model, data, validation(spec)));
    });
}

TEST_CASE("Views are averaged over a split as they are of one image", "[evaluate]") {
    for (const Task task : {Task::labels, Task::classes}) {
        const ModelSpec spec = spec_of(task);
        const SmallDataset data(small_contents(task, 0, 7), 20);
        const Predictor model = model_for(spec);
        const ViewOptions views{.resize = 12, .kind = ViewKind::ten_crop};
        const Predictions p = evaluate(model, data, validation(spec), {}, views);
        REQUIRE(p.samples() == 7);
        const TransformOptions transform = transform_of(spec, views);
        for (std::int64_t i = 0; i < 7; ++i) {
            const Image image = data.load(Split::val, i);
            const Tensor alone = predict_views(model, input_of({&image, 1}, transform), views);
            for (std::size_t k = 0; k < 2; ++k)
                CHECK(p.probabilities[static_cast<std::size_t>(2 * i) + k] ==
                      Approx(alone.values<float>()[k]).margin(1e-6));
        }
        CHECK(p.loss == loss_of_probabilities(spec, p));
        CHECK(evaluate(model, data, validation(spec)).loss ==
              Approx(loss_of_probabilities(spec, evaluate(model, data, validation(spec)))));
    }
}

TEST_CASE("An evaluation is given up between two batches", "[evaluate]") {
    const ModelSpec spec = spec_of(Task::labels);
    const SmallDataset data(small_contents(Task::labels, 0, 7));
    const Predictor model = model_for(spec);
    int asked = 0;
    CHECK_FALSE(evaluate_unless([&] { return ++asked == 2; }, model, data, validation(spec)));
    CHECK(asked == 2);
    CHECK(evaluate_unless([] { return false; }, model, data, validation(spec)));
}

TEST_CASE("Ranks predict a part each and all have all of it, to the bit", "[evaluate]") {
    const ThreadScope one(1);
    const ModelSpec spec = spec_of(Task::labels);
    const SmallDataset data(small_contents(Task::labels, 0, 7));
    const Predictor model = model_for(spec);
    const Predictions alone = evaluate(model, data, validation(spec));
    Predictions all[3];
    bool stopped[3] = {};
    run_worlds({3, 3, {}}, [&](World& world) {
        const auto rank = static_cast<std::size_t>(world.rank());
        all[rank] = evaluate_on_ranks(
                        world, [] { return false; }, model, data, validation(spec))
                        .value();
        stopped[rank] = !evaluate_on_ranks(
            world, [&] { return rank == 1; }, model, data, validation(spec));
    });
    for (std::size_t rank = 0; rank < 3; ++rank) {
        CHECK(all[rank].names == alone.names);
        CHECK(all[rank].probabilities == alone.probabilities);
        CHECK(all[rank].targets == alone.targets);
        CHECK(all[rank].loss == Approx(alone.loss).epsilon(1e-12));
        CHECK(stopped[rank]);  // on one is on all
    }
}

TEST_CASE("A model is scored by the labels that it and the data have", "[evaluate]") {
    ModelSpec spec = spec_of(Task::labels);
    const auto data = [] { return std::make_unique<SmallDataset>(small_contents(Task::labels, 0, 8)); };
    const Predictions all = evaluate(model_for(spec), *data(), validation(spec));
    spec.label_names = {"C", "a"};
    const CommonLabels common = labels_in_common(spec, data(), "best.safetensors");
    REQUIRE(common.remarks.size() == 2);
    const Predictions some = evaluate(model_for(spec), *common.dataset, validation(spec));
    CHECK((some.names == all.names && some.probabilities == all.probabilities));
    for (std::size_t i = 0; i < 8; ++i) {
        CHECK(some.targets[2 * i] == kUnknownTarget);
        CHECK(some.targets[2 * i + 1] == all.targets[2 * i]);
    }
    const Scores scores = score(spec, some);
    CHECK_FALSE(scores.auroc.per_label[0]);
    REQUIRE(scores.auroc.per_label[1]);
    CHECK(scores.auroc.mean == scores.auroc.per_label[1]);
    spec.label_names = {"C", "D"};
    CHECK_THROWS_WITH(labels_in_common(spec, data(), "best.safetensors"),
                      contains("best.safetensors knows the labels C, D"));
    ModelSpec classes = spec_of(Task::classes);
    CHECK_THROWS_AS(labels_in_common(classes, data(), "c"), InputError);
    classes.label_names = {"A", "C"};
    CHECK_THROWS_AS(labels_in_common(classes, std::make_unique<SmallDataset>(small_contents(Task::classes, 0, 2)), "c"),
                    InputError);
}

TEST_CASE("A model is only asked about the labels it was trained for", "[evaluate]") {
    const SmallDataset labels(small_contents(Task::labels, 1)), classes(small_contents(Task::classes, 2));
    CHECK_NOTHROW(require_same_labels(spec_of(Task::labels), labels, "c"));
    CHECK_THROWS_AS(require_same_labels(spec_of(Task::labels), classes, "c"), InputError);
    ModelSpec others = spec_of(Task::labels);
    others.label_names[1] = "C";
    CHECK_THROWS_WITH(require_same_labels(others, labels, "best.safetensors"), contains("best.safetensors"));
}
