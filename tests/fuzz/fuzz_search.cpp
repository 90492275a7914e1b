// Files of searches of keel tune. Lines that are objects get their hashes here, which nobody comes upon by chance.
#include <string_view>

#include "engine/json.h"
#include "tests/fuzz/target.h"
#include "tune/results.h"
#include "tune/search_line.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string text;
    for (std::string_view rest(reinterpret_cast<const char*>(data), size); !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        const bool object = line.starts_with("{\"") && line.ends_with("}");
        text += object ? tune::hashed_line(line) : std::string(line) + "\n";
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    fuzz::accept_or_refuse<InputError>([&] {
        const tune::SearchFacts facts = tune::read_facts(text, "input");
        fuzz::require(tune::trial_rows(facts).size() == facts.points.size(), "a trial without its row");
        fuzz::require(!tune::search_page(facts, "input", true).empty(), "no page");
        tune::trials_csv(facts);
        tune::trials_jsonl(facts);
    });
    return 0;
}
