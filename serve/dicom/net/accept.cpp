// The side that is called: one association, from its request to its end.
#include "serve/dicom/net/connection.h"
#include "serve/dicom/net/request_check.h"

#include <dcmtk/dcmdata/dcostrma.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/dimse.h>

#include <array>
#include <mutex>

#include "data/formats/dicom/writer.h"
#include "kernels/error.h"

namespace keel::dicom_node {
namespace {

using Clock = std::chrono::steady_clock;

/// Seconds that DCMTK is to wait; the connection's own deadlines come first.
int whole_seconds(std::chrono::milliseconds time) { return static_cast<int>(time.count() / 1000) + 1; }

/// Hands bytes of a data set on. An error of the sink is kept: nothing may be thrown through DCMTK.
class SinkStream final : public DcmConsumer {
public:
    explicit SinkStream(ObjectSink& sink) : sink_(sink) {}
    OFBool good() const override { return failed_.empty(); }
    OFCondition status() const override { return failed_.empty() ? EC_Normal : EC_InvalidStream; }
    OFBool isFlushed() const override { return OFTrue; }
    offile_off_t avail() const override { return 1 << 30; }
    void flush() override {}
    offile_off_t write(const void* src, offile_off_t size) override {
        if (!failed_.empty()) return 0;
        try {
            sink_.write({static_cast<const std::uint8_t*>(src), static_cast<std::size_t>(size)});
            return size;
        } catch (const std::exception& error) {
            failed_ = error.what();
            return 0;
        }
    }
    const std::string& failed() const { return failed_; }

private:
    ObjectSink& sink_;
    std::string failed_;
};

class SinkOutput final : public DcmOutputStream {
public:
    explicit SinkOutput(SinkStream& stream) : DcmOutputStream(&stream) {}
};

/// An association of DCMTK and the network that it is of.
struct Held {
    T_ASC_Network* network = nullptr;
    T_ASC_Association* association = nullptr;

    Held() = default;
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() {
        if (association != nullptr) {
            ASC_dropAssociation(association);
            ASC_destroyAssociation(&association);
        }
        if (network != nullptr) ASC_dropNetwork(&network);
    }
};

/// Reads the request of an association, so that no peer who is slow with it holds the lock below. Returns whether it
/// came and the guard let it through.
bool read_request(int socket, ConnectionState& state) {
    const auto until = Clock::now() + state.times.start;
    std::array<std::uint8_t, 4096> part{};
    std::size_t wanted = 6;
    while (state.read_ahead.size() < wanted) {
        const std::size_t most = std::min(part.size(), wanted - state.read_ahead.size());
        const ssize_t got = read_until(socket, part.data(), most, until);
        if (got <= 0) {
            state.fault = got == 0 ? "closed before a request for an association was complete"
                                   : "no request for an association came in time";
            return false;
        }
        const std::span<const std::uint8_t> bytes(part.data(), static_cast<std::size_t>(got));
        state.read_ahead.insert(state.read_ahead.end(), bytes.begin(), bytes.end());
        if (!state.guard.look(bytes)) {
            state.fault = state.guard.why();
            return false;
        }
        if (state.read_ahead.size() >= 6) {
            const std::vector<std::uint8_t>& head = state.read_ahead;
            wanted =
                6 + (std::size_t{head[2]} << 24 | std::size_t{head[3]} << 16 | std::size_t{head[4]} << 8 | head[5]);
        }
    }
    state.fault = request_fault(state.read_ahead);
    return state.fault.empty();
}

/// Lets DCMTK take over a connection whose request was read. It is told of the socket by a global variable.
OFCondition begin_association(Held& held, GuardedLayer& layer, const AcceptOptions& options) {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    dcmExternalSocketHandle.set(layer.socket.get());
    const int seconds = whole_seconds(options.times.start);
    OFCondition state = ASC_initializeNetwork(NET_ACCEPTOR, 0, seconds, &held.network);
    if (state.good()) state = ASC_setTransportLayer(held.network, &layer, 0);
    if (state.good())
        state = ASC_receiveAssociation(held.network, &held.association, static_cast<long>(options.limits.data), nullptr,
                                       nullptr, OFFalse, DUL_NOBLOCK, seconds);
    dcmExternalSocketHandle.set(DCMNET_INVALID_SOCKET);
    return state;
}

std::string without_blanks(const char* text) {
    const std::string all(text);
    const std::size_t begin = all.find_first_not_of(' '), end = all.find_last_not_of(' ');
    return begin == all.npos ? "" : all.substr(begin, end - begin + 1);
}

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
    std::vector<const char*> all;
    for (const std::string& text : texts) all.push_back(text.c_str());
    return all;
}

class Association {
public:
    Association(Held& held, const AcceptOptions& options, const BeginObject& begin, const SayOfAssociation& say)
        : association_(held.association), options_(options), begin_(begin), say_(say) {}

