#include "tune/fit/records.h"

#include <cmath>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "engine/files.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel::fit {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 26;

double number_in(const Json& json, const char* key) {
    const auto found = json.find(key);
    const double value = found != json.end() && found->is_number() ? found->get<double>() : std::nan("");
    if (!std::isfinite(value)) throw InputError(fmt::format("wanted a number as {}", key));
    return value;
}

Json interval_json(const std::optional<Interval>& interval) {
    return interval ? Json{interval->low, interval->high} : Json(nullptr);
}

std::optional<Interval> interval_in(const Json& json, const char* key) {
    const auto found = json.find(key);
    if (found == json.end() || found->is_null()) return std::nullopt;
    if (!found->is_array() || found->size() != 2 || !(*found)[0].is_number() || !(*found)[1].is_number())
        throw InputError(fmt::format("wanted two numbers as {}", key));
    return Interval{(*found)[0].get<double>(), (*found)[1].get<double>()};
}

/// The numbers of a speed by their keys.
constexpr std::pair<const char*, double Speed::*> kSpeed[] = {
    {"images_per_second", &Speed::images_per_second},
    {"images_per_second_low", &Speed::rate_low},
    {"images_per_second_high", &Speed::rate_high},
    {"latency_ms", &Speed::latency_ms},
    {"latency_ms_low", &Speed::latency_low},
    {"latency_ms_high", &Speed::latency_high},
    {"memory_mb", &Speed::memory_mb},
};

bool is_record(const Json& json) {
    const auto text = [&](const char* key) { return json.contains(key) && json[key].is_string(); };
    return json.is_object() && text("kind") && text("key") && text("name");
}

}  // namespace

Records::Records(std::filesystem::path path) : file_(std::move(path)) {
    if (!is_there(file_.path())) return;
    const std::string text = read_file(file_.path(), kMostBytes);
    std::size_t number = 0, at = 0;
    for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
        ++number;
        const std::string_view line = std::string_view(text).substr(at, end - at);
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        const Json record = try_parse_json(line);
        if (!is_record(record))
            throw InputError(fmt::format("[fit] {}:{} is no record of a measurement ({}); --resume never begins anew",
                                         file_.path().string(), number, excerpt(line)));
        records_[{record["kind"].get<std::string>(), record["key"].get<std::string>()}] = record;
    }
    if (at == text.size()) return;
    dropped_ = fmt::format("{} ended in half a line, as a process leaves it that is killed: it is cut off",
                           file_.path().string());
    write_file_atomically(file_.path(), std::string_view(text).substr(0, at));
}

Json Records::find(const std::string& kind, const std::string& key) const {
    const auto found = records_.find({kind, key});
    return found == records_.end() ? Json(nullptr) : found->second;
}

void Records::add(const std::string& kind, const std::string& key, const std::string& name, Json contents) {
    Json record{{"kind", kind}, {"key", key}, {"name", name}};
    record.update(contents);
    file_.add(valid_json_text(record) + "\n");
    file_.flush();
    records_[{kind, key}] = std::move(record);
}

Json to_json(const Speed& speed) {
    Json json = Json::object();
    for (const auto& [key, member] : kSpeed) json[key] = speed.*member;
    return json;
}

Speed speed_from(const Json& json) {
    Speed speed;
    for (const auto& [key, member] : kSpeed) speed.*member = number_in(json, key);
    return speed;
}

Json to_json(const Accuracy& accuracy) {
    return {{"metric", accuracy.metric},
            {"interval", interval_json(accuracy.interval)},
            {"drop", accuracy.drop},
            {"drop_interval", interval_json(accuracy.drop_interval)}};
}

Accuracy accuracy_from(const Json& json) {
    return {number_in(json, "metric"), interval_in(json, "interval"), number_in(json, "drop"),
            interval_in(json, "drop_interval")};
}

}  // namespace keel::fit
