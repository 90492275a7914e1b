// A line of JSON for each answer: what was asked of which model, how it went, how long it took. Never a picture, a name
// of a file, an address, a token, or anything else that a client sent.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

namespace keel::serve {

class AccessLog {
public:
    /// `path`: a file that lines are added to; "-": stderr; empty: no log. Throws IoError where it cannot be opened.
    explicit AccessLog(std::string path);
    ~AccessLog();
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;

    bool is_on() const { return !path_.empty(); }
    /// Adds a line, its end apart, at once. A log that takes no more is not the clients' fault: see lost().
    void write(std::string line);
    /// Opens the file anew: whoever rotates logs has renamed it. Throws IoError; the old one stays then.
    void reopen();
    /// Lines that could not be written.
    std::int64_t lost() const;

private:
    const std::string path_;
    mutable std::mutex mutex_;  // guards:
    int descriptor_ = -1;
    std::int64_t lost_ = 0;
};

}  // namespace keel::serve
