// TLS under a connection, where OpenSSL was found.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "serve/http/transport.h"

namespace keel::serve {

/// A server's certificate and key. Outlives the transports over it.
class TlsServer {
public:
    virtual ~TlsServer() = default;
    /// Returns TLS over a connection that was accepted, before its handshake.
    virtual std::shared_ptr<Transport> over(boost::asio::ip::tcp::socket socket) = 0;
};

/// Reads the files, in PEM; the certificate's may hold those that it was signed with. Throws UsageError where Keel was
/// built without OpenSSL, InputError or IoError that names the file.
std::unique_ptr<TlsServer> make_tls_server(const std::string& certificate, const std::string& key);

}  // namespace keel::serve
