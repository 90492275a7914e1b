// Makes candidates' models and measures them; what was made and measured before is taken from records.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "embed/loaded_model.h"
#include "tune/fit/accuracy.h"
#include "tune/fit/records.h"
#include "tune/fit/run_search.h"
#include "tune/fit/workshop_options.h"

namespace keel::fit {

class Workshop final : public Measuring {
public:
    /// `model` is the checkpoint's, `dataset` has its labels; both must outlive this object, as `records`.
    Workshop(const WorkshopOptions& options, const LoadedGraph& model, const Dataset& dataset, Records& records);

    Figures measure(const Candidate& candidate) override;
    Speed probe(const Body& body, Form form) override;

    /// Returns the file of a candidate that was measured.
    std::filesystem::path file_of(const Candidate& candidate) const;
    /// Returns the accuracy of a candidate that was measured on another split, beside the checkpoint's there. Throws
    /// InputError where there is nothing to compare by.
    Accuracy accuracy_on(Split split, const Candidate& candidate, const Candidate& checkpoint);

private:
    /// Makes the file of a body in f32, or of a candidate, unless it is there as the records have it.
    std::filesystem::path make(const Body& body);
    std::filesystem::path make(const Candidate& candidate);
    std::filesystem::path make_start(const Body& body);
    void quantize_to(const std::filesystem::path& file, const Candidate& candidate);
    void train_to(const std::filesystem::path& file, const Body& body, const std::string& key);
    /// Has `write` write a file, and records it, where the records do not have it already.
    std::filesystem::path made(const std::string& name, const std::string& depends_on,
                               const std::function<void(const std::filesystem::path&, const std::string& key)>& write);

    Predictions predict(const std::filesystem::path& file, Form form, Split split);
    Accuracy accuracy_of(const std::filesystem::path& file, const Candidate& candidate);
    Speed speed_of(const std::filesystem::path& file, const std::string& name, Form form, Quantizing quantizing);
    const std::string& hash_of_file(const std::filesystem::path& file);
    std::string data_key(Split split);
    Split calibration_split() const;
    void say(const std::string& text) const;

    WorkshopOptions o_;
    const LoadedGraph& model_;
    const Dataset& dataset_;
    Records& records_;
    std::string origin_;  // hash of the checkpoint
    Body own_;
    std::optional<Yardstick> yardstick_;
    std::map<std::string, std::string> hashes_, failures_, data_keys_;
};

/// Returns the checkpoint's model as a body; of a name that is no name of a file letters are replaced.
Body own_body(const ModelSpec& spec);

/// Returns the XXH3-64 of a file's bytes, 16 hex digits. Throws IoError or InputError.
std::string hash_of_bytes(const std::filesystem::path& file);

/// Writes the model of a checkpoint, a graph or modules, for images of another side, without what training needs of the
/// file. Thresholds are left out where the side is another. Throws UsageError for a side that the model does not take.
void write_for_size(const std::filesystem::path& file, const std::filesystem::path& checkpoint,
                    std::int64_t image_size);

}  // namespace keel::fit
