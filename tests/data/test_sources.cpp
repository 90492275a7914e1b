#include <filesystem>
#include <map>
#include <set>

#include "data/dataset.h"
#include "data/inspect/info.h"
#include "data/sources/nih_table.h"
#include "data/sources/sources.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

std::string patient(const Sample& sample) { return sample.name.substr(0, 8); }

std::set<std::string> patients(const Dataset& data, Split split) {
    std::set<std::string> found;
    for (const Sample& sample : data.samples(split)) found.insert(patient(sample));
    return found;
}

/// No patient in two splits.
void check_disjoint(const Dataset& data) {
    std::size_t sum = 0;
    std::set<std::string> all;
    for (Split split : kSplits) {
        const auto some = patients(data, split);
        sum += some.size();
        all.insert(some.begin(), some.end());
    }
    CHECK(sum == all.size());
}

std::string message_of(const std::string& spec) {
    try {
        open_dataset(spec);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

void replace_in(const std::string& path, const std::string& from, const std::string& to) {
    std::ifstream in(path);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    write_text(path, text);
}

/// The development data beside the sources, or nothing.
std::string shared_data() {
    const char* given = std::getenv("KEEL_SHARED_DATA");
    const std::string path = given != nullptr ? given : KEEL_SOURCE_DIR "/../shared/data";
    if (std::filesystem::is_directory(path)) return path;
    WARN("skipped: no shared data");
    return "";
}

}  // namespace

TEST_CASE("Unknown schemes and missing paths are usage errors that say what is known") {
    const TemporaryFolder scratch;
    for (const std::string& spec : {"nihh:" + scratch.path(), scratch.path(), std::string(),
                                    std::string("nih:/no/such/folder"), std::string("nih:")}) {
        CHECK_THROWS_AS(open_dataset(spec), UsageError);
    }
    CHECK(message_of("nihh:.").find(
              "phantom: nih: csv: chexpert: mimic: padchest: vindr: rsna: medmnist: folder: cifar10: pack:") !=
          std::string::npos);
    DatasetOptions options;
    options.val_fraction = 1.5;
    CHECK_THROWS_AS(open_dataset("nih:.", options), UsageError);
    CHECK(parse_split("val") == Split::val);
    CHECK_THROWS_AS(parse_split("validation"), UsageError);
}

TEST_CASE("nih: labels, lists and a validation split by patient") {
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 40);
    const auto data = open_dataset("nih:" + scratch.path());
    CHECK(data->task() == Task::labels);
    REQUIRE(data->label_names().size() == 14);
    CHECK(data->label_names()[13] == "Hernia");
    CHECK(data->channels() == 1);
    CHECK(data->size(Split::test) == 20);
    CHECK(data->size(Split::val) == 6);  // 3 of 30 patients
    CHECK(data->size(Split::train) == 54);
    check_disjoint(*data);
    for (const Sample& sample : data->samples(Split::train)) {
        CHECK(sample.mask == (sample.name.ends_with("_000.png") ? 0U : 1U << 2 | 1U << 13));
    }
    CHECK(data->load(Split::train, 0).width == 8);
    const auto counts = count_labels(*data);
    CHECK(counts[0].samples == 54);
    CHECK(counts[0].without_label == 27);
    CHECK(counts[0].per_label[2] == 27);
    CHECK(counts[0].per_label[3] == 0);

    DatasetOptions other_splits;
    other_splits.split_seed = 1;
    const auto again = open_dataset("nih:" + scratch.path()),
               other = open_dataset("nih:" + scratch.path(), other_splits);
    CHECK(patients(*again, Split::val) == patients(*data, Split::val));
    CHECK(patients(*other, Split::val) != patients(*data, Split::val));
    CHECK(patients(*other, Split::test) == patients(*data, Split::test));
}

