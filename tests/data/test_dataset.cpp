// Dataset as a program derives from it that has a storage of its own, with nothing of Keel's but what it installs; and
// the counts.
#include "data/dataset.h"

#include <atomic>
#include <map>

#include "data/inspect/info.h"
#include "data/pipeline/loader.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

/// A program's own storage: images of 12 bits in a map, by key, with two channels each.
using Storage = std::map<std::string, std::vector<std::uint16_t>>;

class StoredDataset : public Dataset {
public:
    StoredDataset(const Storage& storage, DatasetContents contents) : Dataset(std::move(contents)), storage_(storage) {}
    void will_load(Split, std::int64_t) const override { ++announced; }
    mutable std::atomic<int> announced{0};

protected:
    Image read(const Sample& sample, LeastSize) const override {
        const auto found = storage_.find(sample.name);
        if (found == storage_.end()) throw IoError("[stored] there is no " + sample.name);
        Image image(2, 2, 2, 16);
        for (std::size_t i = 0; i < image.samples(); ++i)
            image.row16(0)[i] = static_cast<std::uint16_t>(found->second[i] << 4);
        return image;
    }

private:
    const Storage& storage_;
};

DatasetContents contents_of(const std::vector<Sample>& train, Task task = Task::labels, std::size_t labels = 2) {
    DatasetContents contents;
    contents.task = task;
    contents.channels = 2;
    for (std::size_t i = 0; i < labels; ++i) contents.label_names.push_back("label" + std::to_string(i));
    contents.splits[0] = train;
    return contents;
}

Sample sample(const std::string& name, std::uint64_t mask, std::uint64_t known = kAllKnown) {
    Sample result;
    result.name = name;
    result.mask = mask;
    result.known = known;
    return result;
}

