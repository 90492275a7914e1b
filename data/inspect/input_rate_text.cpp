#include "data/inspect/input_rate_text.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/text.h"

namespace keel {
namespace {

double mb_per_second(std::int64_t bytes, const InputRate& rate) {
    return 1e-6 * static_cast<double>(bytes) / rate.seconds;
}

std::string note(const std::string& name, const InputRate& rate, bool cold) {
    if (!cold || rate.from_storage()) return "";
    if (rate.in_memory) return fmt::format("{}: held in memory, there is no cache to empty\n", name);
    return fmt::format(
        "{}: emptying the cache had no effect, the system says that {:.1f} of {:.1f} MB/s came from storage\n", name,
        mb_per_second(rate.storage_bytes, rate), mb_per_second(rate.read_bytes, rate));
}

Json to_json(const std::string& name, const InputRate& measured, bool cold, double rate) {
    Json json{{"data", name},
              {"images", measured.images},
              {"bad_images", measured.bad},
              {"images_per_second", 1 / measured.seconds},
              {"mb_per_second", mb_per_second(measured.read_bytes, measured)},
              {"storage_mb_per_second", mb_per_second(measured.storage_bytes, measured)},
              {"cpu_ms_per_image", 1e3 * measured.cpu_seconds},
              {"core_share", measured.cpu_seconds * rate}};
    if (cold) json["cache_emptied"] = measured.from_storage();
    return json;
}

}  // namespace

Json input_rate_json(std::span<const std::string> names, std::span<const InputRate> rates, const InputMeasurement& what,
                     double rate) {
    Json results = Json::array();
    for (std::size_t i = 0; i < rates.size(); ++i) results.push_back(to_json(names[i], rates[i], what.cold, rate));
    const LoaderOptions& loader = what.loader;
    return {{"image_size", loader.transform.image_size},
            {"batch", loader.batch_size},
            {"workers", loader.workers},
            {"cold", what.cold},
            {"rounds", what.rounds},
            {"rate", rate},
            {"results", std::move(results)}};
}

std::string input_rate_text(std::span<const std::string> names, std::span<const InputRate> rates,
                            const InputMeasurement& what, double rate) {
    std::vector<std::vector<std::string>> rows{
        {"data", "img/s", "MB/s read", "from storage", "ms of a core", fmt::format("core at {} img/s", rate)}};
    std::string notes;
    for (std::size_t i = 0; i < rates.size(); ++i) {
        const InputRate& r = rates[i];
        rows.push_back(
            {names[i], fmt::format("{:.1f}", 1 / r.seconds), fmt::format("{:.1f}", mb_per_second(r.read_bytes, r)),
             fmt::format("{:.1f}", mb_per_second(r.storage_bytes, r)), fmt::format("{:.2f}", 1e3 * r.cpu_seconds),
             fmt::format("{:.1f} %", 100 * r.cpu_seconds * rate)});
        notes += note(names[i], r, what.cold);
    }
    const LoaderOptions& loader = what.loader;
    return format_table(rows) +
           fmt::format("medians of {} round{} of {} images at {} x {} with {} workers{}\n", what.rounds,
                       what.rounds == 1 ? "" : "s, in turn,", rates.front().images, loader.transform.image_size,
                       loader.transform.image_size, loader.workers,
                       what.cold ? ", cache emptied before each epoch" : "") +
           notes;
}

}  // namespace keel
