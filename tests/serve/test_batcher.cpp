#include "serve/batcher.h"

#include <future>
#include <mutex>
#include <thread>

#include "kernels/error.h"
#include "tests/serve/served_files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::serve;
using keel::test::ServedFiles;

namespace {

constexpr auto kBatchPatience = std::chrono::seconds(60);  // nothing here takes a second

/// Holds the thread that computes, in the answer of a request of its own, until it is let go: what is submitted
/// meanwhile waits.
class HeldBatcher {
public:
    HeldBatcher(Batcher& batcher, const std::shared_ptr<const ServedModel>& model, const ImageScorer::Inputs& image) {
        ScoreRequest request{.model = model, .images = {image}};
        request.done = [this](const Answer&) {
            entered_.set_value();
            go_.get_future().wait();
        };
        REQUIRE_FALSE(batcher.submit(std::move(request)));
        REQUIRE(entered_.get_future().wait_for(kBatchPatience) == std::future_status::ready);
    }
    void let_go() { go_.set_value(); }

private:
    std::promise<void> entered_, go_;
};

struct BatcherFixture {
    ServedFiles files{6};
    std::shared_ptr<const ServedModel> model = files.model();
    std::vector<ImageScorer::Inputs> images;

    BatcherFixture() {
        for (const std::string& image : files.images) images.push_back(model->scorer().load(image));
    }

    /// Submits images [begin, end) and returns what will be the answer.
    std::future<Answer> submit(Batcher& batcher, std::size_t begin, std::size_t end, ScoreRequest request = {}) const {
        if (!request.model) request.model = model;
        request.images.assign(images.begin() + static_cast<std::ptrdiff_t>(begin),
                              images.begin() + static_cast<std::ptrdiff_t>(end));
        const auto promise = std::make_shared<std::promise<Answer>>();
        request.done = [promise](Answer answer) { promise->set_value(std::move(answer)); };
        REQUIRE_FALSE(batcher.submit(std::move(request)));
        return promise->get_future();
    }
};

std::vector<float> alone(const BatcherFixture& f, std::size_t begin, std::size_t end) {
    return f.model->scorer().score(std::span(f.images).subspan(begin, end - begin)).probabilities;
}

}  // namespace

TEST_CASE("Requests that wait together are one batch, and each gets its own images' scores to the bit", "[batcher]") {
    const BatcherFixture f;
    std::vector<std::int64_t> batches;
    Batcher batcher({.max_batch = 4, .max_queue = 16},
                    [&](const BatchRecord& batch) { batches.push_back(batch.images); });
    HeldBatcher held(batcher, f.model, f.images[0]);
    auto one = f.submit(batcher, 0, 1), two = f.submit(batcher, 1, 3), three = f.submit(batcher, 3, 6);
    held.let_go();
    const Answer a = one.get(), b = two.get(), c = three.get();
    CHECK(a.fate == Fate::answered);
    CHECK(a.scores.probabilities == alone(f, 0, 1));
    CHECK(b.scores.probabilities == alone(f, 1, 3));
    CHECK(c.scores.probabilities == alone(f, 3, 6));
    CHECK(a.batch == 4);
    CHECK(c.batch == 4);  // its first image came with the others, two were left
    batcher.drain();
    CHECK(batches == std::vector<std::int64_t>{1, 4, 2});
}

TEST_CASE("A request larger than a batch is computed in several", "[batcher]") {
    const BatcherFixture f;
    Batcher batcher({.max_batch = 2, .max_queue = 6});
    const Answer answer = batcher.score({.model = f.model, .images = f.images});
    REQUIRE(answer.fate == Fate::answered);
    CHECK(answer.batch == 2);
    CHECK(answer.scores.probabilities == alone(f, 0, 6));
}

