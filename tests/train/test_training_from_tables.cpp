// Training from a table with uncertain labels and weights, and from a pack of it.
#include <string>
#include <vector>

#include "data/sources/pack.h"
#include "tests/data/table_sets.h"
#include "tests/support/catch.h"
#include "tests/train/small_training.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;

namespace {

/// Twelve images with two labels, some uncertain, some blank, with weights.
std::string write_set(const TemporaryFolder& folder) {
    std::string table = "path,split,patient,sample_weight,Mass,Edema\n";
    std::vector<std::string> names;
    for (int i = 0; i < 12; ++i) {
        names.push_back("i" + std::to_string(i) + ".png");
        const char* const mass[] = {"1", "0", "-1"};
        const char* const edema[] = {"0", "1", "", "-1"};
        table += names.back() + (i < 8 ? ",train," : ",val,") + std::to_string(i) + (i % 2 == 0 ? ",1," : ",3,") +
                 mass[i % 3] + "," + edema[i % 4] + "\n";
    }
    write_images(folder, names);
    write_text(folder / "t.csv", table);
    return "csv:" + (folder / "t.csv");
}

/// The best checkpoint's bytes of a run of one epoch.
std::string trained(const std::string& data, const std::string& out, const std::string& uncertain) {
    TrainConfig config = small_config(out);
    config.data = data;
    config.epochs = 1;
    config.image_size = 32;
    config.uncertain = uncertain;
    TrainObserver observer;
    return read_text(Trainer(config, observer).run().best);
}

std::string weights_in(const std::string& checkpoint) {
    const std::size_t header = 8 + static_cast<std::size_t>(static_cast<unsigned char>(checkpoint[0])) +
                               (static_cast<std::size_t>(static_cast<unsigned char>(checkpoint[1])) << 8) +
                               (static_cast<std::size_t>(static_cast<unsigned char>(checkpoint[2])) << 16);
    return checkpoint.substr(header);
}

}  // namespace

TEST_CASE("A pack of a set with smoothed labels and weights trains to the same weights", "[trainer][slow]") {
    const TemporaryFolder folder;
    const std::string spec = write_set(folder), rule = "smooth:0.55-0.85";
    const std::string smooth = weights_in(trained(spec, folder / "smooth", rule));
    write_pack(*open_dataset(spec, with({{&DatasetOptions::uncertain, rule}})),
               {.directory = folder / "pack", .split = {}, .size = 0, .on_bad_image = {}, .on_progress = {}});
    CHECK(weights_in(trained("pack:" + (folder / "pack"), folder / "packed", "ignore")) == smooth);
    CHECK(weights_in(trained(spec, folder / "ones", "ones")) != smooth);
    CHECK(weights_in(trained(spec, folder / "ignored", "ignore")) != smooth);
}
