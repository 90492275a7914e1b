#include "serve/dicom_service.h"

#include <utility>

#include "data/formats/csv.h"
#include "kernels/error.h"
#include "kernels/parallel.h"

namespace keel::serve {
namespace {

dicom_node::NodeOptions node_options(const ServeOptions& o) {
    dicom_node::NodeOptions node;
    node.own = dicom_node::parse_own_address(o.dicom, "--dicom");
    node.peer = dicom_node::parse_peer_address(o.dicom_peer, "--dicom-peer");
    node.folder = o.dicom_queue;
    if (!o.dicom_callers.empty())
        for (const std::string& title : split_text(o.dicom_callers, ','))
            node.callers.push_back(dicom_node::checked_title(title, "--dicom-callers"));
    node.limits.waiting = o.dicom_waiting;
    if (!o.dicom_codes.empty()) node.answer.codes.read(o.dicom_codes);
    node.answer.capture = o.dicom_capture;
    node.answer.presentation = o.dicom_marks;
    node.answer.station = node.own.title;
    return node;
}

}  // namespace

DicomService::DicomService(const ServeOptions& options, const ModelTable& models, Batcher& batcher, Metrics& metrics,
                           Say say, Say warn)
    : metrics_(metrics),
      grace_(options.drain_seconds),
      scorer_(models, batcher, options.dicom_model, options.dicom_capture || options.dicom_marks) {
    const dicom_node::NodeOptions node = node_options(options);
    if ((node.answer.capture || node.answer.presentation) && !scorer_.explains())
        warn("answers over DICOM come without heatmaps: the model is quantized, a graph or several");
    if (node.own.host != "127.0.0.1" && node.own.host != "::1")
        warn("images travel unencrypted to " + address_text(node.own) + ", and " +
             (node.callers.empty() ? "anybody may send them: --dicom-callers names who may"
                                   : "titles are no proof of who sends them"));
    own_ = node.own;
    node_ = std::make_unique<dicom_node::Node>(
        node, scorer_.scorer(),
        [say, warn](bool problem, const std::string& line) { (problem ? warn : say)("DICOM: " + line); },
        [this] { show_counts(); });
    own_.port = node_->port();
    {
        const std::lock_guard lock(mutex_);
        started_ = true;
    }
    show_counts();
    say("DICOM node " + address_text(own_) + ", answers go to " + address_text(node.peer) + "; not a medical device");
}

DicomService::~DicomService() = default;

std::string DicomService::address() const { return address_text(own_); }

void DicomService::stop() { node_->stop(std::chrono::milliseconds(static_cast<std::int64_t>(1000 * grace_))); }

void DicomService::show_counts() {
    const std::lock_guard lock(mutex_);
    if (!started_) return;
    const dicom_node::NodeCounts counts = node_->counts();
    const std::pair<const char*, std::int64_t> totals[] = {{"keel_dicom_images_total", counts.received},
                                                           {"keel_dicom_repeated_total", counts.repeated},
                                                           {"keel_dicom_refused_total", counts.refused},
                                                           {"keel_dicom_answers_total", counts.delivered},
                                                           {"keel_dicom_failed_total", counts.failed}};
    for (const auto& [name, value] : totals) metrics_.set(name, {}, static_cast<double>(value));
    metrics_.set("keel_dicom_waiting", {{"kind", "images"}}, static_cast<double>(counts.waiting.images));
    metrics_.set("keel_dicom_waiting", {{"kind", "answers"}}, static_cast<double>(counts.waiting.answers));
}

}  // namespace keel::serve
