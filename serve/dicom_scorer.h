// The models of a server as a DICOM node asks them: its images are scored in batches with those of other requests.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "serve/batcher.h"
#include "serve/dicom/node.h"
#include "serve/model_table.h"

namespace keel::serve {

class DicomScorer {
public:
    /// `model`: the name of one of the table's, which answers in its newest version; empty: the only one there is.
    /// `heatmaps`: whether they are wanted, where a model has any. Table and batcher are to live as long as this.
    /// Throws UsageError for a name that is none, and where an empty one leaves a choice.
    DicomScorer(const ModelTable& table, Batcher& batcher, const std::string& model, bool heatmaps);

    /// What the node asks; it is to live no longer than this.
    dicom_node::NodeScorer scorer();
    /// Whether the model that answers now has heatmaps.
    bool explains() const { return model()->explains(); }

private:
    std::shared_ptr<const ServedModel> model() const;
    std::string identity(const ServedModel& model);
    std::optional<dicom_node::Findings> score(dicom::Bytes file, const std::string& name);

    const ModelTable& table_;
    Batcher& batcher_;
    std::string name_;
    bool heatmaps_;
    std::mutex mutex_;  // guards:
    std::shared_ptr<const ServedModel> known_;
    std::string identity_;
};

}  // namespace keel::serve
