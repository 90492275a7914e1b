#include "engine/profile_summary.h"

#include <algorithm>
#include <map>
#include <set>
#include "engine/json.h"

namespace keel::profile {
namespace {

/// The records of a thread, outer ones before those inside them. Within a thread an inner span is recorded first.
std::vector<const Record*> outer_first(const Recording& recording, int thread) {
    std::vector<const Record*> records;
    for (auto record = recording.records.rbegin(); record != recording.records.rend(); ++record)
        if (record->thread == thread) records.push_back(&*record);
    std::ranges::stable_sort(records, [](const Record* a, const Record* b) {
        return a->begin_ns != b->begin_ns ? a->begin_ns < b->begin_ns : a->end_ns > b->end_ns;
    });
    return records;
}

/// Nanoseconds of each record without the records inside it.
std::vector<std::int64_t> own_times(const std::vector<const Record*>& records) {
    std::vector<std::int64_t> own(records.size());
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < records.size(); ++i) {
        while (!open.empty() && records[open.back()]->end_ns <= records[i]->begin_ns) open.pop_back();
        own[i] = records[i]->end_ns - records[i]->begin_ns;
        if (!open.empty()) own[open.back()] -= own[i];
        open.push_back(i);
    }
    return own;
}

void add(Totals& totals, const Record& record, double seconds) {
    ++totals.calls;
    totals.seconds += seconds;
    totals.cost.flops += record.cost.flops;
    totals.cost.bytes += record.cost.bytes;
}

const std::string& layer_of(const Recording& recording, const Record& record) {
    return recording.layers.at(static_cast<std::size_t>(record.place.layer));
}

Json event(const Recording& recording, const Record& record) {
    const std::string& layer = layer_of(recording, record);
    const bool named_by_layer = std::string_view(record.kind) == kEngine && !layer.empty();
    const auto microseconds = [](std::int64_t ns) { return 1e-3 * static_cast<double>(ns); };
    Json result{{"name", named_by_layer ? layer : record.kind},
                {"cat", record.place.pass == Pass::backward ? "backward" : "forward"},
                {"ph", "X"},
                {"pid", 1},
                {"tid", record.thread},
                {"ts", microseconds(record.begin_ns - recording.begin_ns)},
                {"dur", microseconds(record.end_ns - record.begin_ns)}};
    auto& details = result["args"] = {{"layer", layer}};
    const auto ns = static_cast<double>(std::max<std::int64_t>(record.end_ns - record.begin_ns, 1));
    if (record.cost.flops > 0) details["GFLOP/s"] = record.cost.flops / ns;
    if (record.cost.bytes > 0) details["GB/s"] = record.cost.bytes / ns;
    if (record.cost.conv) {
        const kernels::Conv2dGeometry& g = record.cost.conv->geometry;
        details["convolution"] = {{"n", g.n},
                                  {"ic", g.ic},
                                  {"ih", g.ih},
                                  {"iw", g.iw},
                                  {"oc", g.oc},
                                  {"kh", g.kh},
                                  {"kw", g.kw},
                                  {"stride", g.stride_h},
                                  {"pad", g.pad_h},
                                  {"groups", g.groups},
                                  {"epilogue", record.cost.conv->sinks}};
    }
    return result;
}

}  // namespace

std::vector<OwnRecord> own_records(const Recording& recording) {
    const std::vector<const Record*> records = outer_first(recording, 0);
    const std::vector<std::int64_t> own = own_times(records);
    std::vector<OwnRecord> result;
    for (std::size_t i = 0; i < records.size(); ++i) result.push_back({records[i], 1e-9 * static_cast<double>(own[i])});
    return result;
}

Summary summarize(const Recording& recording) {
    Summary summary;
    std::map<std::string_view, Totals> kinds;
    std::map<int, std::size_t> rows;  // of layers
    for (const auto& [record, seconds] : own_records(recording)) {
        summary.seconds += seconds;
        add(kinds[record->kind], *record, seconds);
        const auto [row, added] = rows.try_emplace(record->place.layer, summary.layers.size());
        if (added) summary.layers.push_back({layer_of(recording, *record), {}, {}});
        LayerTotals& layer = summary.layers[row->second];
        add(record->place.pass == Pass::backward ? layer.backward : layer.forward, *record, seconds);
    }
    for (const auto& [kind, totals] : kinds) summary.kinds.push_back({std::string(kind), totals});
    std::ranges::stable_sort(summary.kinds, std::ranges::greater{},
                             [](const KindTotals& k) { return k.totals.seconds; });
    return summary;
}

std::string chrome_trace(const Recording& recording) {
    std::set<int> threads;
    for (const Record& record : recording.records) threads.insert(record.thread);
    auto events = Json::array();
    for (const int thread : threads)
        events.push_back({{"name", "thread_name"},
                          {"ph", "M"},
                          {"pid", 1},
                          {"tid", thread},
                          {"args", {{"name", thread == 0 ? "main" : "thread " + std::to_string(thread)}}}});
    for (const Record& record : recording.records) events.push_back(event(recording, record));
    return json_text({{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}}) + "\n";
}

std::string joined_traces(const std::vector<std::string>& traces) {
    auto events = Json::array();
    for (std::size_t rank = 0; rank < traces.size(); ++rank) {
        events.push_back({{"name", "process_name"},
                          {"ph", "M"},
                          {"pid", rank},
                          {"args", {{"name", "rank " + std::to_string(rank)}}}});
        Json trace = parse_json(traces[rank]);
        for (auto& entry : trace["traceEvents"]) {
            entry["pid"] = rank;
            events.push_back(std::move(entry));
        }
    }
    return json_text({{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}}) + "\n";
}

}  // namespace keel::profile
