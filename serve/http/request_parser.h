// A request as Beast's parser takes it apart, and what answers those that are none.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <memory>
#include <optional>

#include "serve/http/shared.h"

namespace keel::serve {

/// Takes the bytes of one request; put() stops behind its fields, and then behind each piece of its body.
class RequestParser final : public boost::beast::http::basic_parser<true> {
    using Error = boost::beast::error_code;
    using Text = boost::beast::string_view;

public:
    explicit RequestParser(const std::shared_ptr<Shared>& shared);

    /// The request's line and fields, without its body.
    HttpRequest head;
    /// Null after it was moved from.
    std::shared_ptr<HeldBody> body;
    int version = 11;  ///< 10 or 11

private:
    void on_request_impl(boost::beast::http::verb, Text method, Text target, int version_of, Error&) override;
    void on_response_impl(int, Text, int, Error&) override {}
    void on_field_impl(boost::beast::http::field, Text name, Text value, Error&) override;
    void on_header_impl(Error&) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error&) override;
    std::size_t on_body_impl(Text bytes, Error& error) override;
    void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, Error& error) override;
    void on_finish_impl(Error&) override {}
};

/// Returns the answer to what is no request, or is too large: by what the parser says.
HttpResponse answer_to(const boost::system::error_code& error);
/// Returns what is wrong with a request that the parser took: no Host or two, an expectation that is none.
std::optional<HttpResponse> refusal_of(const HttpRequest& request, int version);

}  // namespace keel::serve
