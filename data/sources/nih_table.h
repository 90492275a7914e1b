// The table of labels of NIH ChestX-ray14, Data_Entry_*.csv, without the images that it is about.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// The file that marks a folder as a phantom set, which is in NIH's layout (data/phantom).
inline constexpr const char* kPhantomMarker = "SYNTHETIC.txt";

/// Returns the 14 findings of NIH ChestX-ray14 in CheXNet's order.
std::span<const char* const> nih_labels();

struct NihRow {
    std::string name;                       ///< `Image Index`: the image's file name
    std::uint64_t mask = 0;                 ///< `Finding Labels`: bit i is nih_labels()[i]
    std::string patient;                    ///< `Patient ID`, by patient_name()
    std::vector<std::string> attributes{};  ///< of nih_attributes()
};

/// Returns what the table says of a patient and an image beside the findings: "sex" (`Patient Gender`), "age"
/// (`Patient Age`, in years) and "view" (`View Position`). A table may lack these columns: their values are empty then.
std::span<const char* const> nih_attributes();

/// Returns an age in years: of `058Y`, `006M` (months), `021W` (weeks) and `013D` (days), as DICOM writes it, the
/// number of years, of everything else the text itself.
std::string age_in_years(const std::string& text);

/// Returns the rows in the file's order; no two have one name, there may be none. Columns and findings are recognized
/// in any case, with or without blanks and `_`; a name of an image comes without blanks around it. `remarks` takes what
/// was not as NIH has it. Throws IoError if the file cannot be read, InputError that names file and line for what is no
/// such table.
std::vector<NihRow> read_nih_table(const std::string& path, std::vector<Remark>* remarks = nullptr);

/// Returns what names of images are compared by where they differ: without folders and ending, in lower case.
std::string image_key(const std::string& name);

/// Returns the names that a list has, a line or, in a table without a heading, a first cell each, without blanks around
/// them.
std::vector<std::string> read_name_list(const std::string& path);

/// Names of a list and which of them a table has.
class NameList {
public:
    explicit NameList(const std::string& path);

    /// Whether the list has the name, or one of the same image_key().
    bool contains(const std::string& name);

    /// Returns what contains() was not asked for: names that the table has not; and how many it found by their key.
    std::vector<Remark> remarks(const std::string& table) const;

private:
    std::string path_;
    std::unordered_map<std::string, bool> names_;        ///< and whether they were asked for
    std::unordered_map<std::string, std::string> keys_;  ///< of names; of two of one key neither is here
    std::int64_t by_key_ = 0;
    std::string example_;
};

}  // namespace keel
