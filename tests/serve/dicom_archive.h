// A peer of the DICOM node, in the same process.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "serve/dicom/net/listener.h"
#include "serve/dicom/net/network.h"

namespace keel::test {

using dicom_node::StoreOutcome;
using dicom_node::StoreRequest;

inline constexpr const char* kReport = "1.2.840.10008.5.1.4.1.1.88.33";

/// A peer that keeps what it gets, by SOP Instance UID.
class Archive {
public:
    explicit Archive(std::vector<std::string> classes, int port = 0) {
        options_.title = "ARCHIVE";
        options_.classes = std::move(classes);
        options_.syntaxes = {"1.2.840.10008.1.2.1"};
        listener_ = std::make_unique<dicom_node::Listener>(
            "127.0.0.1", port, 8, dicom_node::rejection_when_full(), [this](Descriptor socket, const std::string&) {
                dicom_node::serve_association(
                    std::move(socket), options_,
                    [this](const StoreRequest& r) { return std::make_unique<Sink>(*this, r); },
                    [](const std::string&) {});
            });
    }
    ~Archive() { listener_->stop(std::chrono::milliseconds(0)); }

    int port() const { return listener_->port(); }
    std::map<std::string, std::string> objects() const {
        const std::lock_guard lock(mutex_);
        return objects_;
    }
    std::size_t stored() const {
        const std::lock_guard lock(mutex_);
        return stored_;
    }
    StoreOutcome outcome{};

private:
    struct Sink final : dicom_node::ObjectSink {
        Sink(Archive& a, StoreRequest r) : archive(a), request(std::move(r)) {}
        void write(std::span<const std::uint8_t> bytes) override { data.append(bytes.begin(), bytes.end()); }
        StoreOutcome finish() override {
            const std::lock_guard lock(archive.mutex_);
            ++archive.stored_;
            if (archive.outcome.kind == StoreOutcome::Kind::stored) archive.objects_[request.sop_instance] = data;
            return archive.outcome;
        }
        Archive& archive;
        StoreRequest request;
        std::string data;
    };
    dicom_node::AcceptOptions options_;
    mutable std::mutex mutex_;
    std::map<std::string, std::string> objects_;
    std::size_t stored_ = 0;
    std::unique_ptr<dicom_node::Listener> listener_;
};

}  // namespace keel::test
