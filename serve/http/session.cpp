#include "serve/http/session.h"

#include <algorithm>

#include "engine/text.h"

namespace keel::serve {
namespace http = boost::beast::http;

std::optional<HttpResponse> answer_to(const boost::system::error_code& error) {
    if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
    if (error == http::error::header_limit) return error_response(431, "the request's fields are too long");
    if (error == http::error::body_limit) return error_response(413, "the request's body is too long");
    if (error == boost::system::errc::not_enough_memory) {
        HttpResponse full = error_response(503, "the server holds as many bytes of requests as it may");
        full.fields.emplace_back("retry-after", "1");
        return full;
    }
    if (error == http::error::bad_version) return error_response(505, "wanted HTTP/1.0 or HTTP/1.1");
    if (error.category() == boost::system::error_code(http::error::bad_method).category())
        return error_response(400, "this is no request of HTTP: " + error.message());
    return std::nullopt;
}

HttpRequest read_fields(const http::request_parser<MeteredBody>& parser) {
    const auto& message = parser.get();
    HttpRequest request;
    request.method = std::string(message.method_string());
    const std::string target(message.target());
    const std::size_t mark = std::min(target.find('?'), target.size());
    request.path = target.substr(0, mark);
    if (mark < target.size()) request.query = target.substr(mark + 1);
    for (const auto& field : message)
        request.fields.emplace_back(lower_case(std::string(field.name_string())), std::string(field.value()));
    if (const auto length = parser.content_length()) request.length = *length;
    return request;
}

std::optional<HttpResponse> refusal_of(const HttpRequest& request, unsigned version) {
    const auto hosts = std::ranges::count(request.fields, "host", &std::pair<std::string, std::string>::first);
    if (hosts > 1 || (hosts == 0 && version >= 11)) return error_response(400, "wanted one field Host");
    // What may be read in two ways, by two servers behind one another, is read in none.
    const std::string_view encoding = request.field("transfer-encoding");
    if (!encoding.empty() && lower_case(encoding) != "chunked")
        return error_response(501, "wanted a body as it is, or in chunks");
    if (!encoding.empty() && !request.field("content-length").empty())
        return error_response(400, "a body has a length or chunks, not both");
    const std::string_view expected = request.field("expect");
    if (!expected.empty() && lower_case(expected) != "100-continue")
        return error_response(417, "the server knows no such expectation");
    return std::nullopt;
}

}  // namespace keel::serve
