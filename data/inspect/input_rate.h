// What it costs to read, decode and transform images, measured on one storage or on several in turn.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/pipeline/loader.h"

namespace keel {

struct InputMeasurement {
    LoaderOptions loader;       ///< the channels are each data set's own; bad images are counted
    std::int64_t images = 256;  ///< read in a round; the split again where it has fewer
    int rounds = 3;             ///< each reads from all storages in turn
    bool cold = false;          ///< the system is asked to forget the files before each epoch
};

/// Medians over the rounds.
struct InputRate {
    std::int64_t images = 0, bad = 0;     ///< in the last round
    bool in_memory = false;               ///< the data set holds its images in memory: it has no files
    double seconds = 0, cpu_seconds = 0;  ///< an image
    std::int64_t read_bytes = 0;          ///< an image, by calls
    std::int64_t storage_bytes = 0;       ///< an image: what of them no cache held, as far as the system counts

    /// Whether at least half of what was read came from storage.
    bool from_storage() const { return !in_memory && storage_bytes * 2 >= read_bytes; }
};

/// Measures every data set; `names` are for messages. Throws InputError where a split has no image that can be read.
std::vector<InputRate> measure_input(const std::vector<std::unique_ptr<Dataset>>& datasets,
                                     const std::vector<std::string>& names, const InputMeasurement& what);

/// Returns the bytes that this process has read by calls so far, as far as the system counts.
std::int64_t bytes_read_so_far();

}  // namespace keel
