#include "engine/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/arena.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr DType kTypes[] = {DType::f32, DType::f64, DType::u8, DType::s8, DType::s32, DType::bf16};
constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

/// 0, 1, 2, ...
Tensor counting(const Dims& dims) {
    const Tensor tensor = Tensor::empty(dims);
    for (std::size_t i = 0; i < tensor.values<float>().size(); ++i) tensor.values<float>()[i] = static_cast<float>(i);
    return tensor;
}

bool same_values(const Tensor& a, const Tensor& b) {
    const Tensor left = a.contiguous().to(DType::f64), right = b.contiguous().to(DType::f64);
    return a.dims() == b.dims() && std::ranges::equal(left.values<double>(), right.values<double>());
}

}  // namespace

TEST_CASE("dims", "[tensor]") {
    const Dims dims{16, 224, 224, 3};
    CHECK(dims.rank() == 4);
    CHECK(dims[0] == 16);
    CHECK(dims[-1] == 3);
    CHECK(dims.elements() == 16 * 224 * 224 * 3);
    CHECK(dims.text() == "[16, 224, 224, 3]");
    CHECK(dims == Dims{16, 224, 224, 3});
    CHECK_FALSE(dims == Dims{16, 224, 224});
    CHECK(Dims{}.elements() == 1);
    CHECK(Dims{}.text() == "[]");
    CHECK_THROWS_AS((Dims{1, 2, 3, 4, 5}), UsageError);
}

TEST_CASE("tensors of any type are made, filled and aligned", "[tensor]") {
    for (const DType type : kTypes) {
        INFO(name(type));
        const Tensor zeros = Tensor::zeros({3, 5}, type), full = Tensor::full({3, 5}, 7, type);
        CHECK(zeros.dtype() == type);
        CHECK(zeros.dense());
        CHECK(zeros.ld() == 5);
        CHECK(zeros.rows() == 3);
        CHECK(same_values(zeros, Tensor::zeros({3, 5})));
        CHECK(same_values(full, Tensor::full({3, 5}, 7)));
        CHECK(full.channel_slice(2, 1).clone().reshape({3}).channel_slice(1, 1).item() == 7);
    }
    CHECK(reinterpret_cast<std::uintptr_t>(Tensor::empty({3}).data<float>()) % Arena::kAlignment == 0);
}

TEST_CASE("a scalar of no dims, and tensors of no elements", "[tensor]") {
    const Tensor scalar = Tensor::full({}, 3);
    CHECK(scalar.item() == 3);
    CHECK(scalar.values<float>().size() == 1);
    CHECK(scalar.channels() == 1);
    CHECK(scalar.dense());
    CHECK(same_values(scalar.clone(), scalar));
    CHECK(scalar.reshape({1, 1}).dims() == Dims{1, 1});
    CHECK_THROWS_AS(scalar.channel_slice(0, 1), UsageError);
    const Tensor none = Tensor::zeros({0, 4});
    CHECK(none.elements() == 0);
    CHECK(none.values<float>().empty());
    CHECK(none.clone().dims() == none.dims());
    CHECK(none.to(DType::u8).dims() == none.dims());
}

TEST_CASE("negative and huge dims are refused", "[tensor]") {
    CHECK_THROWS_WITH(Tensor::empty({2, -1}), "[tensor] dims [2, -1] are negative or too large");
    CHECK_THROWS_AS(Tensor::empty({-2, -3}), UsageError);
    CHECK_THROWS_AS(Tensor::empty({kHuge}), UsageError);
    CHECK_THROWS_AS(Tensor::empty({kHuge, kHuge, kHuge, kHuge}), UsageError);
    CHECK_THROWS_AS(Tensor::zeros({std::int64_t{1} << 32, std::int64_t{1} << 32}), UsageError);
    CHECK_THROWS_AS(Tensor::full({(std::int64_t{1} << 46) + 1}, 0, DType::u8), UsageError);
    CHECK_THROWS_AS(Tensor::from({1.0F, 2.0F}, {-1, -2}), UsageError);
}

