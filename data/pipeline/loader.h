// Batches of one epoch, decoded ahead in an arena of their own, the same for any number of workers.
#pragma once

#include <cstdint>
#include <memory>

#include "data/dataset.h"
#include "data/pipeline/batch.h"
#include "data/pipeline/epoch.h"

namespace keel {

/// One epoch over a split. A bad image is skipped and the batch takes the next sample in its place; where several ranks
/// share the epoch, which must not drift apart, the batch is smaller instead.
class Loader {
public:
    /// Starts decoding. The data set must outlive the loader. Throws UsageError for an option outside its range.
    Loader(const Dataset& dataset, LoaderOptions options);
    /// May be called at any time; waits for the images being decoded, no longer.
    ~Loader();
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    /// Fills `batch` and reuses its memory; false at the end of the epoch, with `batch` unchanged. Throws InputError
    /// once more than max_bad of the split's images were bad, and StorageError where the storage does not answer for
    /// longer than the thread that made the loader has patience (engine/patience.h), after all batches before that
    /// point have been handed out; StorageError at once where stop_waiting says so. For that no image is left out.
    /// Throws UsageError in the child of a fork() that came after the loader was made.
    bool next(Batch& batch);

    /// Returns how many bad images were reported so far.
    std::int64_t bad_images() const;

    /// Returns how many batches this epoch has if no image is bad.
    std::int64_t batch_count() const;

private:
    class Pipeline;
    std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace keel
