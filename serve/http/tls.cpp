#include "serve/http/tls.h"

#include <boost/asio/ssl.hpp>
#include <boost/beast/ssl.hpp>
#include <utility>

#include "engine/files.h"
#include "kernels/error.h"
#include "serve/http/session.h"

namespace keel::serve {
namespace {

namespace ssl = boost::asio::ssl;

constexpr std::uint64_t kLargestPem = 1 << 20;

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

    void serve(boost::asio::ip::tcp::socket socket, const std::shared_ptr<Shared>& shared,
               std::optional<HttpResponse> turned_away) override {
        boost::beast::ssl_stream<boost::beast::tcp_stream> stream(boost::beast::tcp_stream(std::move(socket)),
                                                                  context_);
        start_session(std::move(stream), shared, std::move(turned_away));
    }

private:
    ssl::context context_{ssl::context::tls_server};
};

}  // namespace

std::unique_ptr<TlsServer> make_tls_server(const std::string& certificate, const std::string& key) {
    return std::make_unique<OpenSslServer>(certificate, key);
}

}  // namespace keel::serve