TEST_CASE("The queue is bounded, and has room again", "[batcher]") {
    const BatcherFixture f;
    Batcher batcher({.max_batch = 2, .max_queue = 3});
    HeldBatcher held(batcher, f.model, f.images[0]);
    auto one = f.submit(batcher, 0, 2);
    CHECK(batcher.submit({.model = f.model, .images = {f.images[0], f.images[1]}}) == Fate::refused);
    auto two = f.submit(batcher, 2, 3);
    CHECK(batcher.submit({.model = f.model, .images = {f.images[0]}}) == Fate::refused);
    CHECK(batcher.waiting() == 3);
    held.let_go();
    CHECK(one.get().fate == Fate::answered);
    CHECK(two.get().fate == Fate::answered);
    CHECK(batcher.score({.model = f.model, .images = {f.images[0]}}).fate == Fate::answered);
}

TEST_CASE("Whose deadline has passed and who has gone cost nothing", "[batcher]") {
    const BatcherFixture f;
    std::int64_t computed = 0;
    Batcher batcher({.max_batch = 4, .max_queue = 16}, [&](const BatchRecord& batch) { computed += batch.images; });
    HeldBatcher held(batcher, f.model, f.images[0]);
    const auto gone = std::make_shared<std::atomic<bool>>(false);
    auto cancelled = f.submit(batcher, 0, 2, {.cancelled = gone});
    auto stays = f.submit(batcher, 2, 3);
    ScoreRequest late{.model = f.model, .images = {f.images[3]}};
    late.deadline = Clock::now() - std::chrono::milliseconds(1);
    CHECK(batcher.submit(std::move(late)) == Fate::refused);  // it would be too late from the start
    auto overdue = f.submit(batcher, 4, 5, {.deadline = Clock::now() + std::chrono::seconds(2)});
    *gone = true;
    std::this_thread::sleep_until(Clock::now() + std::chrono::milliseconds(2100));  // what the deadline means
    held.let_go();
    CHECK(cancelled.get().fate == Fate::cancelled);
    CHECK(overdue.get().fate == Fate::overdue);
    CHECK(stays.get().fate == Fate::answered);
    batcher.drain();
    CHECK(computed == 2);  // the held one and the one that stayed
}

TEST_CASE("A busy model does not keep another one waiting", "[batcher]") {
    const BatcherFixture f;
    const auto other = f.files.model("other");
    std::vector<std::string> order;
    Batcher batcher({.max_batch = 1, .max_queue = 32},
                    [&](const BatchRecord& batch) { order.push_back(batch.model.source().name); });
    HeldBatcher held(batcher, f.model, f.images[0]);
    std::vector<std::future<Answer>> answers;
    for (int i = 0; i < 3; ++i) answers.push_back(f.submit(batcher, 0, 6));
    answers.push_back(f.submit(batcher, 0, 2, {.model = other}));
    held.let_go();
    for (auto& answer : answers) CHECK(answer.get().fate == Fate::answered);
    batcher.drain();
    REQUIRE(order.size() == 21);
    // 18 images waited before the two others: these are among the next four, the third of which may be anybody's.
    CHECK(std::count(order.begin() + 1, order.begin() + 6, "other") == 2);
}

TEST_CASE("Heatmaps are computed where they are wished for", "[batcher]") {
    const BatcherFixture f;
    Batcher batcher({.max_batch = 4, .max_queue = 16});
    ScoreRequest request{.model = f.model, .images = {f.images[0], f.images[1]}};
    request.heat = HeatWish{.label = 2};
    const Answer answer = batcher.score(std::move(request));
    REQUIRE(answer.fate == Fate::answered);
    REQUIRE(answer.heat.size() == 2);
    CHECK(answer.heat[1].values == f.model->heat(f.images[1].front(), 2).values);
    CHECK(*std::ranges::max_element(answer.heat[0].values) == 1);
}