TEST_CASE("from copies as many values as the dims hold", "[tensor]") {
    float values[] = {1, 2, 3, 4, 5, 6};
    const Tensor tensor = Tensor::from(std::span<const float>(values), {2, 3});
    values[0] = 9;
    CHECK(tensor.values<float>()[0] == 1);
    CHECK(tensor.values<float>()[5] == 6);
    CHECK_THROWS_WITH(Tensor::from(std::span<const float>(values), {2, 4}),
                      "[tensor] dims [2, 4] hold 8 values, got 6");
}

TEST_CASE("access to the wrong type, to nothing or to a view is refused", "[tensor]") {
    const Tensor tensor = counting({2, 3});
    CHECK_THROWS_WITH(tensor.data<double>(), "[tensor] wanted f64, this is f32");
    CHECK_THROWS_AS(tensor.values<std::uint8_t>(), UsageError);
    CHECK_THROWS_AS(tensor.channel_slice(0, 2).values<float>(), UsageError);
    CHECK_THROWS_AS(tensor.item(), UsageError);
    const Tensor undefined;
    CHECK_FALSE(undefined.defined());
    CHECK_THROWS_AS(undefined.dims(), UsageError);
    CHECK_THROWS_AS(undefined.clone(), UsageError);
    CHECK_THROWS_AS(undefined.data<float>(), UsageError);
    CHECK_THROWS_AS(undefined.requires_grad(), UsageError);
    CHECK_THROWS_AS(undefined.set_requires_grad(), UsageError);
    CHECK_THROWS_AS(tensor.assign(undefined), UsageError);
}

TEST_CASE("a channel slice is a view, a slice of it, too", "[tensor]") {
    const Tensor whole = counting({2, 1, 2, 5});
    const Tensor slice = whole.channel_slice(1, 3), inner = slice.channel_slice(1, 2);
    CHECK(slice.dims() == Dims{2, 1, 2, 3});
    CHECK(slice.ld() == 5);
    CHECK_FALSE(slice.dense());
    CHECK(slice.same_memory(whole));
    CHECK(inner.ld() == 5);
    CHECK(inner.data<float>() == whole.data<float>() + 2);
    CHECK(same_values(inner, Tensor::from({2.0F, 3.0F, 7.0F, 8.0F, 12.0F, 13.0F, 17.0F, 18.0F}, {2, 1, 2, 2})));
    slice.data<float>()[0] = -1;
    CHECK(whole.values<float>()[1] == -1);
    CHECK(whole.channel_slice(0, 5).dense());
    CHECK(whole.channel_slice(5, 0).elements() == 0);
    CHECK_THROWS_WITH(whole.channel_slice(3, 3), "[tensor] channels 3 + 3 are not in dims [2, 1, 2, 5]");
    CHECK_THROWS_AS(whole.channel_slice(-1, 2), UsageError);
    CHECK_THROWS_AS(whole.channel_slice(0, -1), UsageError);
    CHECK_THROWS_AS(whole.channel_slice(kHuge, 1), UsageError);
    CHECK_THROWS_AS(whole.channel_slice(1, kHuge), UsageError);
}

TEST_CASE("the front of a buffer widens up to its end", "[tensor]") {
    const Tensor whole = counting({2, 6}), front = whole.channel_slice(0, 2);
    CHECK(same_values(front.widened(3), whole.channel_slice(0, 5)));
    CHECK(front.widened(4).same_memory(whole));
    CHECK(same_values(front.widened(0), front));
    CHECK_THROWS_WITH(front.widened(5),
                      "[tensor] a buffer of 6 channels a pixel has no room for 5 behind the 2 of dims [2, 2]");
    CHECK_THROWS_AS(front.widened(-1), UsageError);
    CHECK_THROWS_AS(front.widened(kHuge), UsageError);
    CHECK_THROWS_AS(whole.channel_slice(1, 2).widened(1), UsageError);
    CHECK_THROWS_AS(whole.widened(1), UsageError);
}

TEST_CASE("borrowed memory is neither copied nor kept longer than its tensors", "[tensor]") {
    std::vector<float> memory{1, 2, 3, 4, 5, 6};
    int released = 0;
    const auto release = [&] { ++released; };
    {
        const Tensor tensor = Tensor::borrow(std::span(memory), {2, 3}, release);
        CHECK(tensor.data<float>() == memory.data());
        CHECK_FALSE(tensor.unique());
        const Tensor view = tensor.channel_slice(2, 1);
        memory[5] = 60;
        CHECK(view.clone().values<float>()[1] == 60);
        CHECK(released == 0);
    }
    CHECK(released == 1);
    CHECK(Tensor::borrow(std::span(memory), {6}).elements() == 6);
    CHECK(Tensor::borrow(std::span(memory).first(0), {0, 3}, release).elements() == 0);
    CHECK(released == 2);
}

