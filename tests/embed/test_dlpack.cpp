// Tensors that other libraries made, and Keel's in their form.
#include "embed/dlpack.h"

#include <array>
#include <functional>
#include <limits>
#include <numeric>

#include "embed/keel.h"
#include "embed/predictor.h"
#include "engine/nn/layers.h"
#include "engine/ops.h"
#include "models/random_training.h"
#include "tests/embed/dlpack_sample.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

/// 0, 1, 2, ...
template <class T = float>
std::vector<T> counting(std::size_t count) {
    std::vector<T> values(count);
    std::iota(values.begin(), values.end(), T{0});
    return values;
}

std::vector<float> values_of(const Tensor& tensor) {
    const Tensor plain = tensor.contiguous();
    return {plain.values<float>().begin(), plain.values<float>().end()};
}

/// What from_dlpack says of a tensor that `change` made wrong; its deleter was called once.
std::string refusal(const std::function<void(DLTensor&)>& change, std::vector<std::int64_t> strides = {}) {
    std::vector<float> memory(64);
    ForeignTensor foreign(memory.data(), {2, 3, 4}, std::move(strides));
    change(foreign.managed.dl_tensor);
    std::string message = "accepted";
    try {
        const Tensor tensor = from_dlpack(&foreign.managed);
    } catch (const UsageError& error) {
        message = error.what();
    }
    CHECK(foreign.deleted == 1);
    return message;
}

}  // namespace

TEST_CASE("A tensor of another library is a view of its memory and gives it back once", "[dlpack]") {
    std::vector<float> memory = counting(24);
    ForeignTensor foreign(memory.data(), {2, 3, 4});
    {
        const Tensor tensor = from_dlpack(&foreign.managed);
        CHECK(tensor.dims() == Dims{2, 3, 4});
        CHECK(tensor.dense());
        CHECK(tensor.data<float>() == memory.data());
        const Tensor slice = tensor.channel_slice(1, 2);
        memory[1] = 77;
        CHECK(slice.data<float>()[0] == 77);
        CHECK(foreign.deleted == 0);
    }
    CHECK(foreign.deleted == 1);

    ForeignTensor ownerless(memory.data(), {24});
    ownerless.managed.deleter = nullptr;
    CHECK(from_dlpack(&ownerless.managed).elements() == 24);
}

TEST_CASE("Every type of a tensor comes in and goes out", "[dlpack]") {
    const auto both_ways = []<class T>(T) {
        std::vector<T> memory = counting<T>(12);
        const Tensor own = Tensor::from<T>(std::span<const T>(memory), {3, 4});
        const Tensor back = from_dlpack(to_dlpack(own));
        CHECK(back.dtype() == dtype_of<T>());
        CHECK(back.dims() == own.dims());
        CHECK(back.data<T>() == own.data<T>());
    };
    both_ways(float{});
    both_ways(double{});
    both_ways(std::uint8_t{});
    both_ways(std::int8_t{});
    both_ways(std::int32_t{});
}

TEST_CASE("Distances between pixels come in and go out, of no, one and several axes", "[dlpack]") {
    std::vector<float> memory = counting(2 * 3 * 2 * 5);
    struct Case {
        std::vector<std::int64_t> shape, strides;
        std::int64_t ld;
    };
    const std::vector<Case> cases{
        {{}, {}, 1},
        {{7}, {1}, 7},
        {{1}, {99}, 1},  // what the stride of one element is does not matter
        {{6, 3}, {5, 1}, 5},
        {{6, 1}, {5, 77}, 5},
        {{1, 3}, {-4, 1}, 3},
        {{2, 3, 2, 4}, {30, 10, 5, 1}, 5},
        {{2, 1, 2, 4}, {30, 123, 15, 1}, 15},
        {{1, 1, 1, 4}, {0, 0, 0, 1}, 4},
        {{0, 3, 4}, {1, 1, 1}, 4},
        {{2, 3, 2, 5}, {}, 5},
    };
    for (const Case& c : cases) {
        ForeignTensor foreign(memory.data(), c.shape, c.strides);
        const Tensor tensor = from_dlpack(&foreign.managed);
        INFO(tensor.dims().text());
        CHECK(tensor.ld() == c.ld);
        CHECK(tensor.dims() == Dims(std::span<const std::int64_t>(c.shape)));
        if (tensor.elements() > 0) {
            std::int64_t last = 0;  // the last element by DLPack's rule
            for (std::size_t axis = 0; axis < c.shape.size() && !c.strides.empty(); ++axis)
                last += (c.shape[axis] - 1) * c.strides[axis];
            if (c.strides.empty()) last = tensor.elements() - 1;
            CHECK(values_of(tensor).back() == static_cast<float>(last));
        }
        const Tensor back = from_dlpack(to_dlpack(tensor));
        CHECK(back.dims() == tensor.dims());
        CHECK(back.ld() == tensor.ld());
        CHECK(values_of(back) == values_of(tensor));
    }
}

