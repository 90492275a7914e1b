#include "serve/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "engine/system_error.h"

namespace keel::serve {
namespace {

int opened(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    if (descriptor < 0) throw_system_error("[serve] cannot open the access log " + path, errno);
    return descriptor;
}

}  // namespace

AccessLog::AccessLog(std::string path) : path_(std::move(path)) {
    if (path_ == "-")
        descriptor_ = STDERR_FILENO;
    else if (is_on())
        descriptor_ = opened(path_);
}

AccessLog::~AccessLog() {
    if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

void AccessLog::write(std::string line) {
    if (!is_on()) return;
    line += '\n';
    const std::lock_guard lock(mutex_);
    // One call a line: lines of several processes stay whole.
    if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ++lost_;
}

void AccessLog::reopen() {
    if (!is_on() || path_ == "-") return;
    const int next = opened(path_);
    const std::lock_guard lock(mutex_);
    ::close(std::exchange(descriptor_, next));
}

std::int64_t AccessLog::lost() const {
    const std::lock_guard lock(mutex_);
    return lost_;
}

}  // namespace keel::serve
