#include "runs/log_file.h"

#include <fmt/format.h>
#include <utility>

#include "kernels/error.h"

namespace keel {

LogFile::LogFile(std::filesystem::path path, spdlog::sink_ptr beside)
    : file_(std::move(path)), beside_(std::move(beside)) {
    file_.require_writable();
}

LogFile::~LogFile() {
    try {
        file_.flush();
    } catch (const IoError&) {
        return;  // that it fails was told
    }
}

void LogFile::sink_it_(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_.add({line.data(), line.size()});
}

void LogFile::flush_() {
    try {
        file_.flush();
        told_ = false;
    } catch (const IoError& error) {
        if (std::exchange(told_, true)) return;
        beside_->log({"run", spdlog::level::err, fmt::format("{}; its lines wait in memory", error.what())});
    }
}

}  // namespace keel
