// One connection: requests are read one after the other and answered in their order.
#pragma once

#include <memory>
#include <optional>

#include "serve/http/shared.h"
#include "serve/http/transport.h"

namespace keel::serve {

/// Counts a connection among the open ones and serves it until it ends; with a response it only answers that.
void start_session(std::shared_ptr<Transport> transport, const std::shared_ptr<Shared>& shared,
                   std::optional<HttpResponse> turned_away);

}  // namespace keel::serve
