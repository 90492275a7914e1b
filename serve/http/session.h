// One connection: requests are read one after the other and answered in their order. All of it runs on one strand.
#pragma once

#include <sys/socket.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "serve/http/body.h"
#include "serve/http/shared.h"

namespace keel::serve {

/// Returns the answer to what is no request, or is too large: by what Beast's parser says. None for connections that
/// broke or were too slow, which nobody answers.
std::optional<HttpResponse> answer_to(const boost::system::error_code& error);
/// Returns a request's line and fields.
HttpRequest read_fields(const boost::beast::http::request_parser<MeteredBody>& parser);
/// Returns what is wrong with a request that the parser took: no Host or two, an expectation that is none.
std::optional<HttpResponse> refusal_of(const HttpRequest& request, unsigned version);

template <class Stream>
class Session final : public Connection, public std::enable_shared_from_this<Session<Stream>> {
    using Error = boost::system::error_code;
    using std::enable_shared_from_this<Session<Stream>>::shared_from_this;
    using std::enable_shared_from_this<Session<Stream>>::weak_from_this;
    static constexpr bool kTls = !std::is_same_v<Stream, boost::beast::tcp_stream>;

public:
    Session(Stream stream, std::shared_ptr<Shared> shared) : stream_(std::move(stream)), shared_(std::move(shared)) {}

    /// Begins to read requests.
    void start() {
        if constexpr (kTls) {
            tcp().expires_after(allowance(shared_->limits.header, 0, 1));
            stream_.async_handshake(Stream::server, [self = shared_from_this()](const Error& error) {
                error ? self->end() : self->wait_for_request();
            });
        } else {
            wait_for_request();
        }
    }
    /// Answers before anything was asked, and ends.
    void turn_away(HttpResponse response) {
        if constexpr (kTls) return end();
        begin_request();
        response.close = true;
        write(std::move(response));
    }

    void end_if_idle() override {
        boost::asio::post(stream_.get_executor(), [self = shared_from_this()] {
            if (!self->busy_ && self->buffer_.size() == 0) self->end();
        });
    }

private:
    auto& tcp() { return boost::beast::get_lowest_layer(stream_); }
    static std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

    void wait_for_request() {
        if (shared_->draining && buffer_.size() == 0) return end();
        parser_.emplace();
        parser_->header_limit(static_cast<std::uint32_t>(shared_->limits.header_bytes));
        parser_->body_limit(static_cast<std::uint64_t>(shared_->limits.body_bytes));
        parser_->get().body() = std::make_shared<HeldBody>(shared_);
        if (buffer_.size() > 0) return read_head();  // of the next request: they are pipelined
        tcp().expires_after(allowance(shared_->limits.idle, 0, 1));
        constexpr std::size_t kFirst = 16 << 10;
        stream_.async_read_some(buffer_.prepare(kFirst),
                                [self = shared_from_this()](const Error& error, std::size_t bytes) {
                                    if (error) return self->end();
                                    self->buffer_.commit(bytes);
                                    self->read_head();
                                });
    }

    void read_head() {
        tcp().expires_after(allowance(shared_->limits.header, 0, 1));
        boost::beast::http::async_read_header(
            stream_, buffer_, *parser_,
            [self = shared_from_this()](const Error& error, std::size_t) { self->on_head(error); });
    }

    void on_head(const Error& error) {
        if (error) return refuse(error);
        begin_request();
        request_ = read_fields(*parser_);
        request_.came = now();
        head_only_ = request_.method == "HEAD";
        cancelled_ = std::make_shared<std::atomic<bool>>(false);
        request_.cancelled = cancelled_;
        try {
            std::optional<HttpResponse> refusal = refusal_of(request_, parser_->get().version());
            if (!refusal) refusal = shared_->handler.admit(request_);
            if (refusal) {
                refusal->close |= !parser_->is_done();
                return write(std::move(*refusal));
            }
        } catch (const std::exception&) {
            return write(error_response(500, "the server failed at this request"));
        }
        body_began_ = now();
        if (parser_->is_done()) return dispatch();
        request_.field("expect").empty() ? read_body() : invite_body();
    }

    /// Tells the client, who waits for it, that the body is welcome.
    void invite_body() {
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        boost::asio::async_write(
            stream_, boost::asio::buffer(kContinue.data(), kContinue.size()),
            [self = shared_from_this()](const Error& error, std::size_t) { error ? self->fail() : self->read_body(); });
    }

    void read_body() {
        const auto bytes = static_cast<std::int64_t>(parser_->get().body()->bytes.size());
        tcp().expires_at(body_began_ + allowance(shared_->limits.body, bytes, shared_->limits.least_rate));
        boost::beast::http::async_read_some(stream_, buffer_, *parser_,
                                            [self = shared_from_this()](const Error& error, std::size_t) {
                                                if (error) return self->refuse(error);
                                                self->parser_->is_done() ? self->dispatch() : self->read_body();
                                            });
    }

    /// Hands the request to the handler, who answers when he has an answer.
    void dispatch() {
        tcp().expires_never();
        std::shared_ptr<HeldBody> held = std::move(parser_->get().body());
        request_.body = std::shared_ptr<const std::string>(held, &held->bytes);
        bytes_in_ = static_cast<std::int64_t>(held->bytes.size());
        watch(number_);
        const auto respond = [weak = weak_from_this(), number = number_,
                              executor = stream_.get_executor()](HttpResponse response) {
            const auto self = weak.lock();
            if (!self) return;
            boost::asio::post(executor, [self, number, response = std::move(response)]() mutable {
                if (self->number_ == number && self->busy_) self->write(std::move(response));
            });
        };
        try {
            shared_->handler.handle(std::move(request_), respond);
        } catch (const std::exception&) {
            write(error_response(500, "the server failed at this request"));
        }
    }