TEST_CASE("nih: sex, age in years and view of each image") {
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 8);
    write_text(scratch / "Data_Entry_2017.csv",
               "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
               "OriginalImage[Width,Height]\n"
               "00000001_000.png,Effusion,0,1,058Y,F,PA,2500,2048\n00000001_001.png,No Finding,1,1,6M,F,AP,2500,2048\n"
               "00000002_000.png,No Finding,0,2,34,M\n00000002_001.png,No Finding,1,2\n");
    const auto data = open_dataset("nih:" + scratch.path());
    CHECK(data->attribute_names() == std::vector<std::string>{"sex", "age", "view"});
    std::map<std::string, std::vector<std::string>> attributes;
    for (const Split split : kSplits)
        for (const Sample& sample : data->samples(split)) attributes[sample.name] = sample.attributes;
    CHECK(attributes["00000001_000.png"] == std::vector<std::string>{"F", "58", "PA"});
    CHECK(attributes["00000001_001.png"] == std::vector<std::string>{"F", "0.5", "AP"});
    CHECK(attributes["00000002_000.png"] == std::vector<std::string>{"M", "34", ""});  // a row that ends early
    CHECK(attributes["00000002_001.png"] == std::vector<std::string>{"", "", ""});
    for (const auto& [text, years] : std::map<std::string, std::string>{{"013D", "0.0355921"},
                                                                        {"026W", "0.498289"},
                                                                        {"100", "100"},
                                                                        {"Y", "Y"},
                                                                        {"", ""},
                                                                        {"-5Y", "-5Y"},
                                                                        {"5xY", "5xY"},
                                                                        {"99999999999Y", "99999999999Y"}})
        CHECK(age_in_years(text) == years);

    write_text(scratch / "Data_Entry_2017.csv", "Image Index,Finding Labels,Patient ID\n00000001_000.png,Effusion,1\n");
    const auto plain = open_dataset("nih:" + scratch.path());
    for (const Split split : kSplits)
        for (const Sample& sample : plain->samples(split))
            CHECK(sample.attributes == std::vector<std::string>{"", "", ""});
}

TEST_CASE("nih: without lists the test set is split off by patient") {
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 40, false);
    const auto data = open_dataset("nih:" + scratch.path());
    CHECK((data->size(Split::test) == 16 && data->size(Split::val) == 6 && data->size(Split::train) == 58));
    check_disjoint(*data);
    write_text(scratch / "test_list.txt", "00000001_000.png\n");
    CHECK_THROWS_AS(open_dataset("nih:" + scratch.path()), InputError);
}

TEST_CASE("nih: several folders, missing images, unlisted ones, Windows line ends") {
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 8);
    std::filesystem::create_directories(scratch / "images_001/images");
    std::filesystem::rename(scratch / "images/00000001_000.png", scratch / "images_001/images/00000001_000.png");
    std::filesystem::copy_file(scratch / "images/00000002_000.png", scratch / "images_001/images/00000002_000.png");
    std::filesystem::remove(scratch / "images/00000003_000.png");
    replace_in(scratch / "train_val_list.txt", "00000005_000.png\n", "\r\n");
    replace_in(scratch / "Data_Entry_2017.csv", "Finding Labels", "\"Finding Labels\"");
    const auto data = open_dataset("nih:" + scratch.path());
    CHECK(data->missing().size() == 1);
    CHECK(data->unlisted().size() == 1);
    CHECK(data->unlabelled().empty());
    std::map<std::string, std::string> files;
    for (Split split : kSplits) {
        for (const Sample& sample : data->samples(split)) files[sample.name] = sample.file;
    }
    CHECK(files.size() == 14);
    CHECK(files["00000001_000.png"] == scratch / "images_001/images/00000001_000.png");
    CHECK(files["00000002_000.png"] == scratch / "images/00000002_000.png");
}

TEST_CASE("nih: malformed tables are refused with file and line") {
    const auto refused = [](const std::string& from, const std::string& to, const std::string& want) {
        const TemporaryFolder scratch;
        write_nih(scratch.path(), 4);
        replace_in(scratch / "Data_Entry_2017.csv", from, to);
        const std::string message = message_of("nih:" + scratch.path());
        INFO(message);
        CHECK(message.find(want) != std::string::npos);
        CHECK_THROWS_AS(open_dataset("nih:" + scratch.path()), InputError);
    };
    refused("Effusion|Hernia", "Effusion|Hernias", "Data_Entry_2017.csv:3: unknown label 'Hernias'");
    refused("Effusion|Hernia", "Effusion|", ":3: unknown label ''");
    refused("Effusion|Hernia", "No Finding|Hernia", ":3: unknown label 'No Finding'");
    refused("Patient ID", "Patient", ":1: no column 'Patient ID'");
    refused("00000002_000.png,", "00000001_000.png,", ":4: 00000001_000.png has a row already");
    refused("00000002_000.png,No Finding,0,2,61,F,PA,2482,2991,0.143,0.143", "00000002_000.png,No Finding",
            ":4: 2 fields");
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 4);
    write_text(scratch / "Data_Entry_2017.csv", "");
    CHECK_THROWS_AS(open_dataset("nih:" + scratch.path()), InputError);
    write_bytes(scratch / "Data_Entry_2017.csv", noise_image(50, 50, 1, 1).pixels);
    CHECK_THROWS_AS(open_dataset("nih:" + scratch.path()), InputError);
    std::filesystem::remove(scratch / "Data_Entry_2017.csv");
    CHECK_THROWS_AS(open_dataset("nih:" + scratch.path()), InputError);
}