TEST_CASE("memory that does not fit the dims is released and refused", "[tensor]") {
    std::vector<float> memory(10);
    int released = 0;
    const auto release = [&] { ++released; };
    const auto borrow = [&](std::size_t bytes, const Dims& dims, std::int64_t ld) {
        return Tensor::borrow(memory.data(), bytes, dims, DType::f32, ld, release);
    };
    CHECK_THROWS_AS(Tensor::borrow(std::span(memory), {3, 3}, release), UsageError);
    CHECK_THROWS_AS(Tensor::borrow(std::span(memory), {11}, release), UsageError);
    CHECK_THROWS_AS(Tensor::borrow(std::span(memory), {-2, -5}, release), UsageError);
    CHECK_THROWS_AS(borrow(32, {2, 4}, 5), UsageError);  // 9 elements are reached
    CHECK_THROWS_AS(borrow(40, {2, 4}, 3), UsageError);  // rows overlap
    CHECK_THROWS_AS(borrow(40, {2, 4}, kHuge), UsageError);
    CHECK_THROWS_AS(Tensor::borrow(nullptr, 40, {10}, DType::f32, -1, release), UsageError);
    CHECK_THROWS_AS(Tensor::borrow(reinterpret_cast<std::byte*>(memory.data()) + 2, 36, {9}, DType::f32, -1, release),
                    UsageError);
    CHECK(released == 8);
    CHECK(borrow(36, {2, 4}, 5).ld() == 5);
    CHECK(released == 9);
}

TEST_CASE("behind borrowed memory nothing widens", "[tensor]") {
    std::vector<float> memory(10);
    const Tensor all = Tensor::borrow(memory.data(), 40, {2, 4}, DType::f32, 5, {});
    CHECK(all.widened(1).channels() == 5);  // the last row's fifth element is there
    CHECK_THROWS_AS(Tensor::borrow(memory.data(), 36, {2, 4}, DType::f32, 5, {}).widened(1), UsageError);
    CHECK(Tensor::borrow(memory.data(), 36, {2, 4}, DType::f32, 5, {}).widened(0).channels() == 4);
}

TEST_CASE("reshape shares the memory of a dense tensor", "[tensor]") {
    const Tensor tensor = counting({2, 6}), other = tensor.reshape({3, 2, 2, 1});
    CHECK(other.dims() == Dims{3, 2, 2, 1});
    CHECK(other.same_memory(tensor));
    CHECK(std::ranges::equal(other.values<float>(), tensor.values<float>()));
    CHECK_THROWS_WITH(tensor.reshape({5}), "[tensor] cannot reshape [2, 6] to [5]");
    CHECK_THROWS_AS(tensor.channel_slice(0, 3).reshape({6}), UsageError);
    CHECK_THROWS_AS(tensor.reshape({-2, -6}), UsageError);
    CHECK_THROWS_AS(tensor.reshape({kHuge, kHuge}), UsageError);
    CHECK_THROWS_AS(Tensor::zeros({0}).reshape({std::int64_t{1} << 32, std::int64_t{1} << 32}), UsageError);
}

TEST_CASE("contiguous copies only what it must, clone always", "[tensor]") {
    const Tensor tensor = counting({3, 4}), slice = tensor.channel_slice(1, 2);
    CHECK(tensor.contiguous().same_memory(tensor));
    CHECK_FALSE(tensor.clone().same_memory(tensor));
    CHECK(same_values(tensor.clone(), tensor));
    const Tensor dense = slice.contiguous();
    CHECK_FALSE(dense.same_memory(tensor));
    CHECK(dense.dense());
    CHECK(std::ranges::equal(dense.values<float>(), std::vector<float>{1, 2, 5, 6, 9, 10}));
}

