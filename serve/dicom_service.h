// The DICOM node of a server: keel serve --dicom.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "serve/dicom_scorer.h"
#include "serve/metrics.h"
#include "serve/serve_options.h"

namespace keel::serve {

class DicomService {
public:
    using Say = std::function<void(const std::string& line)>;
    /// Starts the node of options.dicom. Models, batcher and metrics are to live longer. Throws UsageError for options
    /// that are none, and what Node throws.
    DicomService(const ServeOptions& options, const ModelTable& models, Batcher& batcher, Metrics& metrics, Say say,
                 Say warn);
    ~DicomService();

    /// "KEEL@127.0.0.1:11112"
    std::string address() const;
    /// Takes no more, and gives what is under way drain_seconds.
    void stop();

private:
    void show_counts();

    Metrics& metrics_;
    double grace_;
    DicomScorer scorer_;
    std::mutex mutex_;  // guards:
    bool started_ = false;
    std::unique_ptr<dicom_node::Node> node_;
    dicom_node::NodeAddress own_;
};

}  // namespace keel::serve
