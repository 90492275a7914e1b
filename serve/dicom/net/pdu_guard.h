// Looks at the bytes of an association before the library that parses them does (PS3.8, section 9.3): lengths are
// bounded, and so is what a peer can make the library gather.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace keel::dicom_node {

struct PduLimits {
    std::size_t association = std::size_t{1} << 16;  ///< bytes of the request for one: some 500 contexts fit
    std::size_t data = std::size_t{1} << 17;         ///< of a PDU of data, as is announced to the peer
    std::size_t command = std::size_t{1} << 14;      ///< of a command; the standard's own have a few hundred
    std::size_t data_set = std::size_t{1} << 29;     ///< as image files have at most
};

class PduGuard {
public:
    explicit PduGuard(const PduLimits& limits = {}) : limits_(limits) {}

    /// Takes the next bytes of the stream. Returns false, from then on always, where they break a limit or are no PDU
    /// that a requestor may send; why() says which.
    bool look(std::span<const std::uint8_t> bytes);
    const std::string& why() const { return why_; }

    /// Whether a PDU has begun that is not complete.
    bool within_pdu() const { return head_bytes_ > 0; }
    /// Whether a message has begun, command or data, whose end did not come.
    bool within_message() const { return within_pdu() || command_ > 0 || data_set_ > 0 || awaits_data_; }

private:
    bool refuse(const std::string& why);
    bool begin_pdu();
    bool begin_value();
    bool look_at_command(std::span<const std::uint8_t> bytes);
    bool end_value();

    PduLimits limits_;
    std::string why_;
    bool first_ = true, broken_ = false;
    std::uint8_t head_[6] = {};
    std::size_t head_bytes_ = 0, body_left_ = 0;
    // Within a PDU of data: values (PDVs), each with a length, the number of a context and a byte that says what it is.
    std::uint8_t value_head_[6] = {};
    std::size_t value_head_bytes_ = 0, value_left_ = 0;
    std::size_t command_ = 0, data_set_ = 0;  ///< bytes of those that did not end yet
    bool announced_ = false;                  ///< a command says that data follow it
    bool awaits_data_ = false;                ///< they follow now: before, the library would read data as a command
    // Within a command: elements of group 0, implicit little endian. The library takes memory as their lengths claim.
    std::uint8_t element_head_[8] = {};
    std::size_t element_head_bytes_ = 0, element_left_ = 0, element_at_ = 0;
};

/// The bytes with which a node that serves as many as it can turns one more away (A-ASSOCIATE-RJ: for now, the local
/// limit is exceeded).
std::string rejection_when_full();

}  // namespace keel::dicom_node