TEST_CASE("conversion between all types", "[tensor]") {
    const Tensor small = Tensor::from<std::int8_t>({0, 1, 5, 127}, {4});
    for (const DType from : kTypes)
        for (const DType to : kTypes) {
            INFO(name(from) << " to " << name(to));
            const Tensor converted = small.to(from).to(to);
            CHECK(converted.dtype() == to);
            CHECK(std::ranges::equal(converted.to(DType::s8).values<std::int8_t>(), small.values<std::int8_t>()));
        }
    CHECK(small.to(DType::s8).same_memory(small));
    CHECK(std::ranges::equal(counting({2, 3}).channel_slice(1, 2).to(DType::s32).values<std::int32_t>(),
                             std::vector<std::int32_t>{1, 2, 4, 5}));
}

TEST_CASE("conversion to bf16 rounds once, to the nearest, ties to even", "[tensor][bf16]") {
    constexpr double kInfinity = std::numeric_limits<double>::infinity(), kUlp = 0x1p-7;  // of 1
    // A tie, and what an f32 between the two types would make one of.
    const double values[] = {1 + kUlp / 2,
                             1 + 3 * kUlp / 2,
                             1 + kUlp / 2 + 0x1p-40,
                             -1 - kUlp / 2 - 0x1p-40,
                             1 + kUlp / 4,
                             0x1.ffp127,
                             0x1.fefffp127,
                             kInfinity,
                             -kInfinity,
                             0x1p-133,
                             0x1.8p-134,
                             0x1p-200,
                             3.4028235e+38,
                             -0.0};
    const double wanted[] = {1,         1 + 2 * kUlp, 1 + kUlp, -1 - kUlp, 1, kInfinity, 0x1.fep127,
                             kInfinity, -kInfinity,   0x1p-133, 0x1p-133,  0, kInfinity, -0.0};
    const Tensor halves = Tensor::from(std::span<const double>(values), {14}).to(DType::bf16);
    CHECK(std::ranges::equal(halves.to(DType::f64).values<double>(), wanted));
    CHECK(std::signbit(halves.to(DType::f64).values<double>()[13]));
    CHECK(std::isnan(Tensor::full({1}, std::numeric_limits<double>::quiet_NaN(), DType::bf16).item()));
    CHECK(halves.data<Bf16>()[1].bits == 0x3f82);
}

TEST_CASE("bf16 are converted to and from f32 at any distance", "[tensor][bf16]") {
    const Tensor wide = uniform({3, 1, 5, 37}, 1).to(DType::f32), slice = wide.channel_slice(3, 21);
    const Tensor halves = slice.to(DType::bf16);
    CHECK(halves.dense());
    CHECK(halves.dims() == slice.dims());
    CHECK(same_values(halves, slice.contiguous().to(DType::f64).to(DType::bf16)));
    const Tensor room = Tensor::zeros({3, 1, 5, 40}, DType::bf16);
    room.channel_slice(8, 21).assign(halves);
    CHECK(same_values(room.channel_slice(8, 21).to(DType::f32), halves));
    CHECK(same_values(room.channel_slice(0, 8), Tensor::zeros({3, 1, 5, 8})));
    CHECK(same_values(room.channel_slice(29, 11), Tensor::zeros({3, 1, 5, 11})));
    CHECK_THROWS_AS(halves.assign(slice), UsageError);
    CHECK_THROWS_WITH(halves.data<float>(), "[tensor] wanted f32, this is bf16");
}

TEST_CASE("integers are rounded towards 0 and saturate", "[tensor]") {
    const double inf = std::numeric_limits<double>::infinity();
    const Tensor values = Tensor::from({1.9, -1.9, 300.0, -300.0, 1e300, -inf, std::nan("")}, {7});
    CHECK(std::ranges::equal(values.to(DType::u8).values<std::uint8_t>(),
                             std::vector<std::uint8_t>{1, 0, 255, 0, 255, 0, 0}));
    CHECK(std::ranges::equal(values.to(DType::s8).values<std::int8_t>(),
                             std::vector<std::int8_t>{1, -1, 127, -128, 127, -128, 0}));
    CHECK(std::ranges::equal(values.to(DType::s32).values<std::int32_t>(),
                             std::vector<std::int32_t>{1, -1, 300, -300, 2147483647, -2147483647 - 1, 0}));
    CHECK(Tensor::full({1}, 1000, DType::u8).item() == 255);
    CHECK(Tensor::from<std::int32_t>({-7}, {1}).to(DType::u8).item() == 0);
}

