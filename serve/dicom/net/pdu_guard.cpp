#include "serve/dicom/net/pdu_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace keel::dicom_node {
namespace {

constexpr std::uint8_t kRequest = 1, kData = 4, kRelease = 5, kReleased = 6, kAbort = 7;
constexpr std::uint8_t kIsCommand = 1, kIsLast = 2;

std::size_t big_endian(const std::uint8_t* p) {
    return std::size_t{p[0]} << 24 | std::size_t{p[1]} << 16 | std::size_t{p[2]} << 8 | p[3];
}

}  // namespace

bool PduGuard::refuse(const std::string& why) {
    why_ = why;
    broken_ = true;
    return false;
}

bool PduGuard::begin_pdu() {
    const std::uint8_t type = head_[0];
    const std::size_t length = big_endian(head_ + 2);
    if (first_ != (type == kRequest))
        return refuse(first_ ? "wanted a request for an association first, PDU type " + std::to_string(type) + " came"
                             : "a second request for an association came");
    if (type == kRequest && length > limits_.association)
        return refuse(
            fmt::format("a request for an association of {} bytes, {} are allowed", length, limits_.association));
    if (type == kData && length > limits_.data)
        return refuse(fmt::format("a PDU of {} bytes of data, {} were agreed", length, limits_.data));
    if ((type == kRelease || type == kReleased || type == kAbort) && length != 4)
        return refuse(fmt::format("a PDU of type {} of {} bytes, 4 are wanted", type, length));
    if (type != kRequest && type != kData && type != kRelease && type != kReleased && type != kAbort)
        return refuse(fmt::format("PDU type {} came, which no requestor sends", type));
    first_ = false;
    body_left_ = length;
    value_head_bytes_ = value_left_ = 0;
    if (body_left_ == 0) head_bytes_ = 0;
    return true;
}

bool PduGuard::begin_value() {
    const std::size_t length = big_endian(value_head_);
    // The length counts the context and the byte behind it, which are read already.
    if (length < 2 || length - 2 > body_left_) return refuse("a value is longer than the PDU that it is in");
    value_left_ = length - 2;
    const bool command = (value_head_[5] & kIsCommand) != 0;
    if (command == awaits_data_)
        return refuse(command ? "a command came within a data set" : "data came that no command announced");
    (command ? command_ : data_set_) += value_left_;
    if (command_ > limits_.command) return refuse(fmt::format("a command of more than {} bytes", limits_.command));
    if (data_set_ > limits_.data_set) return refuse(fmt::format("a data set of more than {} bytes", limits_.data_set));
    return value_left_ > 0 || end_value();
}

bool PduGuard::look_at_command(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        if (element_left_ > 0) {
            // Whether data follow: (0000,0800) is 0101 where none do.
            if (element_head_[2] == 0 && element_head_[3] == 8 && element_at_ < 2)
                announced_ = element_at_ == 0 ? bytes.front() != 1 : announced_ || bytes.front() != 1;
            ++element_at_;
            --element_left_;
            bytes = bytes.subspan(1);
            continue;
        }
        element_head_[element_head_bytes_++] = bytes.front();
        bytes = bytes.subspan(1);
        if (element_head_bytes_ < sizeof element_head_) continue;
        element_head_bytes_ = element_at_ = 0;
        const std::uint8_t* const h = element_head_;
        element_left_ = std::size_t{h[7]} << 24 | std::size_t{h[6]} << 16 | std::size_t{h[5]} << 8 | h[4];
        if (h[0] != 0 || h[1] != 0) return refuse("a command holds elements that are of none");
        if (element_left_ > limits_.command) return refuse("an element of a command is longer than commands are");
    }
    return true;
}

bool PduGuard::end_value() {
    value_head_bytes_ = 0;
    if ((value_head_[5] & kIsLast) == 0) return true;
    if ((value_head_[5] & kIsCommand) == 0) {
        data_set_ = 0, awaits_data_ = false;
        return true;
    }
    command_ = 0;
    awaits_data_ = std::exchange(announced_, false);
    const bool complete = element_left_ == 0 && element_head_bytes_ == 0;
    return complete || refuse("a command ends within an element");
}

bool PduGuard::look(std::span<const std::uint8_t> bytes) {
    while (!broken_ && !bytes.empty()) {
        if (head_bytes_ < sizeof head_) {
            head_[head_bytes_++] = bytes.front();
            bytes = bytes.subspan(1);
            if (head_bytes_ == sizeof head_ && !begin_pdu()) return false;
            continue;
        }
        if (head_[0] == kData && value_left_ == 0) {
            if (body_left_ == 0) break;
            value_head_[value_head_bytes_++] = bytes.front();
            bytes = bytes.subspan(1);
            --body_left_;
            if (value_head_bytes_ == sizeof value_head_ && !begin_value()) return false;
            if (body_left_ == 0 && value_head_bytes_ != 0)
                return refuse("a PDU of data ends within the head of a value");
        } else {
            const std::size_t wanted = head_[0] == kData ? value_left_ : body_left_;
            const std::size_t taken = std::min(wanted, bytes.size());
            const bool command = head_[0] == kData && (value_head_[5] & kIsCommand) != 0;
            if (command && !look_at_command(bytes.first(taken))) return false;
            bytes = bytes.subspan(taken);
            body_left_ -= taken;
            if (head_[0] == kData && (value_left_ -= taken) == 0 && !end_value()) return false;
        }
        if (body_left_ == 0) head_bytes_ = 0;
    }
    return !broken_;
}

std::string rejection_when_full() { return {3, 0, 0, 0, 0, 4, 0, 2, 3, 2}; }

}  // namespace keel::dicom_node
