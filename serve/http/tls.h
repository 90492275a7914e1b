// TLS under a connection, where OpenSSL was found.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>

#include "serve/http/shared.h"

namespace keel::serve {

/// A server's certificate and key.
class TlsServer {
public:
    virtual ~TlsServer() = default;
    /// Serves a connection that was accepted.
    virtual void serve(boost::asio::ip::tcp::socket socket, const std::shared_ptr<Shared>& shared,
                       std::optional<HttpResponse> turned_away) = 0;
};

/// Reads the files, in PEM; the certificate's may hold those that it was signed with. Throws UsageError where Keel was
/// built without OpenSSL, InputError or IoError that names the file.
std::unique_ptr<TlsServer> make_tls_server(const std::string& certificate, const std::string& key);

}  // namespace keel::serve