TEST_CASE("assign copies between any two distances", "[tensor]") {
    for (const DType type : kTypes) {
        INFO(name(type));
        const Tensor src = counting({3, 8}).to(type), dst = Tensor::full({3, 6}, 9, type);
        dst.channel_slice(1, 4).assign(src.channel_slice(3, 4));
        CHECK(same_values(dst.channel_slice(1, 4), src.channel_slice(3, 4)));
        CHECK(same_values(dst.channel_slice(0, 1), Tensor::full({3, 1}, 9)));
        CHECK(same_values(dst.channel_slice(5, 1), Tensor::full({3, 1}, 9)));
    }
    CHECK_THROWS_WITH(Tensor::zeros({2}).assign(Tensor::zeros({3}, DType::u8)),
                      "[tensor] cannot assign u8[3] to f32[2]");
}

TEST_CASE("share makes all handles see the other's memory", "[tensor]") {
    const Tensor tensor = Tensor::full({2, 3}, 1), handle = tensor, view = tensor.channel_slice(0, 3);
    const Tensor other = Tensor::full({2, 3}, 2);
    tensor.share(other);
    CHECK(handle.same_view(other));
    CHECK(!other.unique());
    CHECK(view.values<float>()[0] == 1);
    const Tensor wide = Tensor::full({2, 5}, 3);
    tensor.share(wide.channel_slice(1, 3));
    CHECK(handle.ld() == 5);
    CHECK_THROWS_AS(tensor.share(Tensor::zeros({3, 2})), UsageError);
    CHECK_THROWS_AS(tensor.share(Tensor::zeros({2, 3}, DType::f64)), UsageError);
}

TEST_CASE("weights survive a round trip through blocked layouts to the bit", "[tensor]") {
    for (const auto& g :
         {kernels::Conv2dGeometry{1, 16, 8, 8, 32, 3, 3}, {1, 13, 8, 8, 19, 1, 1}, {1, 3, 16, 16, 20, 7, 7}}) {
        const Tensor plain = uniform({g.oc, g.ic, g.kh, g.kw}, 1).to(DType::f32), weights = plain.clone(),
                     handle = weights;
        const auto layout = kernels::preferred_layout(g, true);
        weights.set_layout(layout);
        CHECK(handle.layout() == layout);  // every handle sees it
        CHECK(weights.dims() == plain.dims());
        CHECK(weights.storage_elements() == kernels::layout_elements(layout));
        CHECK_THROWS_AS(weights.values<float>(), UsageError);
        CHECK_THROWS_AS(weights.reshape({weights.elements()}), UsageError);
        CHECK_THROWS_AS(weights.channel_slice(0, 1), UsageError);
        CHECK(same_values(weights.clone(), plain));
        CHECK_FALSE(weights.contiguous().layout());

        const Tensor zeros = weights.zeros_like();
        CHECK(kernels::same_layout(zeros.layout(), layout));
        CHECK(same_values(zeros, Tensor::zeros(plain.dims())));
        zeros.assign(weights);  // blocked to blocked
        CHECK(same_values(zeros, plain));
        const Tensor target = Tensor::zeros(plain.dims());
        target.assign(weights);  // blocked to plain
        CHECK(same_values(target, plain));
        zeros.assign(Tensor::full(plain.dims(), 2));  // plain to blocked
        CHECK(same_values(zeros, Tensor::full(plain.dims(), 2)));

        weights.set_layout(nullptr);
        CHECK_FALSE(weights.layout());
        CHECK(std::ranges::equal(weights.values<float>(), plain.values<float>()));
    }
    CHECK_THROWS_AS(
        Tensor::zeros({32, 16, 3, 3}, DType::f64).set_layout(kernels::preferred_layout({1, 16, 8, 8, 32, 3, 3}, true)),
        UsageError);
}

TEST_CASE("unique tells whether memory is shared", "[tensor]") {
    Tensor tensor = counting({2, 3});
    CHECK(tensor.unique());
    {
        const Tensor handle = tensor;
        CHECK_FALSE(tensor.unique());
    }
    CHECK(tensor.unique());
    const Tensor view = tensor.channel_slice(0, 1);
    CHECK_FALSE(tensor.unique());
    CHECK_FALSE(view.unique());
    tensor = {};
    CHECK(view.unique());
}
