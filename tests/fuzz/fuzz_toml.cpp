// Configuration files of keel train. What is accepted is written and read again as the same.
#include <string_view>

#include "tests/fuzz/target.h"
#include "train/config_file.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::accept_or_refuse<UsageError>([&] {
        TrainConfig config;
        apply_toml(config, {reinterpret_cast<const char*>(data), size}, "input");
        TrainConfig again;
        apply_toml(again, to_toml(config), "written");
        fuzz::require(to_toml(config) == to_toml(again), "another configuration came back");
        check_train_config(config);
    });
    return 0;
}