TEST_CASE("A byte offset counts, and an address between elements is refused", "[dlpack]") {
    std::vector<float> memory = counting(8);
    ForeignTensor foreign(memory.data(), {4});
    foreign.managed.dl_tensor.byte_offset = 12;
    CHECK(values_of(from_dlpack(&foreign.managed)) == std::vector<float>{3, 4, 5, 6});
    CHECK_THAT(refusal([](DLTensor& t) { t.byte_offset = 6; }), contains("aligned to 4 bytes"));
    CHECK_THAT(refusal([](DLTensor& t) { t.byte_offset = ~std::uint64_t{0} - 3; }), contains("byte offset"));
}

TEST_CASE("What no tensor can be is refused, and given back", "[dlpack]") {
    const auto none = [](DLTensor&) {};
    CHECK(refusal(none) == "accepted");
    CHECK_THAT(refusal([](DLTensor& t) { t.device.device_type = kDLCUDA; }), contains("memory of the CPU"));
    CHECK_THAT(refusal([](DLTensor& t) { t.device.device_type = kDLCUDAHost; }), contains("memory of the CPU"));
    CHECK_THAT(refusal([](DLTensor& t) { t.dtype = {kDLFloat, 16, 1}; }), contains("16 bits"));
    CHECK_THAT(refusal([](DLTensor& t) { t.dtype = {kDLBfloat, 16, 1}; }), contains("type code 4"));
    CHECK_THAT(refusal([](DLTensor& t) { t.dtype = {kDLUInt, 32, 1}; }), contains("f32, f64, u8, s8 or s32"));
    CHECK_THAT(refusal([](DLTensor& t) { t.dtype.lanes = 4; }), contains("4 lanes"));
    CHECK_THAT(refusal([](DLTensor& t) { t.dtype.lanes = 0; }), contains("0 lanes"));
    CHECK_THAT(refusal([](DLTensor& t) { t.ndim = 5; }), contains("0 to 4 dims, got 5"));
    CHECK_THAT(refusal([](DLTensor& t) { t.ndim = -1; }), contains("got -1"));
    CHECK_THAT(refusal([](DLTensor& t) { t.shape = nullptr; }), contains("a shape"));
    CHECK_THAT(refusal([](DLTensor& t) { t.shape[1] = -3; }), contains("-3"));
    CHECK_THAT(refusal([](DLTensor& t) { t.shape[0] = t.shape[1] = kHuge; }), contains("2^46"));
    CHECK_THAT(refusal([](DLTensor& t) { t.data = nullptr; }), contains("data, got null"));
    CHECK_THROWS_WITH(from_dlpack(nullptr), contains("got null"));

    CHECK(refusal(none, {12, 4, 1}) == "accepted");
    const std::string kept_out[] = {refusal(none, {1, 2, 6}),     // column-major
                                    refusal(none, {12, 1, 3}),    // NCHW
                                    refusal(none, {12, 4, 2}),    // every second channel
                                    refusal(none, {13, 4, 1}),    // rows at two distances
                                    refusal(none, {9, 3, 1}),     // overlapping pixels
                                    refusal(none, {0, 0, 1}),     // one pixel for all
                                    refusal(none, {-12, -4, 1}),  // backwards
                                    refusal(none, {kHuge, kHuge / 3, 1})};
    for (const std::string& message : kept_out) CHECK_THAT(message, contains("rows of [2, 3, 4] at equal distances"));
}

TEST_CASE("An exported tensor outlives its handle and is not overwritten in place meanwhile", "[dlpack]") {
    DLManagedTensor* managed = nullptr;
    const float* memory = nullptr;
    {
        const Tensor tensor = Tensor::from<float>({1, 2, 3}, {3});
        memory = tensor.data<float>();
        managed = to_dlpack(tensor);
        CHECK_FALSE(tensor.unique());
    }
    CHECK(managed->dl_tensor.data == memory);
    CHECK(memory[2] == 3);
    CHECK(managed->dl_tensor.device.device_type == kDLCPU);
    CHECK(managed->dl_tensor.byte_offset == 0);
    managed->deleter(managed);

    CHECK_THROWS_AS(to_dlpack(Tensor()), UsageError);
    CHECK_THROWS_WITH(to_dlpack(Tensor::empty({2}, DType::bf16)), contains("bf16"));
}