    /// Notices when the client goes while its request is under way. One that only ends its side, having said that no
    /// request follows, still waits for its answer.
    void watch(std::uint64_t number) {
        if (buffer_.size() > 0) return;
        const bool last = !parser_->keep_alive();
        tcp().socket().async_wait(
            boost::asio::socket_base::wait_read, [self = shared_from_this(), number, last](const Error& error) {
                if (error || self->number_ != number || !self->busy_) return;
                char byte = 0;
                const auto got = ::recv(self->tcp().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
                if (got > 0 || (got == 0 && last)) return;
                if (got < 0 && (errno == EAGAIN || errno == EINTR)) return self->watch(number);
                *self->cancelled_ = true;
            });
    }

    /// Answers what is no request, and ends.
    void refuse(const Error& error) {
        std::optional<HttpResponse> response = answer_to(error);
        if (!response) return busy_ ? fail() : end();
        begin_request();
        response->close = true;
        write(std::move(*response));
    }

    void begin_request() {
        if (busy_) return;
        busy_ = true;
        ++number_;
        bytes_in_ = 0;
        head_only_ = false;
        began_ = now();
        shared_->count_busy(1);
    }

    void write(HttpResponse response) {
        namespace http = boost::beast::http;
        const bool keeps = parser_ && parser_->is_done() && parser_->keep_alive();
        note_ = std::move(response.note);
        answer_.emplace(static_cast<http::status>(response.status), 11);
        answer_->set(http::field::server, "keel");
        answer_->set(http::field::date, http_date(std::chrono::system_clock::now()));
        if (!response.body.empty()) answer_->set(http::field::content_type, response.type);
        for (const auto& [name, value] : response.fields) answer_->set(name, value);
        answer_->keep_alive(keeps && !response.close && !shared_->draining);
        answer_->content_length(response.body.size());
        if (!head_only_) answer_->body() = std::move(response.body);
        const auto bytes = static_cast<std::int64_t>(answer_->body().size());
        tcp().expires_after(allowance(shared_->limits.answer, bytes, shared_->limits.least_rate));
        serializer_.emplace(*answer_);
        const auto written = [self = shared_from_this()](const Error& error, std::size_t) { self->on_written(error); };
        if (head_only_)
            http::async_write_header(stream_, *serializer_, written);
        else
            http::async_write(stream_, *serializer_, written);
    }

    void on_written(const Error& error) {
        tell(!error);
        if (error) return end();
        if (answer_->keep_alive()) return wait_for_request();
        if constexpr (kTls) {
            tcp().expires_after(std::chrono::seconds(2));
            stream_.async_shutdown([self = shared_from_this()](const Error&) { self->end(); });
        } else {
            Error ignored;
            tcp().socket().shutdown(boost::asio::socket_base::shutdown_send, ignored);
            tcp().expires_after(std::chrono::seconds(2));
            linger(0);
        }
    }

    /// Takes what the client still sends for a while: a socket that is closed with unread bytes is reset, and the
    /// answer may be lost with it.
    void linger(std::size_t taken) {
        constexpr std::size_t kMost = 4 << 20, kAtOnce = 64 << 10;
        if (taken > kMost) return end();
        buffer_.clear();
        stream_.async_read_some(buffer_.prepare(kAtOnce),
                                [self = shared_from_this(), taken](const Error& error, std::size_t bytes) {
                                    error ? self->end() : self->linger(taken + bytes);
                                });
    }

    /// The connection broke, or was too slow, with a request under way.
    void fail() {
        answer_.emplace();
        answer_->result(408);
        note_.clear();
        tell(false);
        end();
    }

    void tell(bool complete) {
        busy_ = false;
        const std::chrono::duration<double> took = now() - began_;
        try {
            shared_->handler.answered({.status = static_cast<int>(answer_->result_int()),
                                       .bytes_in = bytes_in_,
                                       .bytes_out = static_cast<std::int64_t>(answer_->body().size()),
                                       .seconds = took.count(),
                                       .complete = complete,
                                       .note = std::move(note_)});
        } catch (const std::exception&) {  // a log that takes no more costs no client anything
        }
        shared_->count_busy(-1);
    }

    void end() {
        if (cancelled_) *cancelled_ = true;
        Error ignored;
        tcp().socket().close(ignored);
        shared_->forget(this);
    }

    Stream stream_;
    std::shared_ptr<Shared> shared_;
    boost::beast::flat_buffer buffer_;
    std::optional<boost::beast::http::request_parser<MeteredBody>> parser_;
    std::optional<boost::beast::http::response<boost::beast::http::string_body>> answer_;
    std::optional<boost::beast::http::response_serializer<boost::beast::http::string_body>> serializer_;
    HttpRequest request_;
    std::shared_ptr<std::atomic<bool>> cancelled_;
    std::string note_;
    bool busy_ = false, head_only_ = false;
    std::uint64_t number_ = 0;  ///< of the request
    std::int64_t bytes_in_ = 0;
    std::chrono::steady_clock::time_point began_{}, body_began_{};
};

/// Makes a session, counts it among the connections and starts it; with a response it only answers that.
template <class Stream>
void start_session(Stream stream, const std::shared_ptr<Shared>& shared, std::optional<HttpResponse> turned_away) {
    const auto executor = stream.get_executor();
    const auto session = std::make_shared<Session<Stream>>(std::move(stream), shared);
    shared->enlist(session);
    boost::asio::dispatch(executor, [session, turned_away = std::move(turned_away)]() mutable {
        turned_away ? session->turn_away(std::move(*turned_away)) : session->start();
    });
}

}  // namespace keel::serve
