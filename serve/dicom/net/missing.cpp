// Stands in for what calls DCMTK where Keel is built without it.
#include "kernels/error.h"
#include "serve/dicom/net/network.h"

namespace keel::dicom_node {

bool has_network() { return false; }

void prepare_network() {
    throw UsageError("[dicom] this Keel was built without DCMTK (libdcmtk-dev), which speaks DICOM's protocol");
}

void serve_association(Descriptor, const AcceptOptions&, const BeginObject&, const SayOfAssociation&) {}

std::unique_ptr<PeerAssociation> call_peer(const CallOptions&) {
    prepare_network();
    return nullptr;
}

}  // namespace keel::dicom_node