TEST_CASE("Blocked weights are exported as a plain copy only", "[dlpack]") {
    nn::Conv2d layer(64, 64, 3, {.pad = 1});
    layer.weight().assign(Tensor::full({64, 64, 3, 3}, 1));
    static_cast<void>(layer(Tensor::full({1, 8, 8, 64}, 1)));
    if (!layer.weight().layout()) return;  // an ISA without blocks of its own
    CHECK_THROWS_WITH(to_dlpack(layer.weight()), contains("blocked weights"));
    DLManagedTensor* managed = to_dlpack(layer.weight().contiguous());
    CHECK(managed->dl_tensor.ndim == 4);
    managed->deleter(managed);
}

TEST_CASE("A predictor reads images where another library keeps them", "[dlpack][predictor]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    const Predictor predictor(folder / "model");
    const Tensor images = random_images(2, 64, 3, 5);
    const std::vector<float> wanted = values_of(predictor.predict(images));
    const auto source = images.values<float>();

    // At an address that no vector register is aligned to, then with pixels further apart than their channels.
    std::vector<float> memory(source.size() + 1);
    std::ranges::copy(source, memory.begin() + 1);
    std::vector<float> wide(source.size() / 3 * 4, 1e9F);
    for (std::size_t i = 0; i < source.size(); ++i) wide[i / 3 * 4 + i % 3] = source[i];
    const std::vector<float> before = memory, wide_before = wide;
    CHECK(values_of(predictor.predict(Tensor::borrow(std::span(memory).subspan(1), images.dims()))) == wanted);
    ForeignTensor dense(memory.data() + 1, {2, 64, 64, 3}), apart(wide.data(), {2, 64, 64, 3}, {16'384, 256, 4, 1});
    CHECK(values_of(predictor.predict(from_dlpack(&dense.managed))) == wanted);
    CHECK(values_of(predictor.predict(from_dlpack(&apart.managed))) == wanted);
    CHECK(memory == before);
    CHECK(wide == wide_before);
    CHECK(dense.deleted == 1);
    CHECK(apart.deleted == 1);
}

TEST_CASE("The C API takes another library's tensor, whatever becomes of it", "[dlpack][c]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    keel_model* model = nullptr;
    REQUIRE(keel_model_load((folder / "model").c_str(), 1, &model) == KEEL_OK);
    Tensor images = random_images(2, 64, 3, 5);
    float* const memory = images.data<float>();
    std::array<float, 6> wanted{}, scores{};
    REQUIRE(keel_predict_images(model, 2, memory, wanted.data(), 6) == KEEL_OK);
    ForeignTensor good(memory, {2, 64, 64, 3});
    CHECK(keel_predict_dlpack(model, &good.managed, scores.data(), 6) == KEEL_OK);
    CHECK(scores == wanted);
    CHECK(good.deleted == 1);

    const auto status_of = [&](std::vector<std::int64_t> shape, const keel_model* of, std::size_t count) {
        ForeignTensor foreign(memory, std::move(shape));
        const keel_status status = keel_predict_dlpack(of, &foreign.managed, scores.data(), count);
        CHECK(foreign.deleted == 1);
        return status;
    };
    CHECK(status_of({2, 64, 64, 3}, model, 5) == KEEL_USAGE_ERROR);
    CHECK(status_of({2, 64, 64, 3}, nullptr, 6) == KEEL_USAGE_ERROR);
    CHECK(status_of({2, 3, 64, 64}, model, 6) == KEEL_USAGE_ERROR);
    CHECK(status_of({64, 64, 3}, model, 3) == KEEL_USAGE_ERROR);
    CHECK(status_of({}, model, 3) == KEEL_USAGE_ERROR);
    CHECK(keel_predict_dlpack(model, nullptr, scores.data(), 6) == KEEL_USAGE_ERROR);
    keel_model_free(model);
}

TEST_CASE("A gradient does not go into memory of somebody else", "[dlpack]") {
    std::vector<float> memory = counting(6);
    const std::vector<float> before = memory;
    const Tensor x = Tensor::full({6}, 1).reshape({2, 3}).clone().set_requires_grad();
    ForeignTensor foreign(memory.data(), {2, 3});
    backward(relu(relu(x)), from_dlpack(&foreign.managed));
    CHECK(values_of(x.grad()) == before);
    backward(relu(x), Tensor::full({2, 3}, 1));  // adds to the gradient
    CHECK(memory == before);
}