    /// Accepts or rejects what is proposed; returns whether the peer goes on.
    bool negotiate();
    /// Answers messages until the association ends. Returns whether the peer ended it in good order.
    bool serve();

private:
    bool reject(T_ASC_RejectParametersReason reason, const std::string& why);
    bool accept_contexts();
    OFCondition echo(const T_DIMSE_C_EchoRQ& request, T_ASC_PresentationContextID context);
    OFCondition store(const T_DIMSE_C_StoreRQ& request, T_ASC_PresentationContextID context);
    OFCondition receive(const T_DIMSE_C_StoreRQ& request, T_ASC_PresentationContextID context, StoreOutcome& outcome);
    int patience() const { return whole_seconds(options_.times.pdu); }

    T_ASC_Association* association_;
    const AcceptOptions& options_;
    const BeginObject& begin_;
    const SayOfAssociation& say_;
    std::string calling_;
};

bool Association::reject(T_ASC_RejectParametersReason reason, const std::string& why) {
    const T_ASC_RejectParameters parameters{ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER, reason};
    ASC_rejectAssociation(association_, &parameters);
    say_("refused an association: " + why);
    return false;
}

bool Association::accept_contexts() {
    const std::vector<const char*> syntaxes = pointers(options_.syntaxes), classes = pointers(options_.classes);
    const char* plain[] = {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax,
                           UID_BigEndianExplicitTransferSyntax};
    const char* echo[] = {UID_VerificationSOPClass};
    const bool echoes = ASC_acceptContextsWithPreferredTransferSyntaxes(association_->params, echo, 1, plain, 3).good();
    return echoes &&
           ASC_acceptContextsWithPreferredTransferSyntaxes(
               association_->params, const_cast<const char**>(classes.data()), static_cast<int>(classes.size()),
               const_cast<const char**>(syntaxes.data()), static_cast<int>(syntaxes.size()))
               .good();
}

bool Association::negotiate() {
    char calling[65] = {}, called[65] = {}, responding[65] = {}, name[65] = {};
    ASC_getAPTitles(association_->params, calling, sizeof calling, called, sizeof called, responding,
                    sizeof responding);
    calling_ = without_blanks(calling);
    if (ASC_getApplicationContextName(association_->params, name, sizeof name).bad() ||
        std::string(name) != UID_StandardApplicationContext)
        return reject(ASC_REASON_SU_APPCONTEXTNAMENOTSUPPORTED, "of another application context than DICOM's");
    if (without_blanks(called) != options_.title)
        return reject(ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED, "another title than this node's was called");
    const auto& allowed = options_.callers;
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), calling_) == allowed.end())
        return reject(ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED, "the caller is none of those that may");
    ASC_setAPTitles(association_->params, nullptr, nullptr, options_.title.c_str());
    if (!accept_contexts() || ASC_acknowledgeAssociation(association_).bad()) {
        say_("an association could not be agreed on");
        return false;
    }
    return true;
}

OFCondition Association::echo(const T_DIMSE_C_EchoRQ& request, T_ASC_PresentationContextID context) {
    return DIMSE_sendEchoResponse(association_, context, &request, STATUS_Success, nullptr);
}

/// Gets the data set of a request; `outcome` says what came of it, unless the association is at its end.
OFCondition Association::receive(const T_DIMSE_C_StoreRQ& request, T_ASC_PresentationContextID context,
                                 StoreOutcome& outcome) {
    T_ASC_PresentationContext agreed;
    OFCondition state = ASC_findAcceptedPresentationContext(association_->params, context, &agreed);
    if (state.bad()) return state;
    std::unique_ptr<ObjectSink> sink;
    try {
        sink = begin_(
            {request.AffectedSOPClassUID, request.AffectedSOPInstanceUID, agreed.acceptedTransferSyntax, calling_});
    } catch (const std::exception& error) {
        say_(std::string("cannot take an object: ") + error.what());
    }
    T_ASC_PresentationContextID data_context = context;
    if (!sink) {
        outcome = {StoreOutcome::Kind::out_of_resources, "this node can take no more for now"};
        DIC_UL bytes = 0, values = 0;
        return DIMSE_ignoreDataSet(association_, DIMSE_NONBLOCKING, patience(), &bytes, &values);
    }
    SinkStream stream(*sink);
    SinkOutput output(stream);
    state = DIMSE_receiveDataSetInFile(association_, DIMSE_NONBLOCKING, patience(), &data_context, &output, nullptr,
                                       nullptr);
    if (!stream.failed().empty()) {
        say_("cannot keep an object: " + stream.failed());
        outcome = {StoreOutcome::Kind::out_of_resources, "this node cannot keep it for now"};
        return state == DIMSE_OUTOFRESOURCES ? EC_Normal : state;
    }
    if (state.bad()) return state;
    if (data_context != context) {
        outcome = {StoreOutcome::Kind::unreadable, "command and data are of different contexts"};
        return state;
    }
    try {
        outcome = sink->finish();
    } catch (const std::exception& error) {
        say_(std::string("cannot keep an object: ") + error.what());
        outcome = {StoreOutcome::Kind::out_of_resources, "this node cannot keep it for now"};
    }
    return state;
}