TEST_CASE("nih: a name in both lists, no image at all, no marker of a phantom set") {
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 4);
    CHECK_THROWS_AS(open_dataset("phantom:" + scratch.path()), InputError);
    write_text(scratch / "test_list.txt", "00000001_000.png\n");
    CHECK_THROWS_AS(open_dataset("nih:" + scratch.path()), InputError);
    std::filesystem::remove_all(scratch / "images");
    CHECK_THROWS_AS(open_dataset("nih:" + scratch.path()), InputError);
}

TEST_CASE("nih: a damaged image is named when it is loaded, not before") {
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 4);
    write_text(scratch / "images/00000004_000.png", "damaged");
    const auto data = open_dataset("nih:" + scratch.path());
    try {
        data->load(Split::test, 0);
        FAIL("loaded");
    } catch (const InputError& error) {
        CHECK(std::string(error.what()).find("00000004_000.png") != std::string::npos);
    }
}

TEST_CASE("folder: splits, classes in order, images of any name") {
    const TemporaryFolder scratch;
    const Bytes grey = encode_png(noise_image(6, 6, 1, 1)), rgb = encode_jpeg(noise_image(8, 8, 3, 2));
    write_bytes(scratch / "set/train/cat/a.PNG", grey);
    write_bytes(scratch / "set/train/ape/b.jpeg", rgb);
    write_bytes(scratch / "set/train/ape/c.png", grey);
    write_text(scratch / "set/train/ape/notes.txt", "no image");
    write_bytes(scratch / "set/valid/cat/d.bmp", encode_bmp(noise_image(6, 6, 3, 3)));
    write_bytes(scratch / "set/test/cat/e.Jpg", rgb);
    const auto data = open_dataset("folder:" + (scratch / "set"));
    CHECK(data->task() == Task::classes);
    CHECK(data->label_names() == std::vector<std::string>{"ape", "cat"});
    CHECK(data->channels() == 3);  // ape/b.jpeg comes first
    REQUIRE((data->size(Split::train) == 3 && data->size(Split::val) == 1 && data->size(Split::test) == 1));
    CHECK(data->samples(Split::train)[1].name == "ape/c.png");
    CHECK(data->samples(Split::test)[0].label == 1);
    CHECK(data->load(Split::train, 1).channels == 3);
    write_bytes(scratch / "set/test/dog/f.png", grey);
    CHECK_THROWS_AS(open_dataset("folder:" + (scratch / "set")), InputError);
}

TEST_CASE("folder: missing splits are made, the same every time") {
    const TemporaryFolder scratch;
    for (int i = 0; i < 50; ++i) {
        const std::string name = std::string(i % 2 == 0 ? "a/" : "b/") + std::to_string(i) + ".png";
        write_bytes(scratch / ("flat/" + name), encode_png(noise_image(4, 4, 1, 1)));
        write_bytes(scratch / ("split/train/" + name), encode_png(noise_image(4, 4, 1, 1)));
    }
    const auto flat = open_dataset("folder:" + (scratch / "flat")),
               again = open_dataset("folder:" + (scratch / "flat"));
    CHECK((flat->size(Split::test) == 10 && flat->size(Split::val) == 4 && flat->size(Split::train) == 36));
    CHECK(flat->channels() == 1);
    for (std::size_t i = 0; i < 4; ++i) CHECK(flat->samples(Split::val)[i].name == again->samples(Split::val)[i].name);
    const auto split = open_dataset("folder:" + (scratch / "split"));
    CHECK((split->size(Split::test) == 0 && split->size(Split::val) == 5 && split->size(Split::train) == 45));
    std::filesystem::create_directories(scratch / "none/a");
    CHECK_THROWS_AS(open_dataset("folder:" + (scratch / "none")), InputError);
}

