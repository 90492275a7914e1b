// A data set: named samples in three splits, with a class or a set of labels each, and a way to load their pictures.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/image.h"

namespace keel {

/// classes: every sample has exactly one. labels: every sample has any number of them, none included.
enum class Task { classes, labels };

enum class Split { train, val, test };
inline constexpr std::array<Split, 3> kSplits{Split::train, Split::val, Split::test};

/// "train", "val" or "test".
const char* split_name(Split split);
/// The split of that name; throws UsageError for another.
Split parse_split(const std::string& name);

struct Sample {
    std::string name;          ///< shown to users: the file's name, or the record's number
    std::string file;          ///< path of the picture; empty where the source holds its pictures in memory
    std::int64_t record = 0;   ///< number of the picture within the source's memory
    std::int32_t label = -1;   ///< Task::classes: index into label_names(); else -1
    std::uint64_t mask = 0;    ///< Task::labels: bit i is set if label_names()[i] is present; at most 64 labels
    std::string patient = {};  ///< whose picture it is; empty where the source does not say
};

/// What a source found, before it can load pictures.
struct DatasetContents {
    Task task = Task::classes;
    std::vector<std::string> label_names;
    std::array<std::vector<Sample>, 3> splits;  ///< indexed by Split
    int channels = 1;                           ///< of the pictures that load() returns: 1 (grey) or 3 (RGB)
    std::vector<std::string> missing;           ///< rows of the label file whose picture is not there
    std::vector<std::string> unlisted;          ///< pictures with labels that neither of the official lists names
    std::vector<std::string> unlabelled;        ///< pictures that the label file does not name
};

/// Immutable once opened; all members may be called from several threads.
class Dataset {
public:
    virtual ~Dataset() = default;
    Dataset(const Dataset&) = delete;
    Dataset& operator=(const Dataset&) = delete;

    Task task() const { return contents_.task; }
    const std::vector<std::string>& label_names() const { return contents_.label_names; }
    const std::vector<Sample>& samples(Split split) const { return contents_.splits[static_cast<std::size_t>(split)]; }
    std::int64_t size(Split split) const { return static_cast<std::int64_t>(samples(split).size()); }
    int channels() const { return contents_.channels; }
    const std::vector<std::string>& missing() const { return contents_.missing; }
    const std::vector<std::string>& unlisted() const { return contents_.unlisted; }
    const std::vector<std::string>& unlabelled() const { return contents_.unlabelled; }

    /// The picture of a sample, with channels() channels; where that saves work it comes reduced, its sides not below `least`.
    /// Throws InputError or IoError that names the file where it cannot be read or decoded; `index` is within [0, size(split)).
    Image load(Split split, std::int64_t index, LeastSize least = {}) const {
        return read(samples(split)[static_cast<std::size_t>(index)], least);
    }

    /// A hint: load() of this sample follows soon. Returns at once.
    virtual void will_load(Split, std::int64_t) const {}

    /// The files that load() reads, each once; none where the pictures are held in memory.
    virtual std::vector<std::string> files() const { return {}; }

protected:
    explicit Dataset(DatasetContents contents) : contents_(std::move(contents)) {}
    virtual Image read(const Sample& sample, LeastSize least) const = 0;

private:
    DatasetContents contents_;
};

/// How a source without official splits is divided. The seed is not the training's seed: the same data must be held
/// out by every run, whatever its seed.
struct DatasetOptions {
    std::uint64_t split_seed = 0;
    double val_fraction = 0.1;   ///< of what is not test, where the source has no validation split
    double test_fraction = 0.2;  ///< of all patients, where a set in NIH's layout has no lists
};

/// Opens `scheme:path`: nih, phantom, medmnist, folder, cifar10, pack. Reads the labels and the list of files, no pictures
/// (medmnist and cifar10's binary files are read whole). Throws UsageError for an unknown scheme or a path that does not
/// exist, InputError for contents that are malformed, IoError where reading fails.
std::unique_ptr<Dataset> open_dataset(const std::string& spec, const DatasetOptions& options = {});

}  // namespace keel
