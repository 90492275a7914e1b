#include "serve/metrics.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "engine/files.h"
#include "kernels/error.h"

namespace keel::serve {
namespace {

enum class Kind { counter, gauge, seconds, images };

struct Family {
    std::string_view name;
    Kind kind;
    std::string_view help;
};

constexpr std::array kFamilies{
    Family{"keel_requests_total", Kind::counter, "Requests to infer that were answered, by status."},
    Family{"keel_failures_total", Kind::counter, "Requests to infer without an answer, by reason."},
    Family{"keel_rejected_total", Kind::counter, "Requests to infer that were not taken, by reason."},
    Family{"keel_images_total", Kind::counter, "Images that were scored."},
    Family{"keel_request_seconds", Kind::seconds, "From a request's fields until its answer was there."},
    Family{"keel_queue_seconds", Kind::seconds, "For which requests waited for their first batch."},
    Family{"keel_compute_seconds", Kind::seconds, "Of computing a batch."},
    Family{"keel_batch_images", Kind::images, "Images that were computed at once."},
    Family{"keel_http_answers_total", Kind::counter, "Answers over HTTP, by status."},
    Family{"keel_http_unfinished_total", Kind::counter, "Answers that the client did not take, or broken requests."},
    Family{"keel_reloads_total", Kind::counter, "Models that were loaded while the server ran, by result."},
    Family{"keel_queue_images", Kind::gauge, "Images that wait now."},
    Family{"keel_connections", Kind::gauge, "Connections over HTTP that are open now."},
    Family{"keel_model_info", Kind::gauge, "1 for each model that is served."},
    Family{"keel_dicom_images_total", Kind::counter, "Images that the DICOM node took, repeated ones as well."},
    Family{"keel_dicom_repeated_total", Kind::counter, "Of these, those that it knew."},
    Family{"keel_dicom_refused_total", Kind::counter, "Objects that the DICOM node refused."},
    Family{"keel_dicom_answers_total", Kind::counter, "Answers that the DICOM node's peer took."},
    Family{"keel_dicom_failed_total", Kind::counter, "Images and answers that are kept in failed/."},
    Family{"keel_dicom_waiting", Kind::gauge, "What waits in the DICOM node's queue, by kind."},
    Family{"process_resident_memory_bytes", Kind::gauge, "Memory that the process holds."},
    Family{"process_start_time_seconds", Kind::gauge, "Start of the server, seconds since 1970."},
};

constexpr std::array kSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};
constexpr std::array kImages{1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0};

const Family& family(std::string_view name) {
    const auto found = std::ranges::find(kFamilies, name, &Family::name);
    if (found == kFamilies.end()) throw UsageError("[serve] there is no metric " + std::string(name));
    return *found;
}

std::vector<double> bounds_of(Kind kind) {
    return kind == Kind::images ? std::vector(kImages.begin(), kImages.end())
                                : std::vector(kSeconds.begin(), kSeconds.end());
}

std::string escaped(const std::string& value) {
    std::string text;
    for (const char c : value) {
        if (c == '\\' || c == '"') text += '\\';
        if (c == '\n')
            text += "\\n";
        else
            text += c;
    }
    return text;
}

/// name="value",name="value"
std::string labels_text(const MetricLabels& labels) {
    std::string text;
    for (const auto& [name, value] : labels)
        text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", name, escaped(value));
    return text;
}

std::string line(std::string_view name, const std::string& labels, double value) {
    return labels.empty() ? fmt::format("{} {}\n", name, value) : fmt::format("{}{{{}}} {}\n", name, labels, value);
}

}  // namespace

void Metrics::add(std::string_view name, const MetricLabels& labels, double value) {
    const std::string key = labels_text(labels);
    const std::lock_guard lock(mutex_);
    values_[std::string(family(name).name)][key] += value;
}

void Metrics::set(std::string_view name, const MetricLabels& labels, double value) {
    const std::string key = labels_text(labels);
    const std::lock_guard lock(mutex_);
    values_[std::string(family(name).name)][key] = value;
}

void Metrics::observe(std::string_view name, const MetricLabels& labels, double value) {
    const std::string key = labels_text(labels);
    const std::vector<double> bounds = bounds_of(family(name).kind);
    const auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(bounds, value) - bounds.begin());
    const std::lock_guard lock(mutex_);
    Histogram& histogram = histograms_[std::string(name)][key];
    histogram.counts.resize(bounds.size() + 1);
    ++histogram.counts[bucket];
    histogram.sum += value;
}

std::string Metrics::text() const {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const Family& one : kFamilies) {
        const bool histogram = one.kind == Kind::seconds || one.kind == Kind::images;
        const auto values = values_.find(one.name);
        const auto histograms = histograms_.find(one.name);
        if (values == values_.end() && histograms == histograms_.end()) continue;
        text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", one.name, one.help, one.name,
                            histogram                   ? "histogram"
                            : one.kind == Kind::counter ? "counter"
                                                        : "gauge");
        if (!histogram) {
            for (const auto& [labels, value] : values->second) text += line(one.name, labels, value);
            continue;
        }
        const std::vector<double> bounds = bounds_of(one.kind);
        for (const auto& [labels, of_labels] : histograms->second) {
            const std::string comma = labels.empty() ? "" : ",";
            std::uint64_t sum = 0;
            for (std::size_t i = 0; i < of_labels.counts.size(); ++i) {
                sum += of_labels.counts[i];
                const std::string bound = i < bounds.size() ? fmt::format("{}", bounds[i]) : "+Inf";
                text += line(fmt::format("{}_bucket", one.name), fmt::format("{}{}le=\"{}\"", labels, comma, bound),
                             static_cast<double>(sum));
            }
            text += line(fmt::format("{}_sum", one.name), labels, of_labels.sum);
            text += line(fmt::format("{}_count", one.name), labels, static_cast<double>(sum));
        }
    }
    return text;
}

double resident_bytes() {
    try {
        std::istringstream words(read_file("/proc/self/statm", 4096));
        double all = 0, resident = 0;
        if (words >> all >> resident) return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
    } catch (const Error&) {
    }
    return 0;
}

}  // namespace keel::serve
