// log.txt of a run, as a sink of spdlog.
#pragma once

#include <spdlog/sinks/base_sink.h>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "runs/growing_file.h"

namespace keel {

/// Writes at each flush. Lines that the storage does not take wait for the next one, in order; `beside` is told when
/// that begins.
class LogFile final : public spdlog::sinks::base_sink<std::mutex> {
public:
    /// Throws IoError where the file cannot be opened.
    LogFile(std::filesystem::path path, spdlog::sink_ptr beside);
    ~LogFile() override;

private:
    void sink_it_(const spdlog::details::log_msg& message) override;
    void flush_() override;

    GrowingFile file_;
    spdlog::sink_ptr beside_;
    bool told_ = false;
};

}  // namespace keel
