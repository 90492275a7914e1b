// Options as the command line gives them: a KEY=VALUE a line.
#include <algorithm>
#include <string>

#include "tests/fuzz/target.h"
#include "train/config_file.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    TrainConfig config;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        begin = end + 1;
        const std::size_t equals = line.find('=');
        if (equals == std::string::npos) continue;
        fuzz::accept_or_refuse<UsageError>(
            [&] { apply_text(config, line.substr(0, equals), line.substr(equals + 1), "--set"); });
    }
    fuzz::accept_or_refuse<UsageError>([&] { check_train_config(config); });
    return 0;
}
