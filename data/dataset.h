// A data set: named samples in three splits, with a class or a set of labels each, and a way to load their images. A
// program with a storage of its own derives from Dataset (docs/adding_a_data_source.md).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/image.h"
#include "engine/image_reading.h"

namespace keel {

/// classes: every sample has exactly one. labels: every sample has any number of them, none included.
enum class Task { classes, labels };

enum class Split { train, val, test };
inline constexpr std::array<Split, 3> kSplits{Split::train, Split::val, Split::test};

/// Returns "train", "val" or "test".
const char* split_name(Split split);
/// Returns the split of that name; throws UsageError for another.
Split parse_split(const std::string& name);

inline constexpr int kMaxLabels = 64;              ///< bits of a mask
inline constexpr std::int32_t kUnknownClass = -1;  ///< only training samples may be without a class; losses skip them
inline constexpr std::uint64_t kAllKnown = ~std::uint64_t{0};
inline constexpr float kNoSoftTarget = -1;  ///< of Sample::soft

struct Sample {
    std::string name{};               ///< shown to users: the file's name, or the record's number
    std::string file{};               ///< path of the image; empty where the source holds its images in memory
    std::int64_t record = 0;          ///< number of the image within the source's memory
    std::int32_t label = -1;          ///< Task::classes: index into label_names(), kUnknownClass; else -1
    std::uint64_t mask = 0;           ///< Task::labels: bit i is set if label_names()[i] is present; at most kMaxLabels
    std::uint64_t known = kAllKnown;  ///< Task::labels: bit i is set if it is known whether label i is present;
                                      ///< Task::classes: all bits or, where the class is not known, none
    std::string patient{};            ///< whose image it is; empty where the source does not say
    std::vector<std::string> attributes{};  ///< values of Dataset::attribute_names(), empty where they are not known

    std::vector<float> soft{};  ///< Task::labels: what losses take for labels that are not known, 0 to 1, or
                                ///< kNoSoftTarget; none: they are left out
    float weight = 1;           ///< how much the loss of training counts the sample; 1 on average

    bool is_known(std::size_t i) const { return (known >> i & 1U) != 0; }
    bool is_present(std::size_t i) const { return (mask >> i & 1U) != 0; }
};

/// What the user of a data set should know of how it was read: what was not used, guessed or changed, and why.
struct Remark {
    bool warning = false;  ///< it may change a result; else it is for the record
    std::string text{};    ///< a sentence without its full stop: "3 files are no images: a.txt, b.txt and 1 more"
    std::optional<Split> split{};  ///< which it is about, where that is one
};

/// What a source found, before it can load images.
struct DatasetContents {
    Task task = Task::classes;
    std::vector<std::string> label_names{};
    std::vector<std::string> attribute_names{};   ///< what Sample::attributes says: sex, age (years), view or others
    std::array<std::vector<Sample>, 3> splits{};  ///< indexed by Split
    int channels = 1;                             ///< of the images that load() returns: 1 (grey), 3 (RGB) or others
    std::array<std::string, 3> origins{};  ///< how each split was made: "folder test/", "20 % of all patients, seed 0"
    std::vector<Remark> remarks{};
    ImageReading reading{};                 ///< how the images' files are read, or were before they came here
    std::vector<std::string> missing{};     ///< rows of the label file whose image is not there
    std::vector<std::string> unlisted{};    ///< images with labels that neither of the official lists names
    std::vector<std::string> unlabelled{};  ///< images that the label file does not name
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
    /// Returns the names of what the source says of a sample beside its labels: "sex", "age" (in years), "view", and
    /// whatever else it knows. Results are compared between groups that they make.
    const std::vector<std::string>& attribute_names() const { return contents_.attribute_names; }
    int channels() const { return contents_.channels; }
    /// Returns how a split was made, for people; empty where the source does not say.
    const std::string& origin(Split split) const { return contents_.origins[static_cast<std::size_t>(split)]; }
    const std::vector<Remark>& remarks() const { return contents_.remarks; }
    const ImageReading& reading() const { return contents_.reading; }
    const std::vector<std::string>& missing() const { return contents_.missing; }
    const std::vector<std::string>& unlisted() const { return contents_.unlisted; }
    const std::vector<std::string>& unlabelled() const { return contents_.unlabelled; }

    /// Returns the image of a sample, with channels() channels of 8 or 16 bits or floats; where that saves work it
    /// comes reduced, its sides not below `least`. Throws InputError or IoError that names the file where it cannot be
    /// read or decoded; `index` is within [0, size(split)).
    Image load(Split split, std::int64_t index, LeastSize least = {}) const;

    /// Hears that load() of this sample follows soon. Returns at once.
    virtual void will_load(Split, std::int64_t) const {}

    /// Returns the files that load() reads, each once; none where the images are held in memory.
    virtual std::vector<std::string> files() const { return {}; }

protected:
    /// Throws UsageError for contents that contradict themselves: no labels or too many, a class that does not exist,
    /// or that is not known of a sample outside the training split, two attributes of one name, or another number of
    /// values than of attributes. Bits of Sample::known past the labels become 1, bits of Sample::mask whose label is
    /// not known 0; a sample without any attributes gets an empty value for each.
    explicit Dataset(DatasetContents contents);
    /// Does what load() says. An Error skips the sample, unless it is a StorageError (engine/patience.h has what tries
    /// reads again before); that, and whatever is no Error, ends the epoch.
    virtual Image read(const Sample& sample, LeastSize least) const = 0;

private:
    DatasetContents contents_;
};

/// How tables of labels are read: what columns mean, and what becomes of what they say (docs/data_formats.md).
struct TableReading {
    std::string root;  ///< folder that paths are relative to; empty: the source's own
    std::string path_column, label_columns, label_separator, patient_column, split_column, view_column, sex_column,
        age_column, weight_column;     ///< empty: guessed, and said
    std::string label_type = "auto";   ///< or classes or labels
    std::string only_labels;           ///< separated by commas; empty: all
    std::string uncertain = "ignore";  ///< see UncertainRule (data/sources/truth.h)
    std::string blanks = "auto";       ///< unknown or zeros; auto: as the set's publication has it
    std::string view;                  ///< names separated by commas; empty: all
    std::string readers = "majority";  ///< of several readers' labels: majority, any or all

    bool operator==(const TableReading&) const = default;
};

/// How a data set is read, and how a source without official splits is divided. The seed is not the training's seed:
/// the same data must be held out by every run, whatever its seed. The command line's flags for these are declared
/// once, in dataset_options() (train/train_config.h).
struct DatasetOptions : ImageReading, TableReading {
    std::uint64_t split_seed = 0;
    double val_fraction = 0.1;              ///< of what is not test, where the source has no validation split
    double test_fraction = 0.2;             ///< of all, where the source has no test split
    std::string split_rule = "stratified";  ///< see divide() (data/sources/divide.h); "old": as before there were rules
    std::string group_by{};  ///< folder: pattern whose first group in an image's name is the patient; "dicom":
                             ///< DICOM files say whose they are; empty: none
};

/// Opens `scheme:path`, one of the sources in data/sources/table.h. Reads the labels and the list of files, no images
/// (medmnist and cifar10's binary files are read whole). Throws UsageError for an unknown scheme or a path that does
/// not exist, InputError for contents that are malformed, IoError where reading fails.
std::unique_ptr<Dataset> open_dataset(const std::string& spec, const DatasetOptions& options = {});

}  // namespace keel
