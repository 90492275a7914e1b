#include "serve/http/http_server.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <exception>
#include <thread>
#include <utility>

#include "kernels/error.h"
#include "kernels/topology.h"
#include "serve/http/session.h"
#include "serve/http/tcp_transport.h"
#include "serve/http/tls.h"

namespace keel::serve {

namespace net = boost::asio;
using net::ip::tcp;

class HttpServer::Impl {
public:
    Impl(const HttpOptions& options, HttpHandler& handler)
        : shared_(std::make_shared<Shared>(options.limits, handler)), acceptor_(context_), pause_(context_) {
        if (options.certificate.empty() != options.key.empty())
            throw UsageError("[serve] TLS wants a certificate and a key, got one of them");
        if (!options.certificate.empty()) tls_ = make_tls_server(options.certificate, options.key);
        listen(parse_address(options.listen), options.listen);
        accept();
        for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { serve(); });
    }

    ~Impl() {
        stop();
        const std::lock_guard lock(shared_->mutex);
        shared_->connections.clear();
    }

    void stop() {
        context_.stop();
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
    }

    const std::string& url() const { return url_; }

    std::int64_t connections() const {
        const std::lock_guard lock(shared_->mutex);
        return std::ssize(shared_->connections);
    }

    bool drain(std::chrono::duration<double> limit) {
        shared_->draining = true;
        net::post(context_, [this] {
            boost::system::error_code ignored;
            acceptor_.close(ignored);
        });
        const auto until =
            std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit);
        std::unique_lock lock(shared_->mutex);
        for (const auto& [key, connection] : shared_->connections) connection->end_if_idle();
        return shared_->changed.wait_until(lock, until, [&] { return shared_->busy == 0; });
    }

private:
    void listen(const HttpAddress& address, const std::string& text) {
        boost::system::error_code error;
        const auto check = [&](const char* what) {
            if (error)
                throw IoError(fmt::format("[serve] cannot {} {}: {}", what, text, error.message()), error.value());
        };
        tcp::resolver resolver(context_);
        const auto found = resolver.resolve(address.host, address.port, tcp::resolver::passive, error);
        check("find");
        const tcp::endpoint endpoint = found.begin()->endpoint();
        acceptor_.open(endpoint.protocol(), error);
        check("listen on");
        acceptor_.set_option(net::socket_base::reuse_address(true), error);
        acceptor_.bind(endpoint, error);
        check("listen on");
        acceptor_.listen(net::socket_base::max_listen_connections, error);
        check("listen on");
        const std::string host = address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]";
        url_ = fmt::format("{}://{}:{}", tls_ ? "https" : "http", host, acceptor_.local_endpoint().port());
    }

    void accept() {
        acceptor_.async_accept(net::make_strand(context_), [this](boost::system::error_code error, tcp::socket socket) {
            if (error == net::error::operation_aborted || !acceptor_.is_open()) return;
            if (!error) {
                begin(std::move(socket));
                return accept();
            }
            // No more descriptors, or a client that went before it was seen: the next one may fare better.
            pause_.expires_after(std::chrono::milliseconds(50));
            pause_.async_wait([this](boost::system::error_code stopped) {
                if (!stopped) accept();
            });
        });
    }

    void begin(tcp::socket socket) {
        boost::system::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        std::optional<HttpResponse> turned_away;
        if (connections() >= shared_->limits.connections) {
            turned_away = error_response(503, "the server has as many connections as it may");
            turned_away->fields.emplace_back("retry-after", "1");
        }
        std::shared_ptr<Transport> transport =
            tls_ ? tls_->over(std::move(socket)) : std::make_shared<TcpTransport>(std::move(socket));
        start_session(std::move(transport), shared_, std::move(turned_away));
    }

    void serve() {
        use_process_cpus();
        for (;;) try {
                context_.run();
                return;
            } catch (const std::exception&) {  // out of memory: it costs one connection
            }
    }

    std::shared_ptr<Shared> shared_;
    std::unique_ptr<TlsServer> tls_;  // outlives the connections, which are gone with the context
    net::io_context context_;
    tcp::acceptor acceptor_;
    net::steady_timer pause_;
    std::string url_;
    std::vector<std::thread> threads_;
};

HttpServer::HttpServer(HttpOptions options, HttpHandler& handler) : impl_(std::make_unique<Impl>(options, handler)) {}

HttpServer::~HttpServer() = default;

const std::string& HttpServer::url() const { return impl_->url(); }

std::int64_t HttpServer::connections() const { return impl_->connections(); }

bool HttpServer::drain(std::chrono::duration<double> limit) { return impl_->drain(limit); }

void HttpServer::stop() { impl_->stop(); }

}  // namespace keel::serve
