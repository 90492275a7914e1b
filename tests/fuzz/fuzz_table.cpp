// Tables of any form, beside images that they may name: as csv: reads them, and as the tables of the published sets.
#include <iterator>
#include <string>

#include "data/dataset.h"
#include "tests/fuzz/target.h"
#include "tests/support/temporary_folder.h"

using namespace keel;

namespace {

/// Where a source looks for its tables: the input takes the place of each of them.
struct Place {
    const char* scheme;
    const char* files[3];
};
constexpr Place kPlaces[] = {
    {"csv", {"table.csv"}},
    {"chexpert", {"train.csv", "valid.csv"}},
    {"mimic", {"mimic-cxr-2.0.0-chexpert.csv", "mimic-cxr-2.0.0-split.csv", "mimic-cxr-2.0.0-metadata.csv"}},
    {"padchest", {"PADCHEST_labels.csv"}},
    {"vindr", {"image_labels_train.csv", "annotations_test.csv"}},
    {"vindr", {"train.csv"}},
    {"rsna", {"stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"}},
};

/// A folder for each of kPlaces, with two images.
const std::string* folders() {
    static const test::TemporaryFolder root;
    static const auto made = [] {
        static std::string paths[std::size(kPlaces)];
        for (std::size_t i = 0; i < std::size(kPlaces); ++i) {
            paths[i] = root / std::to_string(i);
            test::write_text(paths[i] + "/a.png", "only its name counts");
            test::write_text(paths[i] + "/b.png", "");
        }
        return paths;
    }();
    return made;
}

void check(const Dataset& dataset) {
    for (const Split split : kSplits)
        for (const Sample& sample : dataset.samples(split)) {
            fuzz::require(!sample.name.empty() && !sample.file.empty(), "a sample without name or file");
            fuzz::require(sample.weight >= 0, "a weight below 0");
            fuzz::require(sample.soft.empty() || sample.soft.size() == dataset.label_names().size(), "other targets");
        }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    for (std::size_t i = 0; i < std::size(kPlaces); ++i) {
        const std::string& folder = folders()[i];
        for (const char* file : kPlaces[i].files)
            if (file != nullptr) test::write_text(folder + "/" + file, bytes);
        const std::string path = i == 0 ? folder + "/table.csv" : folder;
        DatasetOptions options;
        options.uncertain = "smooth:0.25-0.75";
        fuzz::accept_or_refuse<Error>([&] { check(*open_dataset(kPlaces[i].scheme + (":" + path), options)); });
    }
    return 0;
}
