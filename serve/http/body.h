// The body of a request as Beast's parser fills it.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>

#include "serve/http/shared.h"

namespace keel::serve {

struct MeteredBody {
    using value_type = std::shared_ptr<HeldBody>;

    class reader {
    public:
        template <bool isRequest, class Fields>
        reader(boost::beast::http::header<isRequest, Fields>&, value_type& body) : body_(body) {}

        void init(const boost::optional<std::uint64_t>& length, boost::system::error_code& error) {
            error = {};
            if (length) body_->expect(*length);
        }

        template <class Buffers>
        std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
            std::size_t taken = 0;
            error = {};
            for (const boost::asio::const_buffer part : boost::beast::buffers_range_ref(buffers)) {
                if (!body_->add(part.data(), part.size())) {
                    error = make_error_code(boost::system::errc::not_enough_memory);
                    return taken;
                }
                taken += part.size();
            }
            return taken;
        }

        void finish(boost::system::error_code& error) { error = {}; }

    private:
        value_type& body_;  ///< which is made after this
    };
};

}  // namespace keel::serve