DIC_US status_of(StoreOutcome::Kind kind) {
    switch (kind) {
        case StoreOutcome::Kind::stored:
            return STATUS_Success;
        case StoreOutcome::Kind::out_of_resources:
            return STATUS_STORE_Refused_OutOfResources;
        case StoreOutcome::Kind::mismatch:
            return STATUS_STORE_Error_DataSetDoesNotMatchSOPClass;
        case StoreOutcome::Kind::unreadable:
            break;
    }
    return STATUS_STORE_Error_CannotUnderstand;
}

OFCondition Association::store(const T_DIMSE_C_StoreRQ& request, T_ASC_PresentationContextID context) {
    StoreOutcome outcome;
    const OFCondition state = receive(request, context, outcome);
    if (state.bad()) return state;
    T_DIMSE_C_StoreRSP response{};
    response.DimseStatus = status_of(outcome.kind);
    response.MessageIDBeingRespondedTo = request.MessageID;
    response.DataSetType = DIMSE_DATASET_NULL;
    OFStandard::strlcpy(response.AffectedSOPClassUID, request.AffectedSOPClassUID, sizeof response.AffectedSOPClassUID);
    OFStandard::strlcpy(response.AffectedSOPInstanceUID, request.AffectedSOPInstanceUID,
                        sizeof response.AffectedSOPInstanceUID);
    response.opts = O_STORE_AFFECTEDSOPCLASSUID | O_STORE_AFFECTEDSOPINSTANCEUID;
    DcmDataset detail;
    if (!outcome.comment.empty())
        detail.putAndInsertString(DCM_ErrorComment, dicom::element_text(outcome.comment, 64).c_str());
    return DIMSE_sendStoreResponse(association_, context, &request, &response,
                                   outcome.comment.empty() ? nullptr : &detail);
}

bool Association::serve() {
    for (;;) {
        T_DIMSE_Message message{};
        T_ASC_PresentationContextID context = 0;
        OFCondition state = DIMSE_receiveCommand(association_, DIMSE_NONBLOCKING, whole_seconds(options_.times.idle),
                                                 &context, &message, nullptr);
        if (state.good() && message.CommandField == DIMSE_C_ECHO_RQ) {
            state = echo(message.msg.CEchoRQ, context);
        } else if (state.good() && message.CommandField == DIMSE_C_STORE_RQ) {
            state = store(message.msg.CStoreRQ, context);
        } else if (state.good()) {
            say_("ended an association: a command came that is neither C-ECHO nor C-STORE");
            ASC_abortAssociation(association_);
            return true;
        }
        if (state == DUL_PEERREQUESTEDRELEASE) {
            ASC_acknowledgeRelease(association_);
            ASC_dropSCPAssociation(association_, 1);  // the peer is to close it first
            return true;
        }
        if (state == DUL_PEERABORTEDASSOCIATION) return true;
        if (state.bad()) {
            ASC_abortAssociation(association_);
            return false;
        }
    }
}

}  // namespace

bool has_network() { return true; }

void prepare_network() {
    static const bool ready = [] {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        dcmDisableGethostbyaddr.set(OFTrue);
        dcmConnectionTimeout.set(10);
        return dcmDataDict.isDictionaryLoaded() != OFFalse;
    }();
    if (!ready)
        throw IoError(
            "[dicom] DCMTK finds no dictionary of elements (dicom.dic, of the package libdcmtk17; DCMDICTPATH "
            "names another)");
}

void serve_association(Descriptor socket, const AcceptOptions& options, const BeginObject& begin,
                       const SayOfAssociation& say) {
    const auto connection = std::make_shared<ConnectionState>();
    connection->times = options.times;
    connection->guard = PduGuard(options.limits);
    connection->guarded = true;
    connection->stopping = options.stopping;
    if (!read_request(socket.get(), *connection)) {
        say("ended a connection: " + connection->fault);
        return;
    }
    GuardedLayer layer(connection);
    layer.socket = std::move(socket);
    {
        Held held;
        if (begin_association(held, layer, options).bad() || held.association == nullptr) {
            say("ended a connection: its request for an association is malformed");
            return;
        }
        Association association(held, options, begin, say);
        if (!association.negotiate() || association.serve()) return;
    }
    say("ended an association: " + (connection->fault.empty() ? "a message is malformed" : connection->fault));
}

}  // namespace keel::dicom_node
