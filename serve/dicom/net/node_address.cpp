#include "serve/dicom/net/node_address.h"

#include <charconv>

#include "data/formats/dicom/writer.h"
#include "kernels/error.h"

namespace keel::dicom_node {
namespace {

NodeAddress parse(const std::string& text, const std::string& option, const std::string& wanted,
                  const std::string& host) {
    const auto refuse = [&] { throw UsageError("[dicom] " + option + " wants " + wanted + ", got '" + text + "'"); };
    const std::size_t at = text.rfind('@'), colon = text.rfind(':');
    if (colon == text.npos || (at != text.npos && colon < at)) refuse();
    if (at == text.npos && host.empty()) refuse();
    NodeAddress address;
    address.title = checked_title(text.substr(0, std::min(at, colon)), option);
    address.host = at == text.npos ? host : text.substr(at + 1, colon - at - 1);
    if (address.host.starts_with('[') && address.host.ends_with(']'))
        address.host = address.host.substr(1, address.host.size() - 2);
    if (address.host.empty() || address.host.size() > 253) refuse();
    const char *begin = text.data() + colon + 1, *end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, address.port);
    if (error != std::errc() || stop != end || address.port < 0 || address.port > 65535) refuse();
    return address;
}

}  // namespace

NodeAddress parse_own_address(const std::string& text, const std::string& option) {
    return parse(text, option, "AET:PORT or AET@ADDRESS:PORT", "127.0.0.1");
}

NodeAddress parse_peer_address(const std::string& text, const std::string& option) {
    NodeAddress address = parse(text, option, "AET@HOST:PORT", "");
    if (address.port == 0) throw UsageError("[dicom] " + option + " wants a port from 1 to 65535, got 0");
    return address;
}

std::string checked_title(const std::string& text, const std::string& option) {
    const std::size_t begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
    const std::string title = begin == text.npos ? "" : text.substr(begin, end - begin + 1);
    if (title.empty() || title != dicom::element_text(title, 16))
        throw UsageError("[dicom] " + option + " wants an application entity title of 1 to 16 letters, got '" + text +
                         "'");
    return title;
}

std::string address_text(const NodeAddress& address) {
    const bool six = address.host.find(':') != address.host.npos;
    return address.title + '@' + (six ? '[' + address.host + ']' : address.host) + ':' + std::to_string(address.port);
}

}  // namespace keel::dicom_node
