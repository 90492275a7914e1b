// The models that a server answers with: several, each in several versions, which are replaced while requests run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "serve/served_model.h"

namespace keel::serve {

/// Returns what a word of the command line names: NAME[:VERSION]=FILE[,FILE...], FILE[,FILE...] or a folder in place of
/// the files; without a name it is the first file's without its extension. Throws UsageError for a name or a version
/// that is none (check_model_name()).
ModelSource parse_model(const std::string& word);
/// Throws UsageError unless a name consists of letters, digits, '.', '_' and '-', 1 to 100 of them, and does not begin
/// with a '.': it is a part of URLs, of metrics and of log lines. `what`: of the message.
void check_model_name(const std::string& name, const std::string& what);

/// Returns what the operator named with each folder as the files that it holds now: its versions, each called by its
/// file's name without the extension. Throws UsageError where two have the same name
/// and version, InputError for a folder without a model, IoError for one that cannot be read.
std::vector<ModelSource> sources_of(const std::vector<ModelSource>& named);

/// Whether version `a` is older than `b`: numbers in them count as numbers, so that 9 comes before 10.
bool version_before(const std::string& a, const std::string& b);

class ModelTable {
public:
    using Model = std::shared_ptr<const ServedModel>;

    /// Reads all models. `batch` as ServedModel's. Throws what is wrong with the first that cannot be read.
    ModelTable(const std::vector<ModelSource>& named, std::int64_t batch);

    /// Returns a model, in its newest version where `version` is empty (version_before()); null where there is none.
    /// Who holds it keeps it, whatever reload() does.
    Model find(const std::string& name, const std::string& version = {}) const;
    /// Returns all models, by name and version.
    std::vector<Model> all() const;

    /// What reload() did, a line each for people.
    struct Reload {
        std::vector<std::string> done, failed;
    };
    /// Reads what is new or was changed since, drops what is named no more. From one moment on requests get the new
    /// models; those under way keep theirs. A model that cannot be read stays as it was. One thread at a time.
    Reload reload(const std::vector<ModelSource>& named);
    /// Returns whether reload() would find anything to do; asks the file system alone.
    bool changed(const std::vector<ModelSource>& named) const;

private:
    using Versions = std::map<std::string, Model, bool (*)(const std::string&, const std::string&)>;
    using Table = std::map<std::string, Versions>;

    std::shared_ptr<const Table> table() const;

    const std::int64_t batch_;
    mutable std::mutex mutex_;  // guards:
    std::shared_ptr<const Table> table_;
};

}  // namespace keel::serve
