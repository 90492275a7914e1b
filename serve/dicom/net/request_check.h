// Looks through a request for an association before DCMTK does: on its way out of one whose lengths do not fit together
// DCMTK forgets memory, a little each time, which a peer could do as often as it likes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace keel::dicom_node {

/// Returns what is wrong with an A-ASSOCIATE-RQ (PS3.8, section 9.3.2; its user information PS3.7, annex D), head
/// included; empty where it is well formed. Items of kinds that nobody knows are let through where their lengths are
/// right.
std::string request_fault(std::span<const std::uint8_t> pdu);

}  // namespace keel::dicom_node
