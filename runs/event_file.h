// A run's metrics for TensorBoard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "engine/json.h"
#include "runs/growing_file.h"

namespace keel {

/// CRC-32C (Castagnoli) of the bytes, masked as TFRecord files keep it: rotated right by 15 bits, plus 0xa282ead8
/// (TensorFlow, tensorflow/core/lib/hash/crc32c.h).
std::uint32_t masked_crc32c(std::string_view bytes);

/// A record of a TFRecord file: length (u64), its masked CRC, the data, their masked CRC; little endian.
std::string tfrecord(std::string_view data);

/// One event file.
class EventFile {
public:
    /// A new file in `folder`, which is made with the first row: "events.out.tfevents.SECONDS.HOST.PID".
    explicit EventFile(const std::filesystem::path& folder);

    /// Every number of a row of metrics as a scalar at the row's "step": "val_loss" becomes "val/loss", so that
    /// TensorBoard shows what belongs together side by side. The first row tells TensorBoard to forget what earlier
    /// files of a resumed run say from there on. It waits for flush().
    void add(const Json& row);
    /// Writes what waits. Throws IoError; it goes on waiting then.
    void flush() { file_.flush(); }
    bool waits() const { return file_.waits(); }

private:
    GrowingFile file_;
    bool begun_ = false;
};

/// Removes the event files in `folder`, and it if it is empty then.
void remove_event_files(const std::filesystem::path& folder);

}  // namespace keel