TEST_CASE("An image without an answer costs the others nothing", "[batcher]") {
    const BatcherFixture f;
    Batcher batcher({.max_batch = 4, .max_queue = 16});
    ImageScorer::Inputs spoiled{f.images[1].front().clone()};
    spoiled.front().values<float>()[5] = std::numeric_limits<float>::quiet_NaN();
    HeldBatcher held(batcher, f.model, f.images[0]);
    auto good = f.submit(batcher, 0, 1);
    std::promise<Answer> promise;
    ScoreRequest bad{.model = f.model, .images = {f.images[2], spoiled}};
    bad.done = [&](Answer answer) { promise.set_value(std::move(answer)); };
    REQUIRE_FALSE(batcher.submit(std::move(bad)));
    held.let_go();
    CHECK(good.get().scores.none.empty());
    const Answer answer = promise.get_future().get();
    REQUIRE(answer.scores.none.size() == 1);
    CHECK(answer.scores.none[0].image == 1);
    CHECK_THAT(answer.scores.none[0].why, test::contains("NaN"));
}

TEST_CASE("A batcher that drains takes nothing more and answers what it took", "[batcher]") {
    const BatcherFixture f;
    Batcher batcher({.max_batch = 2, .max_queue = 16});
    auto answer = f.submit(batcher, 0, 6);
    batcher.drain();
    CHECK(answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
    CHECK(answer.get().fate == Fate::answered);
    CHECK(batcher.score({.model = f.model, .images = {f.images[0]}}).fate == Fate::stopping);
}

TEST_CASE("A batcher that ends says so to who waits", "[batcher]") {
    const BatcherFixture f;
    std::future<Answer> answer;
    {
        Batcher batcher({.max_batch = 2, .max_queue = 16});
        HeldBatcher held(batcher, f.model, f.images[0]);
        answer = f.submit(batcher, 0, 2);
        std::thread ends([&] { held.let_go(); });
        ends.join();
    }
    const Fate fate = answer.get().fate;
    CHECK((fate == Fate::stopping || fate == Fate::answered));
}

TEST_CASE("A batch waits for what is coming, and no longer than it may", "[batcher]") {
    const BatcherFixture f;
    std::vector<std::int64_t> batches;
    Batcher batcher({.max_batch = 4, .max_delay = kBatchPatience, .max_queue = 16},
                    [&](const BatchRecord& batch) { batches.push_back(batch.images); });
    std::future<Answer> first, second;
    {
        const Batcher::Coming coming(batcher, f.model);
        first = f.submit(batcher, 0, 1);
        CHECK(first.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
        second = f.submit(batcher, 1, 2);
    }
    CHECK(first.get().batch == 2);
    CHECK(second.get().fate == Fate::answered);
    const Batcher::Coming never(batcher, f.model);
    auto full = f.submit(batcher, 0, 4);  // a batch that is full waits for nobody
    CHECK(full.get().fate == Fate::answered);
    batcher.drain();
    CHECK(batches == std::vector<std::int64_t>{2, 4});
}

TEST_CASE("Requests and limits that make no sense are refused", "[batcher]") {
    const BatcherFixture f;
    CHECK_THROWS_AS(Batcher({.max_batch = 0}), UsageError);
    Batcher batcher({});
    CHECK_THROWS_AS(batcher.submit({}), UsageError);
    CHECK_THROWS_AS(batcher.submit({.model = f.model}), UsageError);
    CHECK_THROWS_AS(batcher.submit({.model = f.model, .images = {{}}}), UsageError);
}

TEST_CASE("Many threads get the scores of their own images", "[batcher]") {
    const BatcherFixture f;
    Batcher batcher({.max_batch = 4, .max_queue = 64});
    std::vector<std::vector<float>> wanted;
    for (std::size_t i = 0; i < f.images.size(); ++i) wanted.push_back(alone(f, i, i + 1));
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 6; ++t)
        threads.emplace_back([&, t] {
            for (int k = 0; k < 10; ++k)
                if (batcher.score({.model = f.model, .images = {f.images[t]}}).scores.probabilities != wanted[t])
                    ++wrong;
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
}
