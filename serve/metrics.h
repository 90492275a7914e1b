// Counts and times of a server, in the text form of Prometheus
// (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::serve {

/// Names and values of labels. Values are few: names of models, never what a client sends.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
public:
    /// Adds to a counter, or sets a gauge. The name is one of those that text() knows.
    void add(std::string_view name, const MetricLabels& labels = {}, double value = 1);
    void set(std::string_view name, const MetricLabels& labels, double value);
    /// Puts a value into a histogram.
    void observe(std::string_view name, const MetricLabels& labels, double value);

    /// Returns all that was counted, with help and type of each.
    std::string text() const;

private:
    struct Histogram {
        std::vector<std::uint64_t> counts{};  ///< of values up to each bound, and of the rest
        double sum = 0;
    };

    mutable std::mutex mutex_;                                                  // guards:
    std::map<std::string, std::map<std::string, double>, std::less<>> values_;  ///< by name and labels' text
    std::map<std::string, std::map<std::string, Histogram>, std::less<>> histograms_;
};

/// Returns bytes of memory that the process holds; 0 where the system does not tell.
double resident_bytes();

}  // namespace keel::serve
