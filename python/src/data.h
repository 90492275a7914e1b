// Data sets that trained models are used on.
#pragma once

#include <keel/data/dataset.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace keel::python {

struct DataWanted {
    std::string spec{}, split{};
    std::map<std::string, std::string> options{};  ///< of dataset_options(), as --set takes them
};

/// Opens a data set as the run of `checkpoint` read and divided it, but for what the options say; adds what is to be
/// known of it to `remarks`. Throws UsageError for a key that is none of dataset_options(), and as open_dataset() does.
std::unique_ptr<Dataset> open_wanted(const DataWanted& wanted, const std::string& checkpoint,
                                     std::vector<std::string>& remarks);

}  // namespace keel::python
