// flatten, wide_buffer, append_channels.
#include <algorithm>
#include <numeric>

#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

/// A dense block in little: each layer reads all channels so far and appends its own; every result is read twice or
/// more.
Tensor dense_block(const Inputs& x) {
    Tensor features = wide_buffer(x[0], 3 + 2 + 2);
    Tensor before;
    for (std::size_t layer = 1; layer <= 2; ++layer) {
        const Tensor c = Tensor::zeros({features.channels()}, x[0].dtype());
        const Tensor ones = Tensor::full({features.channels()}, 1, x[0].dtype());
        const Tensor normal = batch_norm(features, {ones, c, c.clone(), ones.clone()}, {});
        Tensor grown = conv2d(normal, x[layer], {}, {1, 1});
        if (before) grown = add(grown, before);
        features = append_channels(features, grown);
        before = grown;
    }
    return add(features, features);
}

}  // namespace

TEST_CASE("flatten: gradients and precision", "[ops][gradcheck]") {
    for (const std::int64_t c : {1, 3, 8}) {
        check_operator("flatten", [](const Inputs& x) { return flatten(x[0]); }, {uniform({2, 3, 2, c}, 1)}, {1, 1});
        check_operator("flatten of a slice", [c](const Inputs& x) { return flatten(wide_buffer(x[0], c + 2)); },
                       {uniform({2, 3, 2, c}, 1)}, {1, 1});
    }
}

TEST_CASE("flatten's order is channel, row, column", "[ops]") {
    Tensor src = Tensor::empty({2, 2, 3, 2}, DType::f64);
    for (std::size_t i = 0; i < 24; ++i)
        src.values<double>()[i] = static_cast<double>(i);  // ((n * 2 + y) * 3 + x) * 2 + c
    const Tensor dst = flatten(src);
    CHECK(dst.dims() == Dims{2, 12});
    const std::vector<double> wanted{0,  2,  4,  6,  8,  10, 1,  3,  5,  7,  9,  11,
                                     12, 14, 16, 18, 20, 22, 13, 15, 17, 19, 21, 23};
    CHECK(std::ranges::equal(dst.values<double>(), wanted));
}

TEST_CASE("wide_buffer and append_channels: gradients and precision", "[ops][gradcheck]") {
    for (const auto& [c, added] : {std::pair{1, 1}, {3, 2}, {8, 5}, {5, 16}}) {
        const Inputs inputs{uniform({2, 2, 3, c}, 1), uniform({2, 2, 3, added}, 2), uniform({2, 2, 3, added}, 3)};
        check_operator("wide_buffer", [c = c](const Inputs& x) { return wide_buffer(x[0], c + 4); }, {inputs[0]},
                       {1, 1});
        check_operator("append_channels",
                       [c = c, added = added](const Inputs& x) {
                           return append_channels(append_channels(wide_buffer(x[0], c + 2 * added + 1), x[1]), x[2]);
                       },
                       inputs, {1, 1});
        // Each gradient adds what comes by way of the result and what comes from the other readers.
        check_operator(
            "append_channels of tensors that are read elsewhere",
            [c = c, added = added](const Inputs& x) {
                const Tensor head = wide_buffer(x[0], c + 2 * added);
                const Tensor whole = append_channels(append_channels(head, add(x[1], x[1])), x[2]);
                return add(whole, append_channels(append_channels(wide_buffer(relu(head), c + 2 * added), x[2]), x[1]));
            },
            {away_from_zero({2, 2, 3, c}, 1), inputs[1], inputs[2]}, {6, 6});
    }
}

TEST_CASE("a dense block: gradients", "[ops][gradcheck]") {
    check_gradients("dense block", dense_block,
                    {uniform({2, 3, 3, 3}, 1), uniform({2, 3, 3, 3}, 2), uniform({2, 5, 3, 3}, 3)});
}

TEST_CASE("append_channels concatenates in the head's memory", "[ops]") {
    const Tensor src = uniform({1, 2, 2, 3}, 1), tail = uniform({1, 2, 2, 2}, 2);
    const Tensor head = wide_buffer(src, 6);
    CHECK(head.ld() == 6);
    CHECK(head.dims() == src.dims());
    const Tensor whole = append_channels(head, tail);
    CHECK(whole.same_memory(head));
    CHECK_FALSE(whole.same_memory(tail));
    CHECK(whole.dims() == Dims{1, 2, 2, 5});
    CHECK(std::ranges::equal(whole.channel_slice(0, 3).clone().values<double>(), src.values<double>()));
    CHECK(std::ranges::equal(whole.channel_slice(3, 2).clone().values<double>(), tail.values<double>()));
}

TEST_CASE("the head's gradient is accumulated in the memory of the result's", "[ops]") {
    const Tensor head = wide_buffer(uniform({1, 2, 2, 3}, 1), 5).set_requires_grad();
    const Tensor tail = uniform({1, 2, 2, 2}, 2).set_requires_grad();
    const Tensor whole = append_channels(head, tail);
    backward(whole, uniform(whole.dims(), 3));
    CHECK(head.grad().ld() == 5);  // a view: nothing was copied
    CHECK(tail.grad().dense());    // a copy, so that the head is the only owner
    CHECK_FALSE(head.grad().same_memory(tail.grad()));
}

TEST_CASE("operators that move elements refuse what does not fit", "[ops]") {
    const Tensor src = Tensor::zeros({1, 2, 2, 3});
    const Tensor head = wide_buffer(src, 5);
    CHECK_THROWS_AS(flatten(Tensor::zeros({2, 3})), UsageError);
    CHECK_THROWS_AS(wide_buffer(src, 2), UsageError);
    CHECK_THROWS_AS(wide_buffer(Tensor::zeros({2, 3}), 5), UsageError);
    CHECK_THROWS_AS(append_channels(src, src), UsageError);
    CHECK_THROWS_AS(append_channels(head, src), UsageError);  // room for two more, not for three
    CHECK_THROWS_AS(append_channels(head, Tensor::zeros({1, 2, 1, 2})), UsageError);
    CHECK_THROWS_AS(append_channels(head, Tensor::zeros({1, 2, 2, 2}, DType::f64)), UsageError);
    CHECK_THROWS_AS(append_channels(head.channel_slice(1, 2), Tensor::zeros({1, 2, 2, 1})),
                    UsageError);  // not the front
    CHECK_THROWS_AS(append_channels(head, Tensor()), UsageError);
    CHECK_NOTHROW(append_channels(head, Tensor::zeros({1, 2, 2, 2})));
}
