// The side that calls: an association with a peer that objects are stored at.
#include "serve/dicom/net/connection.h"

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/dimse.h>
#include <dcmtk/dcmnet/diutil.h>

#include <fmt/format.h>

#include "kernels/error.h"

namespace keel::dicom_node {
namespace {

/// What a status of C-STORE means (PS3.7, annex C; PS3.4, B.2.3).
SendResult result_of(DIC_US status) {
    const bool warning = (status & 0xF000) == 0xB000 || status == 0x0001 || status == 0x0107 || status == 0x0116;
    if (status == STATUS_Success || warning) return SendResult::stored;
    // Out of resources; processing failure; resource limitation.
    if ((status & 0xFF00) == 0xA700 || status == 0x0110 || status == 0x0213) return SendResult::passing;
    return SendResult::lasting;
}

class DcmtkAssociation final : public PeerAssociation {
public:
    explicit DcmtkAssociation(const CallOptions& options)
        : options_(options), state_(std::make_shared<ConnectionState>()), layer_(state_) {
        state_->times = options.times;
        layer_.opened = options.connected;
    }
    ~DcmtkAssociation() override {
        if (association_ != nullptr) {
            ASC_dropAssociation(association_);
            ASC_destroyAssociation(&association_);
        }
        if (network_ != nullptr) ASC_dropNetwork(&network_);
        if (options_.connected) options_.connected(Descriptor());
    }

    void call();
    SendOutcome send(const std::filesystem::path& file) override;
    SendOutcome echo() override;
    void release() override { ASC_releaseAssociation(association_); }

private:
    void require(const OFCondition& state) const;
    SendOutcome broken(const OFCondition& state) const;
    int seconds() const { return static_cast<int>(options_.times.pdu.count() / 1000) + 1; }

    CallOptions options_;
    std::shared_ptr<ConnectionState> state_;
    GuardedLayer layer_;
    T_ASC_Network* network_ = nullptr;
    T_ASC_Association* association_ = nullptr;
};

void DcmtkAssociation::require(const OFCondition& state) const {
    if (state.bad())
        throw IoError("[dicom] cannot reach " + address_text(options_.peer) + ": " +
                      (state_->fault.empty() ? std::string(state.text()) : state_->fault));
}

void DcmtkAssociation::call() {
    require(ASC_initializeNetwork(NET_REQUESTOR, 0, seconds(), &network_));
    require(ASC_setTransportLayer(network_, &layer_, 0));
    T_ASC_Parameters* parameters = nullptr;
    require(ASC_createAssociationParameters(&parameters, ASC_DEFAULTMAXPDU));
    const std::unique_ptr<T_ASC_Parameters*, void (*)(T_ASC_Parameters**)> own(&parameters, [](T_ASC_Parameters** p) {
        if (*p != nullptr) ASC_destroyAssociationParameters(p);
    });
    const NodeAddress& peer = options_.peer;
    require(ASC_setAPTitles(parameters, options_.title.c_str(), peer.title.c_str(), nullptr));
    require(ASC_setPresentationAddresses(parameters, "localhost", fmt::format("{}:{}", peer.host, peer.port).c_str()));
    const char* syntaxes[] = {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax};
    T_ASC_PresentationContextID context = 1;
    require(ASC_addPresentationContext(parameters, context, UID_VerificationSOPClass, syntaxes, 2));
    for (const std::string& one : options_.classes)
        require(ASC_addPresentationContext(parameters, context = static_cast<T_ASC_PresentationContextID>(context + 2),
                                           one.c_str(), syntaxes, 2));
    const OFCondition state =
        ASC_requestAssociation(network_, parameters, &association_, nullptr, nullptr, DUL_NOBLOCK, seconds());
    if (association_ != nullptr) parameters = nullptr;  // the association's now
    if (state == DUL_ASSOCIATIONREJECTED) {
        T_ASC_RejectParameters rejected{};
        ASC_getRejectParameters(association_->params, &rejected);
        OFString text;
        ASC_printRejectParameters(text, &rejected);
        std::string line(text.c_str());
        for (char& c : line) c = c == '\n' ? ' ' : c;
        throw IoError("[dicom] " + address_text(peer) + " rejected the association: " + line);
    }
    require(state);
}

SendOutcome DcmtkAssociation::broken(const OFCondition& state) const {
    return {SendResult::broken, state_->fault.empty() ? std::string(state.text()) : state_->fault};
}

SendOutcome DcmtkAssociation::echo() {
    DIC_US status = 0;
    const OFCondition state =
        DIMSE_echoUser(association_, association_->nextMsgID++, DIMSE_NONBLOCKING, seconds(), &status, nullptr);
    if (state.bad()) return broken(state);
    return {result_of(status), fmt::format("status {:04x}", status)};
}

SendOutcome DcmtkAssociation::send(const std::filesystem::path& path) {
    DcmFileFormat file;
    if (const OFCondition state = file.loadFile(path.c_str()); state.bad())
        throw InputError("[dicom] cannot read " + path.string() + ": " + state.text());
    OFString sop_class, sop_instance;
    if (file.getDataset()->findAndGetOFString(DCM_SOPClassUID, sop_class).bad() ||
        file.getDataset()->findAndGetOFString(DCM_SOPInstanceUID, sop_instance).bad())
        throw InputError("[dicom] " + path.string() + " does not say which object it is");
    const T_ASC_PresentationContextID context = ASC_findAcceptedPresentationContextID(association_, sop_class.c_str());
    if (context == 0)
        return {SendResult::lasting,
                std::string("it takes no objects of class ") + dcmFindNameOfUID(sop_class.c_str(), sop_class.c_str())};
    T_DIMSE_C_StoreRQ request{};
    request.MessageID = association_->nextMsgID++;
    OFStandard::strlcpy(request.AffectedSOPClassUID, sop_class.c_str(), sizeof request.AffectedSOPClassUID);
    OFStandard::strlcpy(request.AffectedSOPInstanceUID, sop_instance.c_str(), sizeof request.AffectedSOPInstanceUID);
    request.DataSetType = DIMSE_DATASET_PRESENT;
    request.Priority = DIMSE_PRIORITY_MEDIUM;
    T_DIMSE_C_StoreRSP response{};
    DcmDataset* detail = nullptr;
    const OFCondition state = DIMSE_storeUser(association_, context, &request, nullptr, file.getDataset(), nullptr,
                                              nullptr, DIMSE_NONBLOCKING, seconds(), &response, &detail);
    const std::unique_ptr<DcmDataset> own(detail);
    if (state.bad()) return broken(state);
    return {result_of(response.DimseStatus),
            fmt::format("status {:04x}, {}", response.DimseStatus, DU_cstoreStatusString(response.DimseStatus))};
}

}  // namespace

std::unique_ptr<PeerAssociation> call_peer(const CallOptions& options) {
    prepare_network();
    auto association = std::make_unique<DcmtkAssociation>(options);
    association->call();
    return association;
}

}  // namespace keel::dicom_node
