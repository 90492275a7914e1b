#include "serve/http/session.h"

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "serve/http/request_parser.h"

namespace keel::serve {

/// A state machine of callbacks, all of them on the transport's strand.
class Session final : public Connection, public std::enable_shared_from_this<Session> {
    using Error = Transport::Error;

public:
    Session(std::shared_ptr<Transport> transport, std::shared_ptr<Shared> shared)
        : transport_(std::move(transport)), shared_(std::move(shared)) {}

    void start();
    void turn_away(HttpResponse response);
    void end_if_idle() override;

private:
    // Reading.
    void on_handshake(const Error& error, std::size_t) { error ? end() : wait_for_request(); }
    void wait_for_request();
    void on_first_bytes(const Error& error, std::size_t bytes);
    void on_bytes(const Error& error, std::size_t bytes);
    void parse();
    void read_more();
    void on_head();
    void refuse(const Error& error);
    void begin_request();
    void invite_body();
    void on_invited(const Error& error, std::size_t) { error ? fail() : parse(); }

    // Between a request and its answer.
    void dispatch();
    void watch();
    void on_peer(const Error& error, std::size_t);

    // Writing.
    void write(HttpResponse response);
    void send(std::string_view head, std::string_view body, Resume::Step next);
    void send_more();
    void on_sent(const Error& error, std::size_t bytes);
    void on_written(const Error& error, std::size_t);
    void on_finished(const Error&, std::size_t) { end(); }

    void fail();
    void tell(bool complete);
    void end();

    static std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }
    Resume then(Resume::Step step) { return {shared_from_this(), step}; }
    /// Returns room behind what has been read and is not parsed yet.
    std::span<char> room() {
        constexpr std::size_t kAtOnce = 16 << 10;
        const auto free = buffer_.prepare(kAtOnce);
        return {static_cast<char*>(free.data()), free.size()};
    }

    const std::shared_ptr<Transport> transport_;
    const std::shared_ptr<Shared> shared_;
    boost::beast::flat_buffer buffer_;
    std::optional<RequestParser> parser_;
    HttpRequest request_;
    std::shared_ptr<std::atomic<bool>> cancelled_;
    bool busy_ = false;         ///< a request came that has no answer
    bool watched_ = false;      ///< a wait for the client is under way
    std::uint64_t number_ = 0;  ///< of the request
    std::int64_t bytes_in_ = 0;
    std::chrono::steady_clock::time_point began_{}, body_began_{};

    int status_ = 0;
    bool head_only_ = false, keeps_ = false;  ///< keeps_: the connection goes on after the answer
    std::string head_, body_, note_;          ///< of the answer
    std::string_view head_left_, body_left_;  ///< to be sent
    Resume::Step next_ = nullptr;             ///< what follows when nothing is left
};

void Resume::operator()(const boost::system::error_code& error, std::size_t bytes) const {
    (session_.get()->*step_)(error, bytes);
}

void Session::start() {
    transport_->expires_after(allowance(shared_->limits.header, 0, 1));
    transport_->handshake(then(&Session::on_handshake));
}

/// Answers before anything was asked, and ends.
void Session::turn_away(HttpResponse response) {
    if (transport_->is_secure()) return end();
    begin_request();
    response.close = true;
    write(std::move(response));
}

void Session::end_if_idle() {
    transport_->post([self = shared_from_this()] {
        if (!self->busy_ && self->buffer_.size() == 0) self->end();
    });
}

void Session::wait_for_request() {
    if (shared_->draining && buffer_.size() == 0) return end();
    parser_.emplace(shared_);
    if (buffer_.size() > 0) return on_first_bytes({}, 0);  // of the next request: they are pipelined
    transport_->expires_after(allowance(shared_->limits.idle, 0, 1));
    transport_->read_some(room(), then(&Session::on_first_bytes));
}

void Session::on_first_bytes(const Error& error, std::size_t bytes) {
    if (!error) transport_->expires_after(allowance(shared_->limits.header, 0, 1));
    on_bytes(error, bytes);
}

void Session::on_bytes(const Error& error, std::size_t bytes) {
    if (error) return busy_ ? fail() : end();
    buffer_.commit(bytes);
    parse();
}

/// Goes as far in the request as the bytes that were read lead.
void Session::parse() {
    while (buffer_.size() > 0 && !parser_->is_done()) {
        Error error;
        buffer_.consume(parser_->put(buffer_.cdata(), error));
        if (error == boost::beast::http::error::need_more) break;
        if (error) return refuse(error);
        if (!busy_ && parser_->is_header_done()) return on_head();
    }
    parser_->is_done() ? dispatch() : read_more();
}

void Session::read_more() {
    if (busy_) {
        const auto bytes = static_cast<std::int64_t>(parser_->body->bytes.size());
        transport_->expires_at(body_began_ + allowance(shared_->limits.body, bytes, shared_->limits.least_rate));
    }
    transport_->read_some(room(), then(&Session::on_bytes));
}

