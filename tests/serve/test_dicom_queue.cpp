#include "serve/dicom/queue.h"

#include <filesystem>
#include <thread>

#include "engine/files.h"
#include "engine/paths.h"
#include "kernels/error.h"
#include "serve/dicom/identifiers.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

// A namespace of its own: a folder's tests are compiled together.
namespace keel::dicom_node::queue_tests {

using namespace keel::test;

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

const std::string kModel = "0123456789abcdef";

std::string token(int image) { return token_of("1.2.3." + std::to_string(image)); }

Queue::Added add(Queue& queue, int image, const std::string& text = "image") {
    const auto arrival = queue.arrive(token(image));
    arrival->file.write(text.data(), text.size());
    return queue.add(*arrival, kModel);
}

std::vector<AnswerObject> objects() {
    return {{"report.dcm", "", "", "report"}, {"heatmap.dcm", "", "", "heatmap"}, {"marks.dcm", "", "", "marks"}};
}

/// Takes the next image, and answers it.
void answer_next(Queue& queue) {
    const auto image = queue.next_image();
    REQUIRE(image);
    queue.answer(image->token, kModel, objects());
}

std::vector<std::string> names(const std::string& folder) {
    std::vector<std::string> all;
    for (const FolderEntry& entry : list_folder(folder)) all.push_back(entry.name);
    return all;
}

}  // namespace

TEST_CASE("images are answered in the order in which they came, and known afterwards", "[serve]") {
    const TemporaryFolder scratch;
    Queue queue(scratch / "node", {});
    for (int i = 0; i < 3; ++i) CHECK(add(queue, i) == Queue::Added::queued);
    CHECK(add(queue, 1) == Queue::Added::known);
    CHECK(queue.counts().images == 3);
    for (int i = 0; i < 3; ++i) {
        const auto image = queue.next_image();
        REQUIRE(image);
        CHECK(image->token == token(i));
        CHECK(read_text(image->files.at(0)) == "image");
        CHECK(add(queue, i) == Queue::Added::known);  // while it is scored
        queue.answer(image->token, kModel, objects());
        CHECK(add(queue, i) == Queue::Added::known);  // while its answer waits
    }
    for (int i = 0; i < 3; ++i) {
        const auto answer = queue.next_answer(milliseconds(0));
        REQUIRE(answer);
        CHECK(answer->token == token(i));
        REQUIRE(answer->files.size() == 3);
        CHECK(read_text(answer->files[0]) == "report");
        CHECK(read_text(answer->files[2]) == "marks");
        CHECK(queue.next_answer(milliseconds(0))->token == token(i));  // until it is delivered
        queue.delivered(answer->token);
        CHECK(add(queue, i) == Queue::Added::known);
    }
    CHECK_FALSE(queue.next_answer(milliseconds(0)));
    CHECK(names(scratch / "node/received").empty());
    CHECK(names(scratch / "node/answers").empty());
    // Another model has not answered them.
    const auto arrival = queue.arrive(token(0));
    CHECK(queue.add(*arrival, "another") == Queue::Added::queued);
}

TEST_CASE("a queue that is opened again holds what the one before held", "[serve]") {
    const TemporaryFolder scratch;
    {
        Queue queue(scratch / "node", {});
        for (int i = 0; i < 5; ++i) add(queue, i);
        answer_next(queue);
        answer_next(queue);
        queue.delivered(queue.next_answer(milliseconds(0))->token);
        CHECK(queue.next_image()->token == token(2));  // under way at the end
        const auto arrival = queue.arrive(token(9));   // not complete at the end
        arrival->file.write("half", 4);
        write_text(scratch / "node/received/x.dcm.tmp12-0123456789abcdef", "left by a process that was killed");
    }
    Queue queue(scratch / "node", {});
    CHECK(queue.counts().images == 3);
    CHECK(queue.counts().answers == 1);
    CHECK(queue.next_answer(milliseconds(0))->token == token(1));
    CHECK(add(queue, 0) == Queue::Added::known);
    for (int i = 2; i < 5; ++i) CHECK(queue.next_image()->token == token(i));
    CHECK(add(queue, 5) == Queue::Added::queued);
    CHECK(queue.next_image()->token == token(5));         // behind those that came before
    CHECK(names(scratch / "node/received").size() == 8);  // four images, each with a try
}

