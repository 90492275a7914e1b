// DICOM's associations: what a peer sends, and what is sent to one. DCMTK speaks the protocol; it is included in this
// folder alone, and missing.cpp stands in where Keel is built without it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/descriptor.h"
#include "serve/dicom/net/node_address.h"
#include "serve/dicom/net/pdu_guard.h"

namespace keel::dicom_node {

/// Returns whether this Keel was built with DCMTK.
bool has_network();
/// Makes DCMTK ready and silent; its own log would name patients. Throws UsageError where Keel was built without it,
/// IoError where its dictionary of elements is missing.
void prepare_network();

/// An object that a peer wants to store.
struct StoreRequest {
    std::string sop_class{}, sop_instance{};
    std::string syntax{};   ///< UID of the transfer syntax that it comes in
    std::string calling{};  ///< title of the application entity that sends it
};

/// How it ended, and what the peer is told.
struct StoreOutcome {
    enum class Kind { stored, out_of_resources, mismatch, unreadable } kind = Kind::stored;
    std::string comment{};  ///< for the peer, 64 letters of it at most; says nothing of patients
};

/// Takes the bytes of one object.
class ObjectSink {
public:
    virtual ~ObjectSink() = default;
    /// Takes the next bytes of the data set. May throw keel::Error: the peer is told that resources are lacking.
    virtual void write(std::span<const std::uint8_t> bytes) = 0;
    /// Called when all came. May throw likewise.
    virtual StoreOutcome finish() = 0;
};

/// What an association does, for a log: no names, no identifiers.
using SayOfAssociation = std::function<void(const std::string& what)>;

struct AssociationTimes {
    std::chrono::milliseconds start{30'000};     ///< for the request of an association
    std::chrono::milliseconds idle{60'000};      ///< between messages
    std::chrono::milliseconds pdu{60'000};       ///< for one that has begun
    std::chrono::milliseconds message{600'000};  ///< likewise
};

struct AcceptOptions {
    std::string title{};                  ///< of this node; peers that call another are refused
    std::vector<std::string> callers{};   ///< titles that may call; empty: any
    std::vector<std::string> classes{};   ///< SOP classes that are stored; C-ECHO is answered always
    std::vector<std::string> syntaxes{};  ///< transfer syntaxes of these, the ones preferred first
    AssociationTimes times{};
    PduLimits limits{};
    std::function<bool()> stopping{};  ///< true: associations end between two messages; may be null
};

/// Begins an object; may throw as ObjectSink::write().
using BeginObject = std::function<std::unique_ptr<ObjectSink>(const StoreRequest& request)>;

/// Serves one association on a connection of TCP, to its end. Throws nothing: a peer's faults end it and are said.
void serve_association(Descriptor socket, const AcceptOptions& options, const BeginObject& begin,
                       const SayOfAssociation& say);

enum class SendResult {
    stored,
    passing,  ///< the peer says that it may take it later
    lasting,  ///< the peer refuses this object
    broken    ///< the association is lost
};

struct SendOutcome {
    SendResult result = SendResult::broken;
    std::string why{};
};

/// An association with a peer, to store objects there.
class PeerAssociation {
public:
    virtual ~PeerAssociation() = default;
    /// Sends a file. Throws IoError or InputError where it cannot be read.
    virtual SendOutcome send(const std::filesystem::path& file) = 0;
    /// Asks for an echo (C-ECHO).
    virtual SendOutcome echo() = 0;
    /// Ends it in good order; the destructor just ends it.
    virtual void release() = 0;
};

struct CallOptions {
    std::string title{};  ///< of this node
    NodeAddress peer{};
    std::vector<std::string> classes{};  ///< that are to be stored
    AssociationTimes times{};
    /// Gets a second descriptor of the connection, to shut it down by; empty when it is over. May be null.
    std::function<void(Descriptor socket)> connected{};
};

/// Calls a peer. Throws IoError where it cannot be reached or refuses.
std::unique_ptr<PeerAssociation> call_peer(const CallOptions& options);

}  // namespace keel::dicom_node
