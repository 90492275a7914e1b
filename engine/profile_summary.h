// What a recording of spans (kernels/profile.h) says: time, operations and traffic by kind of work and by layer; and
// the recording as a trace for a viewer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/profile.h"

namespace keel::profile {

/// Seconds are those of the spans themselves, without the spans inside them, so that totals add up to the time
/// recorded.
struct Totals {
    std::int64_t calls = 0;
    double seconds = 0;
    Cost cost;
};

struct KindTotals {
    std::string kind;
    Totals totals;
};

struct LayerTotals {
    std::string layer;  ///< dotted; empty: outside of all layers
    Totals forward, backward;
};

struct Summary {
    double seconds = 0;               ///< of all spans
    std::vector<KindTotals> kinds;    ///< longest first
    std::vector<LayerTotals> layers;  ///< in the order in which they first began
};

/// A span of the thread that started the recording, with its seconds without those of the spans inside it.
struct OwnRecord {
    const Record* record;  ///< of the recording
    double seconds;
};

/// Returns them in the order in which they began.
std::vector<OwnRecord> own_records(const Recording& recording);

/// Sums up the thread that started the recording; the others work beside it, so their time does not add to its.
Summary summarize(const Recording& recording);

/// Chrome's trace format (JSON), for chrome://tracing or Perfetto: one track a thread, an event a span, with its layer,
/// pass and rates; times are from the start of the recording.
std::string chrome_trace(const Recording& recording);
/// Joins the traces of several processes that began to record together: one trace with a process for each, by number.
std::string joined_traces(const std::vector<std::string>& traces);

}  // namespace keel::profile