TEST_CASE("cifar10: binary records and their sizes") {
    const TemporaryFolder scratch;
    Bytes record(3073);
    for (std::size_t i = 0; i < 3072; ++i) record[1 + i] = static_cast<std::uint8_t>(i / 1024 * 100 + i % 50);
    for (int b = 1; b <= 5; ++b) {
        Bytes batch;
        for (int i = 0; i < 4; ++i) {
            record[0] = static_cast<std::uint8_t>(b + i);
            batch.insert(batch.end(), record.begin(), record.end());
        }
        write_bytes(scratch / ("data_batch_" + std::to_string(b) + ".bin"), batch);
    }
    record[0] = 9;
    write_bytes(scratch / "test_batch.bin", record);
    const auto data = open_dataset("cifar10:" + scratch.path());
    CHECK((data->size(Split::train) == 14 && data->size(Split::val) == 6 && data->size(Split::test) == 1));
    CHECK(data->label_names()[9] == "truck");
    CHECK(data->samples(Split::test)[0].label == 9);
    const Image image = data->load(Split::test, 0);
    for (std::size_t p = 0; p < 1024; ++p) {
        for (std::size_t c = 0; c < 3; ++c) CHECK(image.pixels[3 * p + c] == record[1 + 1024 * c + p]);
    }
    record[0] = 10;
    write_bytes(scratch / "test_batch.bin", record);
    CHECK_THROWS_AS(open_dataset("cifar10:" + scratch.path()), InputError);
    record.pop_back();
    write_bytes(scratch / "test_batch.bin", record);
    CHECK_THROWS_AS(open_dataset("cifar10:" + scratch.path()), InputError);
    write_bytes(scratch / "test_batch.bin", {});
    CHECK_THROWS_AS(open_dataset("cifar10:" + scratch.path()), InputError);
    std::filesystem::remove(scratch / "test_batch.bin");
    CHECK_THROWS_AS(open_dataset("cifar10:" + scratch.path()), IoError);
}

TEST_CASE("cifar10: other versions are named, and their pickles not opened") {
    const TemporaryFolder scratch;
    write_text(scratch / "python/data_batch_1", "pickle");
    CHECK(message_of("cifar10:" + (scratch / "python")).find("pickles, which are never opened") != std::string::npos);
    write_text(scratch / "archive/cifar-10-batches-bin/data_batch_1.bin", "");
    CHECK(message_of("cifar10:" + (scratch / "archive")).find("name that folder") != std::string::npos);
    write_text(scratch / "hundred/train.bin", "");
    write_text(scratch / "hundred/test.bin", "");
    CHECK(message_of("cifar10:" + (scratch / "hundred")).find("CIFAR-100") != std::string::npos);
    CHECK(message_of("cifar10:" + (scratch / "hundred/train.bin")).find("is a file") != std::string::npos);
}

TEST_CASE("hold_out takes the fraction, does not depend on the order, and leaves both sides something") {
    std::vector<std::string> keys;
    for (int i = 0; i < 100; ++i) keys.push_back(std::to_string(i));
    const auto held = hold_out(keys, 0.1, 0);
    CHECK(std::ranges::count(held, true) == 10);
    std::vector<std::string> backwards(keys.rbegin(), keys.rend());
    const auto reversed = hold_out(backwards, 0.1, 0);
    CHECK(std::equal(held.begin(), held.end(), reversed.rbegin()));
    CHECK(std::ranges::count(hold_out({"a"}, 0.1, 0), true) == 0);
    CHECK(std::ranges::count(hold_out({"a", "b"}, 0.01, 0), true) == 1);
    CHECK(std::ranges::count(hold_out({"a", "b"}, 0.99, 0), true) == 1);
    CHECK(std::ranges::count(hold_out(keys, 0.0, 0), true) == 0);
}

TEST_CASE("Real data: the NIH sample and PneumoniaMNIST") {
    const std::string root = shared_data();
    if (root.empty()) return;
    const auto nih = open_dataset("nih:" + root + "/nih-sample");
    CHECK(nih->size(Split::train) + nih->size(Split::val) == 496);
    CHECK(nih->size(Split::test) == 125);
    CHECK((nih->missing().empty() && nih->unlisted().empty()));
    check_disjoint(*nih);
    const Image image = nih->load(Split::test, 0);
    CHECK((image.width == 256 && image.height == 256 && image.channels == 1));
    const auto pneumonia = open_dataset("medmnist:" + root + "/pneumoniamnist/pneumoniamnist.npz");
    CHECK((pneumonia->size(Split::train) == 4708 && pneumonia->size(Split::val) == 524 &&
           pneumonia->size(Split::test) == 624));
    CHECK(pneumonia->label_names().size() == 2);
    CHECK(pneumonia->load(Split::test, 623).width == 28);
}
