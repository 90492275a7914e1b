// Who is to be reached where: an application entity, DICOM's name of a program, at an address.
#pragma once

#include <string>

namespace keel::dicom_node {

struct NodeAddress {
    std::string title{};  ///< of the application entity: 1 to 16 letters
    std::string host{};
    int port = 0;

    bool operator==(const NodeAddress&) const = default;
};

/// Returns what "KEEL:11112" (on this machine alone) or "KEEL@0.0.0.0:11112" says; an address of IPv6 stands in
/// brackets. `option` begins messages. Throws UsageError for anything else.
NodeAddress parse_own_address(const std::string& text, const std::string& option);
/// The same where the host must be said: "PACS@archive.example:104".
NodeAddress parse_peer_address(const std::string& text, const std::string& option);

/// Returns the title without the blanks around it. Throws UsageError unless it has 1 to 16 printable letters of ASCII,
/// none of them '\'.
std::string checked_title(const std::string& text, const std::string& option);

/// "PACS@archive.example:104"
std::string address_text(const NodeAddress& address);

}  // namespace keel::dicom_node