std::string refusal(DatasetContents contents) {
    try {
        const Storage none;
        const StoredDataset refused(none, std::move(contents));
    } catch (const UsageError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("A program gives the loader a storage of its own", "[dataset]") {
    Storage storage;
    for (int i = 0; i < 10; ++i)
        for (int k = 0; k < 8; ++k)
            storage["scan" + std::to_string(i)].push_back(static_cast<std::uint16_t>(400 * i + k));
    std::vector<Sample> train;
    for (int i = 0; i < 11; ++i)  // the last one is not there
        train.push_back(sample("scan" + std::to_string(i), i % 2 == 0 ? 0b01 : 0b10, i == 3 ? 0b10 : kAllKnown));
    const StoredDataset data(storage, contents_of(train));
    LoaderOptions options;
    options.transform = {.image_size = 2, .channels = 2, .mean = {0}, .std = {1}};
    options.batch_size = 4;
    options.workers = 2;
    options.max_bad = 0.1;
    std::vector<std::string> bad;
    options.on_bad_image = [&](const BadImage& image) { bad.push_back(image.reason); };
    Loader loader(data, options);
    std::int64_t seen = 0;
    for (Batch batch; loader.next(batch);) {
        CHECK(images_of(batch).dims() == Dims{batch.n, 2, 2, 2});
        for (std::int64_t b = 0; b < batch.n; ++b, ++seen) {
            const auto at = static_cast<std::size_t>(b);
            CHECK(batch.names[at] == "scan" + std::to_string(seen));
            for (std::size_t k = 0; k < 8; ++k)
                CHECK(batch.images[8 * at + k] ==
                      Approx((400.0 * static_cast<double>(seen) + static_cast<double>(k)) * 16 / 65535).margin(1e-7));
            const float first = seen == 3 ? kUnknownTarget : seen % 2 == 0 ? 1.0F : 0.0F;
            CHECK((batch.targets[2 * at] == first && batch.targets[2 * at + 1] == (seen % 2 == 0 ? 0.0F : 1.0F)));
        }
    }
    CHECK(seen == 10);
    CHECK(bad == std::vector<std::string>{"[stored] there is no scan10"});
    CHECK(data.announced > 0);
}

TEST_CASE("Contents that contradict themselves are refused", "[dataset]") {
    CHECK(refusal(contents_of({sample("a", 3)})).empty());
    CHECK(refusal(contents_of({}, Task::labels, 64)).empty());
    CHECK_THAT(refusal(contents_of({}, Task::labels, 65)), contains("a data set of 2 channels and 65 labels"));
    CHECK_THAT(refusal(contents_of({}, Task::classes, 0)), contains("2 channels and 0 labels"));
    DatasetContents flat = contents_of({});
    flat.channels = 0;
    CHECK_THAT(refusal(flat), contains("0 channels"));
    std::vector<Sample> samples{sample("good", 0), sample("odd", 0)};
    samples[0].label = 1;
    samples[1].label = 2;
    CHECK_THAT(refusal(contents_of(samples, Task::classes)), contains("odd is of class 2, wanted 0 to 1"));
    samples[1].label = -2;
    CHECK_THAT(refusal(contents_of(samples, Task::classes)), contains("odd is of class -2"));
    samples[1].label = kUnknownClass;  // to train on alone
    CHECK(refusal(contents_of(samples, Task::classes)).empty());
    samples[1].label = 0;
    CHECK(refusal(contents_of(samples, Task::classes)).empty());
}

TEST_CASE("Attributes have names, and every sample a value for each", "[dataset]") {
    DatasetContents contents = contents_of({sample("a", 0), sample("b", 0)});
    contents.attribute_names = {"sex", "age"};
    contents.splits[0][0].attributes = {"F", "58"};
    const Storage none;
    const StoredDataset data(none, contents);
    CHECK(data.attribute_names() == std::vector<std::string>{"sex", "age"});
    CHECK(data.samples(Split::train)[0].attributes == std::vector<std::string>{"F", "58"});
    CHECK(data.samples(Split::train)[1].attributes == std::vector<std::string>{"", ""});  // nothing is known of it

    contents.splits[0][1].attributes = {"M"};
    CHECK_THAT(refusal(contents), contains("b has 1 attributes, the data set 2"));
    contents.splits[0][1].attributes = {"M", "7"};
    contents.attribute_names[1] = "sex";
    CHECK_THAT(refusal(contents), contains("got 'sex' twice"));
    contents.attribute_names[1] = "";
    CHECK_THAT(refusal(contents), contains("got '' for one"));
}

TEST_CASE("A class may be unknown of training samples, and of no others", "[dataset]") {
    std::vector<Sample> samples{sample("known", 0), sample("unknown", 1)};
    samples[0].label = 1;
    samples[1].label = kUnknownClass;
    DatasetContents contents = contents_of(samples, Task::classes);
    const Storage nothing;
    const StoredDataset data(nothing, contents);
    const auto& train = data.samples(Split::train);
    CHECK((train[0].known == kAllKnown && train[1].known == 0));
    const SplitCounts counts = count_labels(data)[0];
    CHECK((counts.samples == 2 && counts.per_label[0] == 0 && counts.per_label[1] == 1));
    for (const std::int64_t unknown : counts.unknown) CHECK(unknown == 1);
    std::swap(contents.splits[0], contents.splits[1]);
    CHECK_THAT(refusal(contents), contains("unknown is of class -1, wanted 0 to 1"));
}

TEST_CASE("An image that is not what the data set says is refused when it is loaded", "[dataset]") {
    class Odd : public Dataset {
    public:
        explicit Odd(DatasetContents contents) : Dataset(std::move(contents)) {}
        Image image;

    protected:
        Image read(const Sample&, LeastSize) const override { return image; }
    };
    Odd data(contents_of({sample("odd.png", 0)}));
    const auto refused = [&](Image image) {
        data.image = std::move(image);
        try {
            data.load(Split::train, 0);
        } catch (const InputError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(refused(Image(3, 4, 2)).empty());
    CHECK(refused(Image(3, 4, 2, 16)).empty());
    CHECK_THAT(refused(Image(3, 4, 1)),
               contains("[data] odd.png: wanted an image in 2 channels of 8, 16 or 32 bits, got 3 x 4 in 1 of 8"));
    CHECK_THAT(refused({}), contains("got 0 x 0"));
    Image cut(3, 4, 2);
    cut.pixels.pop_back();
    CHECK_THAT(refused(cut), contains("23 bytes"));
    Image odd(3, 4, 2);
    odd.bits = 12;
    CHECK_THAT(refused(odd), contains("of 12"));
}

TEST_CASE("Labels that are not known count neither as present nor as absent", "[dataset]") {
    const StoredDataset data({},
                             contents_of({sample("none", 0), sample("both", 3), sample("second", 2, 2),
                                          sample("first not known, though marked", 1, 2), sample("nothing", 0, 0)}));
    const SplitCounts counts = count_labels(data)[0];
    CHECK(counts.samples == 5);
    CHECK(counts.per_label == std::vector<std::int64_t>{1, 2});
    CHECK(counts.unknown == std::vector<std::int64_t>{3, 1});
    CHECK(counts.without_label == 1);
    CHECK(count_labels(data)[1].samples == 0);
}
