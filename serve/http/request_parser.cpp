#include "serve/http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <string>
#include <string_view>

#include "engine/text.h"

namespace keel::serve {
namespace http = boost::beast::http;

RequestParser::RequestParser(const std::shared_ptr<Shared>& shared) : body(std::make_shared<HeldBody>(shared)) {
    header_limit(static_cast<std::uint32_t>(shared->limits.header_bytes));
    body_limit(static_cast<std::uint64_t>(shared->limits.body_bytes));
}

void RequestParser::on_request_impl(http::verb, Text method, Text target, int version_of, Error&) {
    version = version_of;
    head.method.assign(method.data(), method.size());
    const std::string_view all(target.data(), target.size());
    const std::size_t mark = std::min(all.find('?'), all.size());
    head.path = all.substr(0, mark);
    if (mark < all.size()) head.query = all.substr(mark + 1);
}

void RequestParser::on_field_impl(http::field, Text name, Text value, Error&) {
    if (is_header_done()) return;  // those behind the last chunk
    head.fields.emplace_back(lower_case({name.data(), name.size()}), std::string(value.data(), value.size()));
}

void RequestParser::on_header_impl(Error&) {
    if (const auto length = content_length()) head.length = *length;
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, Error&) {
    if (length) body->expect(*length);
}

std::size_t RequestParser::on_body_impl(Text bytes, Error& error) {
    if (body->add(bytes.data(), bytes.size())) return bytes.size();
    error = make_error_code(boost::system::errc::not_enough_memory);
    return 0;
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, Text bytes, Error& error) {
    return on_body_impl(bytes, error);
}

HttpResponse answer_to(const boost::system::error_code& error) {
    if (error == http::error::header_limit) return error_response(431, "the request's fields are too long");
    if (error == http::error::body_limit) return error_response(413, "the request's body is too long");
    if (error == boost::system::errc::not_enough_memory) {
        HttpResponse full = error_response(503, "the server holds as many bytes of requests as it may");
        full.fields.emplace_back("retry-after", "1");
        return full;
    }
    if (error == http::error::bad_version) return error_response(505, "wanted HTTP/1.0 or HTTP/1.1");
    return error_response(400, "this is no request of HTTP: " + error.message());
}

std::optional<HttpResponse> refusal_of(const HttpRequest& request, int version) {
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