TEST_CASE("a process may be killed between any two steps of an answer", "[serve]") {
    const TemporaryFolder scratch;
    const std::string node = scratch / "node";
    std::string name;
    {
        Queue queue(node, {});
        add(queue, 1);
        name = fs::path(queue.next_image()->files[0]).stem().string() + '-' + kModel;
    }
    SECTION("before the report is there") {
        write_text(node + "/answers/" + name + ".marks.dcm", "marks");
        Queue queue(node, {});
        CHECK(queue.counts().images == 1);
        CHECK(queue.counts().answers == 0);
        CHECK(names(node + "/answers").empty());
    }
    SECTION("before the image is removed") {
        write_text(node + "/answers/" + name + ".report.dcm", "report");
        Queue queue(node, {});
        CHECK(queue.counts().images == 0);
        CHECK(queue.counts().answers == 1);
        CHECK(names(node + "/received").empty());
    }
    SECTION("before what was delivered is removed") {
        {
            Queue queue(node, {});
            answer_next(queue);
        }
        write_text(node + "/done/" + token(1).substr(0, 2) + "/" + token(1) + "-" + kModel, "");
        Queue queue(node, {});
        CHECK(queue.counts().answers == 0);
        CHECK(names(node + "/answers").empty());
        CHECK(add(queue, 1) == Queue::Added::known);
    }
}

TEST_CASE("what failed is kept, with the reason beside it", "[serve]") {
    const TemporaryFolder scratch;
    const std::string node = scratch / "node", failed = node + "/failed";
    Queue queue(node, {});
    add(queue, 1);
    add(queue, 2);
    const std::string image = queue.fail(queue.next_image()->token, "no pixels");
    CHECK(read_text(image) == "image");
    CHECK(read_text(fs::path(image).replace_extension(".txt")) == "no pixels\n");
    answer_next(queue);
    const std::string report = queue.refused(queue.next_answer(milliseconds(0))->token, "status a900");
    CHECK(read_text(report) == "report");
    const auto arrival = queue.arrive(token(3));
    arrival->file.write("other", 5);
    queue.keep_refused(*arrival, "announced as another");
    CHECK(queue.counts().images + queue.counts().answers == 0);
    CHECK(names(failed).size() == 2 + 4 + 2);
    CHECK(names(node + "/received").empty());
    // A person puts an image back: the next process scores it.
    fs::rename(image, node + "/received/" + fs::path(image).filename().string());
    CHECK(add(queue, 1) == Queue::Added::queued);  // the sender may try again, too
}

TEST_CASE("an image that ends the process again and again is put aside", "[serve]") {
    const TemporaryFolder scratch;
    const std::string node = scratch / "node";
    {
        Queue queue(node, {});
        add(queue, 1);
        add(queue, 2);
    }
    for (int i = 0; i < 5; ++i) CHECK(Queue(node, {}).next_image()->token == token(1));
    Queue queue(node, {});
    CHECK(queue.next_image()->token == token(2));
    CHECK(queue.counts().images == 1);
    CHECK(names(node + "/failed").size() == 2);
    // Given back is not tried.
    for (int i = 0; i < 9; ++i) {
        queue.put_back(token(2));
        CHECK(queue.next_image()->token == token(2));
    }
}

TEST_CASE("a folder is one process's, and holds no more than it may", "[serve]") {
    const TemporaryFolder scratch;
    QueueLimits limits;
    limits.waiting = 2;
    Queue queue(scratch / "node", limits);
    CHECK_THROWS_WITH(Queue(scratch / "node", {}), contains("another process answers from"));
    add(queue, 1);
    CHECK_FALSE(queue.is_full());
    add(queue, 2);
    CHECK(queue.is_full());
    answer_next(queue);
    CHECK(queue.is_full());  // an answer that waits counts as well
    queue.delivered(token(1));
    CHECK_FALSE(queue.is_full());
}

TEST_CASE("answered images are forgotten in the end", "[serve]") {
    const TemporaryFolder scratch;
    const std::string node = scratch / "node";
    {
        Queue queue(node, {});
        add(queue, 1);
        answer_next(queue);
        queue.delivered(token(1));
    }
    QueueLimits limits;
    CHECK(Queue(node, limits).is_done(token(1), kModel));
    limits.remembered = std::chrono::hours(-1);
    CHECK_FALSE(Queue(node, limits).is_done(token(1), kModel));
}

TEST_CASE("who waits for an image or an answer is woken when the queue is closed", "[serve]") {
    const TemporaryFolder scratch;
    Queue queue(scratch / "node", {});
    std::thread image([&] { CHECK_FALSE(queue.next_image()); });
    std::thread answer([&] { CHECK_FALSE(queue.next_answer(std::chrono::minutes(10))); });
    queue.close();
    image.join();
    answer.join();
    CHECK(queue.closed());
}

TEST_CASE("copies of an image that come at once are one", "[serve]") {
    const TemporaryFolder scratch;
    Queue queue(scratch / "node", {});
    std::atomic<int> queued = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { queued += add(queue, 1) == Queue::Added::queued ? 1 : 0; });
    for (std::thread& thread : threads) thread.join();
    CHECK(queued == 1);
    CHECK(names(scratch / "node/received").size() == 1);
}

}  // namespace keel::dicom_node::queue_tests
