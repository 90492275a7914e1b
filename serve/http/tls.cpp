#include "serve/http/tls.h"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <utility>

#include "engine/files.h"
#include "kernels/error.h"
#include "serve/http/tcp_transport.h"

namespace keel::serve {
namespace {

namespace ssl = boost::asio::ssl;

constexpr std::uint64_t kLargestPem = 1 << 20;

class TlsTransport final : public TcpTransport {
public:
    TlsTransport(boost::asio::ip::tcp::socket socket, ssl::context& context)
        : TcpTransport(std::move(socket)), stream_(socket_, context) {}

    bool is_secure() const override { return true; }
    void handshake(Resume then) override { stream_.async_handshake(ssl::stream_base::server, std::move(then)); }
    void read_some(std::span<char> bytes, Resume then) override {
        stream_.async_read_some(boost::asio::buffer(bytes.data(), bytes.size()), std::move(then));
    }
    /// A record is made of one piece of memory: a small body is copied behind its head, else it would be another one.
    void write_some(std::string_view head, std::string_view body, Resume then) override {
        constexpr std::size_t kLargestRecord = 16 << 10;
        std::string_view bytes = head.empty() ? body : head;
        if (!head.empty() && !body.empty() && head.size() + body.size() <= kLargestRecord) {
            record_.assign(head).append(body);
            bytes = record_;
        }
        stream_.async_write_some(boost::asio::buffer(bytes), std::move(then));
    }
    void finish(Resume then) override { stream_.async_shutdown(std::move(then)); }

private:
    ssl::stream<boost::asio::ip::tcp::socket&> stream_;
    std::string record_;
};

class OpenSslServer final : public TlsServer {
public:
    OpenSslServer(const std::string& certificate, const std::string& key) {
        context_.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                             ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | ssl::context::single_dh_use);
        const auto use = [](const std::string& file, const auto& take) {
            const std::string pem = read_file(file, kLargestPem);
            boost::system::error_code error;
            take(boost::asio::buffer(pem), error);
            if (error) throw InputError("[serve] " + file + ": " + error.message());
        };
        use(certificate, [&](const auto& pem, auto& error) { context_.use_certificate_chain(pem, error); });
        use(key, [&](const auto& pem, auto& error) { context_.use_private_key(pem, ssl::context::pem, error); });
    }

    std::shared_ptr<Transport> over(boost::asio::ip::tcp::socket socket) override {
        return std::make_shared<TlsTransport>(std::move(socket), context_);
    }

private:
    ssl::context context_{ssl::context::tls_server};
};

}  // namespace

std::unique_ptr<TlsServer> make_tls_server(const std::string& certificate, const std::string& key) {
    return std::make_unique<OpenSslServer>(certificate, key);
}

}  // namespace keel::serve