void Session::on_head() {
    begin_request();
    request_ = std::move(parser_->head);
    request_.came = now();
    head_only_ = request_.method == "HEAD";
    cancelled_ = std::make_shared<std::atomic<bool>>(false);
    request_.cancelled = cancelled_;
    try {
        std::optional<HttpResponse> refusal = refusal_of(request_, parser_->version);
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
    request_.field("expect").empty() ? parse() : invite_body();
}

/// Answers what is no request, and ends.
void Session::refuse(const Error& error) {
    begin_request();
    HttpResponse response = answer_to(error);
    response.close = true;
    write(std::move(response));
}

void Session::begin_request() {
    if (busy_) return;
    busy_ = true;
    ++number_;
    bytes_in_ = 0;
    head_only_ = false;
    began_ = now();
    shared_->count_busy(1);
}

/// Tells the client, who waits for it, that the body is welcome.
void Session::invite_body() { send("HTTP/1.1 100 Continue\r\n\r\n", {}, &Session::on_invited); }

/// Hands the request to the handler, who answers when he has an answer.
void Session::dispatch() {
    transport_->expires_never();
    std::shared_ptr<HeldBody> held = std::move(parser_->body);
    request_.body = std::shared_ptr<const std::string>(held, &held->bytes);
    bytes_in_ = static_cast<std::int64_t>(held->bytes.size());
    watch();
    const auto respond = [weak = weak_from_this(), number = number_](HttpResponse response) {
        const auto self = weak.lock();
        if (!self) return;
        self->transport_->post([self, number, response = std::move(response)]() mutable {
            if (self->number_ == number && self->busy_) self->write(std::move(response));
        });
    };
    try {
        shared_->handler.handle(std::move(request_), respond);
    } catch (const std::exception&) {
        write(error_response(500, "the server failed at this request"));
    }
}

/// Notices when the client goes while its request is under way.
void Session::watch() {
    if (watched_ || buffer_.size() > 0) return;
    watched_ = true;
    transport_->wait_for_peer(then(&Session::on_peer));
}

/// A client that only ends its side, having said that no request follows, still waits for its answer.
void Session::on_peer(const Error& error, std::size_t) {
    watched_ = false;
    if (error || !busy_) return;
    const Peer peer = transport_->look_at_peer();
    if (peer == Peer::silent) return watch();
    const bool waits = peer == Peer::sent_bytes || (peer == Peer::ended_its_side && !parser_->keep_alive());
    if (!waits) *cancelled_ = true;
}

void Session::write(HttpResponse response) {
    keeps_ = parser_ && parser_->is_done() && parser_->keep_alive() && !response.close && !shared_->draining;
    status_ = response.status;
    note_ = std::move(response.note);
    const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status_));
    head_ = answer_head(response, {reason.data(), reason.size()}, keeps_, std::chrono::system_clock::now());
    body_ = head_only_ ? std::string() : std::move(response.body);
    const auto bytes = static_cast<std::int64_t>(body_.size());
    transport_->expires_after(allowance(shared_->limits.answer, bytes, shared_->limits.least_rate));
    send(head_, body_, &Session::on_written);
}

void Session::send(std::string_view head, std::string_view body, Resume::Step next) {
    head_left_ = head;
    body_left_ = body;
    next_ = next;
    send_more();
}

void Session::send_more() { transport_->write_some(head_left_, body_left_, then(&Session::on_sent)); }

void Session::on_sent(const Error& error, std::size_t bytes) {
    const std::size_t of_head = std::min(bytes, head_left_.size());
    head_left_.remove_prefix(of_head);
    body_left_.remove_prefix(bytes - of_head);
    if (!error && !(head_left_.empty() && body_left_.empty())) return send_more();
    (this->*next_)(error, bytes);
}

void Session::on_written(const Error& error, std::size_t) {
    tell(!error);
    if (error) return end();
    if (keeps_) return wait_for_request();
    transport_->expires_after(std::chrono::seconds(2));
    transport_->finish(then(&Session::on_finished));
}

/// The connection broke, or was too slow, with a request under way.
void Session::fail() {
    status_ = 408;
    body_.clear();
    note_.clear();
    tell(false);
    end();
}

void Session::tell(bool complete) {
    busy_ = false;
    const std::chrono::duration<double> took = now() - began_;
    try {
        shared_->handler.answered({.status = status_,
                                   .bytes_in = bytes_in_,
                                   .bytes_out = static_cast<std::int64_t>(body_.size()),
                                   .seconds = took.count(),
                                   .complete = complete,
                                   .note = std::move(note_)});
    } catch (const std::exception&) {  // a log that takes no more costs no client anything
    }
    shared_->count_busy(-1);
}

void Session::end() {
    if (cancelled_) *cancelled_ = true;
    transport_->close();
    shared_->forget(this);
}

void start_session(std::shared_ptr<Transport> transport, const std::shared_ptr<Shared>& shared,
                   std::optional<HttpResponse> turned_away) {
    const auto session = std::make_shared<Session>(transport, shared);
    shared->enlist(session);
    transport->post([session, turned_away = std::move(turned_away)]() mutable {
        turned_away ? session->turn_away(std::move(*turned_away)) : session->start();
    });
}

}  // namespace keel::serve
