// The connection below DCMTK's associations: reads with deadlines, and shows all that comes to a guard first.
#pragma once

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmnet/dcmlayer.h>
#include <dcmtk/dcmnet/dcmtrans.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/descriptor.h"
#include "serve/dicom/net/network.h"

namespace keel::dicom_node {

/// What a connection shares with who waits for its end: DCMTK says of a broken one only that it is.
struct ConnectionState {
    AssociationTimes times{};
    PduGuard guard{};
    bool guarded = false;
    std::function<bool()> stopping{};  ///< as AcceptOptions::stopping
    std::string fault{};               ///< why the connection was ended here; empty: it was not
    std::vector<std::uint8_t> read_ahead{};
};

class GuardedConnection final : public DcmTransportConnection {
public:
    GuardedConnection(Descriptor socket, std::shared_ptr<ConnectionState> state);
    ~GuardedConnection() override;

    OFCondition serverSideHandshake() override { return EC_Normal; }
    OFCondition clientSideHandshake() override { return EC_Normal; }
    OFCondition renegotiate(const char*) override { return EC_Normal; }
    ssize_t read(void* dst, size_t size) override;
    ssize_t write(void* src, size_t size) override;
    void close() override;
    void closeTransportConnection() override { close(); }
    unsigned long getPeerCertificateLength() override { return 0; }
    unsigned long getPeerCertificate(void*, unsigned long) override { return 0; }
    OFBool networkDataAvailable(int seconds) override;
    OFBool isTransparentConnection() override { return OFTrue; }
    OFString& dumpConnectionParameters(OFString& text) override { return text; }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point deadline();
    ssize_t fail(const std::string& why);

    Descriptor socket_;
    std::shared_ptr<ConnectionState> state_;
    Clock::time_point pdu_began_{}, message_began_{};
    bool in_pdu_ = false, in_message_ = false;
};

/// Reads what a connection sends next, until `until`: 0 at its end, -1 where nothing came or it broke.
ssize_t read_until(int socket, void* dst, std::size_t size, std::chrono::steady_clock::time_point until);

/// Makes the connections of one association: the next one of `socket`, or of what it is called with where that is
/// empty.
class GuardedLayer final : public DcmTransportLayer {
public:
    explicit GuardedLayer(std::shared_ptr<ConnectionState> state) : state_(std::move(state)) {}
    DcmTransportConnection* createConnection(DcmNativeSocketType socket, OFBool secure) override;

    Descriptor socket;                              ///< owned until a connection takes it
    std::function<void(Descriptor socket)> opened;  ///< gets a second descriptor of it; may be null

private:
    std::shared_ptr<ConnectionState> state_;
};

}  // namespace keel::dicom_node
