#include "serve/dicom/net/request_check.h"

#include <fmt/format.h>

#include <functional>

namespace keel::dicom_node {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHead = 6, kFixed = 68, kLongestUid = 64;
constexpr std::uint8_t kApplication = 0x10, kProposedContext = 0x20, kContextAnswer = 0x21, kAbstract = 0x30,
                       kTransfer = 0x40, kUser = 0x50, kMaximum = 0x51, kImplementationClass = 0x52, kRole = 0x54,
                       kVersion = 0x55, kExtended = 0x56, kIdentity = 0x58, kIdentityAnswer = 0x59;

std::size_t u16(Bytes bytes, std::size_t at) { return std::size_t{bytes[at]} << 8 | bytes[at + 1]; }

/// Whether `bytes` are parts with a kind, a byte, a length and a body each, of which `check` accepts all.
bool are_parts(Bytes bytes, const std::function<bool(std::uint8_t kind, Bytes body)>& check) {
    while (!bytes.empty()) {
        if (bytes.size() < 4) return false;
        const std::size_t length = u16(bytes, 2);
        if (length > bytes.size() - 4 || !check(bytes[0], bytes.subspan(4, length))) return false;
        bytes = bytes.subspan(4 + length);
    }
    return true;
}

bool is_context(Bytes body) {
    int abstract = 0, transfer = 0;
    const bool parts = body.size() >= 4 && are_parts(body.subspan(4), [&](std::uint8_t kind, Bytes part) {
                           abstract += kind == kAbstract ? 1 : 0;
                           transfer += kind == kTransfer ? 1 : 0;
                           return (kind != kAbstract && kind != kTransfer) || part.size() <= kLongestUid;
                       });
    return parts && abstract == 1 && transfer > 0;
}

/// A length of 16 bits, what it counts, and `more` bytes behind it, at `at` of a body.
bool counts(Bytes body, std::size_t at, std::size_t more) {
    return body.size() >= at + 2 && u16(body, at) == body.size() - at - 2 - more && body.size() >= at + 2 + more;
}

bool is_role(Bytes body) { return body.size() >= 4 && body.size() - 4 <= kLongestUid && counts(body, 0, 2); }

bool is_extended(Bytes body) {
    return body.size() >= 2 && u16(body, 0) <= kLongestUid && u16(body, 0) <= body.size() - 2;
}

bool is_identity(Bytes body) {
    if (body.size() < 6) return false;
    const std::size_t primary = u16(body, 2);
    return primary <= body.size() - 6 && counts(body, 4 + primary, 0);
}

bool is_user_part(std::uint8_t kind, Bytes body, int& identities) {
    switch (kind) {
        case kMaximum:
            return body.size() == 4;
        case kImplementationClass:
        case kVersion:
            return body.size() <= kLongestUid;
        case kRole:
            return is_role(body);
        case kExtended:
            return is_extended(body);
        case kIdentity:
            return ++identities == 1 && is_identity(body);
        case kIdentityAnswer:
            return false;
        default:
            return true;
    }
}

}  // namespace

std::string request_fault(Bytes pdu) {
    if (pdu.size() < kHead + kFixed) return "a request for an association that is too short";
    int applications = 0, contexts = 0, users = 0, identities = 0;
    std::string fault;
    const bool parts = are_parts(pdu.subspan(kHead + kFixed), [&](std::uint8_t kind, Bytes body) {
        bool good = kind != kContextAnswer;
        if (kind == kApplication) good = ++applications == 1 && body.size() <= kLongestUid;
        if (kind == kProposedContext) good = ++contexts <= 128 && is_context(body);
        if (kind == kUser)
            good = ++users == 1 &&
                   are_parts(body, [&](std::uint8_t user, Bytes part) { return is_user_part(user, part, identities); });
        if (!good) fault = fmt::format("a request for an association with a malformed item of kind {:02x}", kind);
        return good;
    });
    if (!parts) return fault.empty() ? "a request for an association whose lengths do not fit together" : fault;
    if (applications == 0 || users == 0) return "a request for an association without its application or its user";
    return "";
}

}  // namespace keel::dicom_node
