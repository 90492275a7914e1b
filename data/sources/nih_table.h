// The table of labels of NIH ChestX-ray14, Data_Entry_*.csv, without the images that it is about.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace keel {

/// The file that marks a folder as a phantom set, which is in NIH's layout (data/phantom).
inline constexpr const char* kPhantomMarker = "SYNTHETIC.txt";

/// Returns the 14 findings of NIH ChestX-ray14 in CheXNet's order.
std::span<const char* const> nih_labels();

struct NihRow {
    std::string name;                       ///< `Image Index`: the image's file name
    std::uint64_t mask = 0;                 ///< `Finding Labels`: bit i is nih_labels()[i]
    std::string patient;                    ///< `Patient ID`
    std::vector<std::string> attributes{};  ///< of nih_attributes()
};

/// Returns what the table says of a patient and an image beside the findings: "sex" (`Patient Gender`), "age"
/// (`Patient Age`, in years) and "view" (`View Position`). A table may lack these columns: their values are empty then.
std::span<const char* const> nih_attributes();

/// Returns an age in years: of `058Y`, `006M` (months), `021W` (weeks) and `013D` (days), as DICOM writes it, the
/// number of years, of everything else the text itself.
std::string age_in_years(const std::string& text);

/// Returns the rows in the file's order; no two have one name, there may be none. Throws IoError if the file cannot be
/// read, InputError that names file and line for what is no such table.
std::vector<NihRow> read_nih_table(const std::string& path);

}  // namespace keel
