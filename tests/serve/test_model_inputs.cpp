#include "serve/model_inputs.h"

#include <cstring>

#include "engine/base64.h"
#include "kernels/error.h"
#include "tests/serve/served_files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::serve;
using keel::test::contains;
using keel::test::ServedFiles;

namespace {

/// A request of one input, and what its views are of.
struct Made {
    InferRequest request;
    std::shared_ptr<std::string> body = std::make_shared<std::string>();
};

Made made(const std::string& name, const std::string& datatype, std::vector<std::int64_t> shape,
          const std::string& binary = {}, const std::string& layout = {}) {
    Made m;
    *m.body = binary;
    InferInput& input = m.request.inputs.emplace_back();
    input.name = name;
    input.datatype = datatype;
    input.shape = std::move(shape);
    input.binary = *m.body;
    if (!layout.empty()) input.parameters["layout"] = layout;
    return m;
}

template <class T>
std::string bytes_of(std::span<const T> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

/// {h, w, c} as {c, h, w}.
template <class T>
std::vector<T> channels_first(std::span<const T> values, std::size_t c) {
    std::vector<T> moved;
    for (std::size_t k = 0; k < c; ++k)
        for (std::size_t i = k; i < values.size(); i += c) moved.push_back(values[i]);
    return moved;
}

std::vector<float> input_of_request(const ServedModel& model, const Made& m) {
    const RequestImages images(model, m.request, m.body, {});
    const auto inputs = images.inputs();
    REQUIRE(std::ssize(inputs) == images.count());
    const auto values = inputs.front().front().values<float>();
    return {values.begin(), values.end()};
}

std::string refusal(const ServedModel& model, const Made& m, const RequestLimits& limits = {}) {
    try {
        const RequestImages images(model, m.request, m.body, limits);
        (void)images.inputs();
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("Every form of an image is the same to the model", "[model_inputs]") {
    const ServedFiles files(1);
    const auto model = files.model();
    const std::string file = test::read_text(files.images[0]);
    const Tensor loaded = model->scorer().load(files.images[0]).front();
    const std::vector<float> wanted(loaded.values<float>().begin(), loaded.values<float>().end());

    CHECK(input_of_request(*model, made("image", "BYTES", {1}, test::bytes_element(file))) == wanted);
    Made base64 = made("image", "BYTES", {1, 1});
    base64.request.inputs[0].binary.reset();
    base64.request.inputs[0].texts = {to_base64(file)};
    CHECK(input_of_request(*model, base64) == wanted);

    const Image image = load_image(files.images[0], 3);
    const std::span<const std::uint8_t> pixels(image.pixels);
    const std::int64_t h = image.height, w = image.width;
    CHECK(input_of_request(*model, made("pixels", "UINT8", {1, h, w, 3}, bytes_of(pixels))) == wanted);
    const auto moved = channels_first(pixels, 3);
    CHECK(input_of_request(*model, made("pixels", "UINT8", {1, 3, h, w}, bytes_of(std::span(moved)))) == wanted);
    Made numbers = made("pixels", "UINT8", {1, h, w, 3});
    numbers.request.inputs[0].binary.reset();
    numbers.request.inputs[0].numbers.assign(pixels.begin(), pixels.end());
    CHECK(input_of_request(*model, numbers) == wanted);

    CHECK(input_of_request(*model, made("input", "FP32", {1, 32, 32, 3}, bytes_of(std::span(wanted)))) == wanted);
    const auto planes = channels_first(std::span<const float>(wanted), 3);
    CHECK(input_of_request(*model, made("input", "FP32", {1, 3, 32, 32}, bytes_of(std::span(planes)))) == wanted);
}

TEST_CASE("Floats of pixels are those of the same grey values in bytes", "[model_inputs]") {
    const ServedFiles files(0);
    const auto model = files.model();
    // 0 and 255 are 0 and 1 exactly, and at the model's own size nothing is resampled.
    std::vector<std::uint8_t> bytes;
    std::vector<float> floats;
    for (int i = 0; i < 32 * 32; ++i) {
        bytes.push_back(i % 3 == 0 ? 255 : 0);
        floats.push_back(i % 3 == 0 ? 1.0F : 0.0F);
    }
    CHECK(input_of_request(*model,
                           made("pixels", "UINT8", {1, 32, 32, 1}, bytes_of(std::span<const std::uint8_t>(bytes)))) ==
          input_of_request(*model, made("pixels", "FP32", {1, 32, 32, 1}, bytes_of(std::span<const float>(floats)))));
}

TEST_CASE("Several images of one request are each its own", "[model_inputs]") {
    const ServedFiles files(2);
    const auto model = files.model();
    const std::string both =
        test::bytes_element(test::read_text(files.images[0])) + test::bytes_element(test::read_text(files.images[1]));
    const Made m = made("image", "BYTES", {2}, both);
    const RequestImages images(*model, m.request, m.body, {});
    const auto inputs = images.inputs();
    REQUIRE(inputs.size() == 2);
    for (std::size_t i = 0; i < 2; ++i)
        CHECK(std::ranges::equal(inputs[i].front().values<float>(),
                                 model->scorer().load(files.images[i]).front().values<float>()));
    CHECK(images.visible());
    CHECK(images.shown(0, 32).width <= 32);
    CHECK(images.shown(0, 32).height == 32);
    CHECK(images.shown(0, 4096).height == 90);
}

TEST_CASE("What does not fit the model is refused, and says what was wanted", "[model_inputs]") {
    const ServedFiles files(1);
    const auto model = files.model();
    CHECK_THAT(refusal(*model, made("picture", "BYTES", {1})), contains("wanted one of image, pixels, input"));
    CHECK_THAT(refusal(*model, made("image", "FP32", {1})), contains("image is BYTES, got 'FP32'"));
    CHECK_THAT(refusal(*model, made("input", "UINT8", {1, 32, 32, 3})), contains("input is FP32"));
    CHECK_THAT(refusal(*model, made("input", "FP32", {1, 33, 32, 3})), contains("[n, 32, 32, 3] or [n, 3, 32, 32]"));
    CHECK_THAT(refusal(*model, made("input", "FP32", {1, 32, 32})), contains("got [1, 32, 32]"));
    CHECK_THAT(refusal(*model, made("input", "FP32", {1, 32, 32, 3}, "four")), contains("has 12288 bytes, got 4"));
    CHECK_THAT(refusal(*model, made("input", "FP32", {0, 32, 32, 3})), contains("1 to 128 images"));
    CHECK_THAT(refusal(*model, made("input", "FP32", {129, 32, 32, 3})), contains("1 to 128 images"));
    CHECK_THAT(refusal(*model, made("pixels", "UINT8", {1, 3, 3, 3}, std::string(27, 'x'))),
               contains("wanted the parameter layout"));
    CHECK(refusal(*model, made("pixels", "UINT8", {1, 3, 3, 3}, std::string(27, 'x'), "NCHW")).empty());
    CHECK_THAT(refusal(*model, made("pixels", "UINT8", {1, 3, 3, 3}, std::string(27, 'x'), "CHWN")),
               contains("layout is NHWC or NCHW"));
    CHECK_THAT(refusal(*model, made("pixels", "UINT8", {1, 9, 9, 3}, std::string(243, 'x'), "NCHW")),
               contains("as NCHW"));
    CHECK_THAT(refusal(*model, made("pixels", "UINT8", {1, 0, 9, 3})), contains("sides of 1 to 16384"));
    CHECK_THAT(refusal(*model, made("pixels", "UINT8", {1, 20000, 9, 3})), contains("9x20000"));
    CHECK_THAT(refusal(*model, made("pixels", "UINT8", {1, 9, 9, 4}, std::string(324, 'x'))), contains("[n, h, w, c]"));
    const std::vector<float> large(32 * 32, 1.5F);
    CHECK_THAT(refusal(*model, made("pixels", "FP32", {1, 32, 32, 1}, bytes_of(std::span<const float>(large)))),
               contains("outside of 0 to 1"));
    CHECK_THAT(refusal(*model, made("image", "BYTES", {1}, test::bytes_element("no image"))), contains("image 1"));
    CHECK_THAT(refusal(*model, made("image", "BYTES", {2}, test::bytes_element("no image"))),
               contains("1 elements, the shape says 2"));
    CHECK_THAT(refusal(*model, made("image", "BYTES", {1}, test::bytes_element(test::read_text(files.images[0]))),
                       {.pixels = 70}),
               contains("at most 70 pixels"));
    Made none = made("image", "BYTES", {1});
    none.request.inputs.clear();
    CHECK_THAT(refusal(*model, none), contains("wanted one input, got 0"));
    Made fractions = made("pixels", "UINT8", {1, 2, 1, 3});
    fractions.request.inputs[0].binary.reset();
    fractions.request.inputs[0].numbers = {0, 256, 1, 2, 3, 4};
    CHECK_THAT(refusal(*model, fractions), contains("0 to 255"));
}

TEST_CASE("A model says what it takes and gives", "[model_inputs]") {
    const ServedFiles files(0);
    const auto model = files.model();
    const auto names = [](const std::vector<TensorInfo>& tensors) {
        std::vector<std::string> all;
        for (const TensorInfo& tensor : tensors) all.push_back(tensor.name);
        return all;
    };
    CHECK(names(inputs_of(*model)) == std::vector<std::string>{"image", "pixels", "input"});
    CHECK(names(outputs_of(*model)) == std::vector<std::string>{"probabilities", "heatmap", "overlay"});
    const ServedModel twice({.name = "e", .files = {files.checkpoint, files.checkpoint}}, 4);
    CHECK(names(inputs_of(twice)) == std::vector<std::string>{"image", "pixels", "input"});
    CHECK(names(outputs_of(twice)) == std::vector<std::string>{"probabilities"});
}
