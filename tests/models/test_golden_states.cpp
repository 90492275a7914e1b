// Parameters and buffers of every model bear torchvision's names and dims (golden/states.json, made by make_golden.py).
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "engine/json.h"
#include "models/registry.h"
#include "tests/models/golden/draws.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;

TEST_CASE("every model has torchvision's state", "[golden]") {
    const auto states = keel::parse_json(keel::test::read_text(KEEL_SOURCE_DIR "/tests/models/golden/states.json"));
    REQUIRE(states.size() == model_registry().size());
    for (const ModelEntry& entry : model_registry()) {
        INFO(entry.name);
        REQUIRE(states.contains(entry.name));
        const auto& wanted = states[entry.name];
        std::vector<std::string> lines;
        std::int64_t values = 0;
        for (const NamedTensor& each : make_blank_model(entry.name, {})->state()) {
            lines.push_back(each.name + each.tensor.dims().text() + "\n");
            values += each.tensor.elements();
        }
        std::sort(lines.begin(), lines.end());
        std::string text;
        for (const std::string& line : lines) text += line;
        char hash[17];
        std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(golden::fnv1a(text)));
        INFO(text);
        CHECK(lines.size() == wanted["tensors"].get<std::size_t>());
        CHECK(values == wanted["values"].get<std::int64_t>());
        CHECK(hash == wanted["fnv1a"].get<std::string>());
    }
}
