#include "serve/http/http_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "engine/json.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel::serve {

std::string_view HttpRequest::field(std::string_view name) const {
    const auto found = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
    return found == fields.end() ? std::string_view() : std::string_view(found->second);
}

HttpResponse error_response(int status, const std::string& message) {
    return {.status = status, .body = valid_json_text({{"error", message}})};
}

HttpAddress parse_address(const std::string& text) {
    const auto refuse = [&] {
        throw UsageError("[serve] wanted HOST:PORT or [IPV6]:PORT to listen on, with a port of 0 to 65535, got '" +
                         excerpt(text) + "'");
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) refuse();
    HttpAddress address{text.substr(0, colon), text.substr(colon + 1)};
    if (address.host.starts_with('[') && address.host.ends_with(']'))
        address.host = address.host.substr(1, address.host.size() - 2);
    else if (address.host.find(':') != std::string::npos)
        refuse();
    int port = -1;
    const char* const end = address.port.data() + address.port.size();
    const auto [at, error] = std::from_chars(address.port.data(), end, port);
    if (error != std::errc() || at != end || port < 0 || port > 65535 || address.host.empty()) refuse();
    return address;
}

bool is_loopback(const HttpAddress& address) {
    return address.host == "localhost" || address.host == "::1" || address.host.starts_with("127.");
}

std::string http_date(std::chrono::system_clock::time_point time) {
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm t{};
    ::gmtime_r(&seconds, &t);
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[t.tm_wday], t.tm_mday, kMonths[t.tm_mon],
                       t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

std::string answer_head(const HttpResponse& response, std::string_view reason, bool keeps,
                        std::chrono::system_clock::time_point time) {
    std::string head =
        fmt::format("HTTP/1.1 {} {}\r\nServer: keel\r\nDate: {}\r\n", response.status, reason, http_date(time));
    const auto add = [&](const std::string& name, const std::string& value) {
        head.append(name).append(": ").append(value).append("\r\n");
    };
    if (!response.body.empty()) add("Content-Type", response.type);
    for (const auto& [name, value] : response.fields) add(name, value);
    if (!keeps) add("Connection", "close");
    add("Content-Length", std::to_string(response.body.size()));
    return head += "\r\n";
}

std::chrono::nanoseconds allowance(double base, std::int64_t bytes, double rate) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 * (base + static_cast<double>(bytes) / rate)));
}

}  // namespace keel::serve
