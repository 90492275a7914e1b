// Stands in where OpenSSL was not found.
#include "kernels/error.h"
#include "serve/http/tls.h"

namespace keel::serve {

std::unique_ptr<TlsServer> make_tls_server(const std::string&, const std::string&) {
    throw UsageError(
        "[serve] this keel was built without OpenSSL and serves no TLS: wanted libssl-dev when it was built");
}

}  // namespace keel::serve
