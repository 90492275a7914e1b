#include "embed/views.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "embed/images.h"
#include "kernels/error.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr std::int64_t kSide = 80, kCrop = 64;  // the small model's

Tensor image_of(const TransformOptions& transform, int seed = 3) {
    const Image image = sample_image(100, 90, 3, static_cast<std::uint64_t>(seed));
    return input_of({&image, 1}, transform);
}

float pixel(const Tensor& images, std::int64_t y, std::int64_t x, std::int64_t c) {
    return images.data<float>()[(y * images.dim(2) + x) * images.dim(3) + c];
}

template <class Call>
std::string refusal(const Call& call) {
    try {
        call();
    } catch (const UsageError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("Ten crops average ten predictions made by hand", "[views]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "m.safetensors");
    const Predictor model(folder / "m.safetensors");
    const ViewOptions views{.resize = kSide, .kind = ViewKind::ten_crop};
    const Tensor image = image_of(transform_of(model.spec(), views));
    REQUIRE(image.dims() == Dims{1, kSide, kSide, 3});

    // The crops of torchvision.transforms.functional.ten_crop, cut by hand of the image and of its mirror image.
    const std::int64_t far = kSide - kCrop, middle = far / 2;
    const std::pair<std::int64_t, std::int64_t> corners[] = {{0, 0}, {far, 0}, {0, far}, {far, far}, {middle, middle}};
    double sums[3] = {};
    for (const bool mirrored : {false, true})
        for (const auto& [left, top] : corners) {
            Tensor crop = Tensor::empty({1, kCrop, kCrop, 3});
            float* to = crop.data<float>();
            for (std::int64_t y = 0; y < kCrop; ++y)
                for (std::int64_t x = 0; x < kCrop; ++x)
                    for (std::int64_t c = 0; c < 3; ++c)
                        *to++ = pixel(image, top + y, mirrored ? kSide - 1 - (left + x) : left + x, c);
            const Tensor scores = model.predict(crop);
            for (std::size_t k = 0; k < 3; ++k) sums[k] += scores.values<float>()[k];
        }
    const Tensor mean = predict_views(model, image, views);
    REQUIRE(mean.dims() == Dims{1, 3});
    for (std::size_t k = 0; k < 3; ++k) CHECK(std::abs(mean.values<float>()[k] - sums[k] / 10) < 1e-6);

    const Tensor plain = model.predict(image_of(transform_of(model.spec())));
    CHECK(std::abs(plain.values<float>()[0] - mean.values<float>()[0]) >
          1e-6);  // the views are no copies of each other
}

TEST_CASE("Views of many images are those of each", "[views]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "m.safetensors");
    const Predictor model(folder / "m.safetensors");
    for (const ViewOptions& views : {ViewOptions{.kind = ViewKind::flip}, ViewOptions{.resize = kSide},
                                     ViewOptions{.resize = 73, .kind = ViewKind::ten_crop}, ViewOptions{}}) {
        const TransformOptions transform = transform_of(model.spec(), views);
        std::vector<Image> images;
        for (int i = 0; i < 3; ++i) images.push_back(sample_image(90, 70 + i, 3, static_cast<std::uint64_t>(i)));
        const Tensor together = predict_views(model, input_of(images, transform), views);
        for (std::size_t i = 0; i < 3; ++i) {
            const Tensor alone = predict_views(model, input_of({&images[i], 1}, transform), views);
            for (std::size_t k = 0; k < 3; ++k)
                CHECK(together.values<float>()[3 * i + k] == Approx(alone.values<float>()[k]).margin(1e-6));
        }
        if (views == ViewOptions{}) {
            const Tensor scores = model.predict(input_of(images, transform));
            CHECK(std::equal(scores.values<float>().begin(), scores.values<float>().end(),
                             together.values<float>().begin()));
        }
    }
}

TEST_CASE("Views lie where torchvision cuts them", "[views]") {
    CHECK(plan_views(256, 224, ViewKind::one) == std::vector<View>{{16, 16, false}});
    CHECK(plan_views(7, 4, ViewKind::one) == std::vector<View>{{2, 2, false}});  // round(1.5)
    CHECK(plan_views(5, 4, ViewKind::one) == std::vector<View>{{0, 0, false}});  // round(0.5): half to even
    CHECK(plan_views(4, 4, ViewKind::flip) == std::vector<View>{{0, 0, false}, {0, 0, true}});
    CHECK(plan_views(7, 4, ViewKind::ten_crop) == std::vector<View>{{0, 0, false},
                                                                    {3, 0, false},
                                                                    {0, 3, false},
                                                                    {3, 3, false},
                                                                    {2, 2, false},
                                                                    {3, 0, true},
                                                                    {0, 0, true},
                                                                    {3, 3, true},
                                                                    {0, 3, true},
                                                                    {1, 2, true}});
    Tensor image = Tensor::empty({1, 2, 3, 2});
    for (std::size_t i = 0; i < 12; ++i) image.values<float>()[i] = static_cast<float>(i);
    const Tensor mirrored = view_of(image, {1, 0, true}, 2);
    const float wanted[] = {4, 5, 2, 3, 10, 11, 8, 9};
    CHECK(std::equal(std::begin(wanted), std::end(wanted), mirrored.values<float>().begin()));
    CHECK_THROWS_AS(view_of(image, {2, 0, false}, 2), UsageError);
}

TEST_CASE("Sides have their defaults, and words for people", "[views]") {
    ModelSpec spec;
    spec.image_size = 224;
    CHECK(resolved({}, spec) == ViewOptions{224, 224, ViewKind::one});
    CHECK(resolved({.kind = ViewKind::ten_crop}, spec) == ViewOptions{256, 224, ViewKind::ten_crop});
    CHECK(resolved({.crop = 320}, spec) == ViewOptions{320, 320, ViewKind::one});
    CHECK(views_text({}, spec).empty());
    CHECK(views_text({.resize = 256}, spec) == "resized to 256, central crop of 224");
    CHECK(views_text({.kind = ViewKind::ten_crop}, spec) == "resized to 256, ten crops of 224");
    CHECK(views_text({.kind = ViewKind::flip}, spec) == "resized to 224, and mirrored");
    CHECK_THAT(refusal([&] { resolved({.resize = 200}, spec); }), contains("a crop of 224 pixels is larger"));
    CHECK_THAT(refusal([&] { resolved({.resize = 5000}, spec); }), contains("sides of 1 to 4096"));
    CHECK_THAT(refusal([&] { resolved({.resize = -1}, spec); }), contains("sides of 1 to 4096"));
    CHECK_THAT(refusal([&] { resolved({.resize = 224, .kind = ViewKind::ten_crop}, spec); }),
               contains("the same five times"));
    for (const ViewKind kind : {ViewKind::one, ViewKind::flip, ViewKind::ten_crop})
        CHECK(parse_view_kind(view_kind_name(kind)) == kind);
    CHECK_THAT(refusal([] { parse_view_kind("five-crop"); }), contains("got 'five-crop'"));
}

TEST_CASE("A model sees crops of another side than it was trained with", "[views]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "m.safetensors");
    const ViewOptions views{.resize = 100, .crop = 96};
    const Predictor larger = load_predictor(folder / "m.safetensors", views);
    CHECK(larger.spec().image_size == 96);
    const Tensor scores = predict_views(larger, image_of(transform_of(larger.spec(), views)), views);
    CHECK(scores.dims() == Dims{1, 3});
    CHECK(load_predictor(folder / "m.safetensors", {}).spec().image_size == kCrop);
    const Predictor model(folder / "m.safetensors");
    CHECK_THAT(refusal([&] { predict_views(model, image_of(transform_of(model.spec())), {.resize = 80}); }),
               contains("[n, 80, 80, 3], got [1, 64, 64, 3]"));
}
