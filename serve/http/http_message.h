// Requests and answers, and what of HTTP is plain text.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::serve {

struct HttpRequest {
    std::string method{};  ///< "GET"
    std::string path{};    ///< as it came, without the query
    std::string query{};
    std::vector<std::pair<std::string, std::string>> fields{};  ///< names in lower case, in their order
    std::optional<std::uint64_t> length{};                      ///< of the body, where the client says it
    std::shared_ptr<const std::string> body{};                  ///< null before it is read
    std::chrono::steady_clock::time_point came{};               ///< when its fields had been read
    /// Becomes true when the client has gone.
    std::shared_ptr<const std::atomic<bool>> cancelled{};

    /// Returns the first field of a name, in lower case; empty where there is none.
    std::string_view field(std::string_view name) const;
};

struct HttpResponse {
    int status = 200;
    std::string type = "application/json";
    std::string body{};
    std::vector<std::pair<std::string, std::string>> fields{};  ///< beside those that every answer has
    bool close = false;                                         ///< the connection ends with it
    std::string note{};                                         ///< for the access log, not sent
};

using HttpRespond = std::function<void(HttpResponse)>;

/// Returns {"error": "..."}, as the Open Inference Protocol wants it.
HttpResponse error_response(int status, const std::string& message);

/// HOST and PORT of an address to listen on.
struct HttpAddress {
    std::string host, port;
};
/// Reads "HOST:PORT" or "[IPV6]:PORT". Throws UsageError for anything else.
HttpAddress parse_address(const std::string& text);
/// Whether only this machine reaches a server that listens there.
bool is_loopback(const HttpAddress& address);

/// Returns a time as fields of HTTP say it (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::chrono::system_clock::time_point time);

/// Returns the status line and the fields of an answer given at `time`, and the empty line behind them. `keeps`: the
/// connection goes on after it.
std::string answer_head(const HttpResponse& response, std::string_view reason, bool keeps,
                        std::chrono::system_clock::time_point time);

/// Returns how long `bytes` may take: `base` seconds and what they take at `rate` bytes a second.
std::chrono::nanoseconds allowance(double base, std::int64_t bytes, double rate);

}  // namespace keel::serve
