#include "serve/dicom/node.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "data/formats/decode.h"
#include "data/formats/dicom/codec.h"
#include "data/formats/dicom/writer.h"
#include "engine/paths.h"
#include "kernels/error.h"
#include "serve/dicom/identifiers.h"

namespace keel::dicom_node {
namespace {

/// What images may come in. Those without loss and without compression are preferred: nothing is to be decoded.
std::vector<std::string> syntaxes() {
    std::vector<std::string> all{"1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2",
                                 "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.99"};
    if (dicom::has_dicom_codecs())
        for (const char* coded :
             {"1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
              "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.51"})
            all.emplace_back(coded);
    all.emplace_back("1.2.840.10008.1.2.4.50");
    return all;
}

std::string tag_of(const std::string& model_key) { return token_of(model_key).substr(0, 16); }

dicom::Bytes as_bytes(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

/// Writes an object to the queue's folder as it comes.
class Node::Sink final : public ObjectSink {
public:
    Sink(Node& node, StoreRequest request)
        : node_(node), request_(std::move(request)), arrival_(node.queue_.arrive(token_of(request_.sop_instance))) {
        dicom::FileHead head;
        head.sop_class = request_.sop_class;
        head.sop_instance = request_.sop_instance;
        head.syntax = request_.syntax;
        head.implementation = derived_uid("implementation");
        head.version = "KEEL";
        head.source = dicom::element_text(request_.calling, 16);
        const std::string bytes = dicom::encode_file_head(head);
        arrival_->file.write(bytes.data(), bytes.size());
    }
    void write(std::span<const std::uint8_t> bytes) override { arrival_->file.write(bytes.data(), bytes.size()); }
    StoreOutcome finish() override { return node_.take(*arrival_, request_); }

private:
    Node& node_;
    StoreRequest request_;
    std::unique_ptr<Arrival> arrival_;
};

Node::Node(NodeOptions options, NodeScorer scorer, SayOfNode say, std::function<void()> changed)
    : options_(std::move(options)),
      scorer_(std::move(scorer)),
      say_(std::move(say)),
      changed_(std::move(changed)),
      queue_((prepare_network(), options_.folder), options_.limits) {
    AcceptOptions accept;
    accept.title = options_.own.title;
    accept.callers = options_.callers;
    accept.classes = {kComputedRadiography, kDigitalXRay, kSecondaryCapture};
    accept.syntaxes = syntaxes();
    accept.times = options_.times;
    accept.stopping = [this] { return closing_.load(); };
    accept.limits.data_set = static_cast<std::size_t>(kMaxImageFileBytes);
    listener_ = std::make_unique<Listener>(
        options_.own.host, options_.own.port, options_.connections, rejection_when_full(),
        [this, accept](Descriptor socket, const std::string& from) {
            serve_association(
                std::move(socket), accept, [this](const StoreRequest& request) { return begin_object(request); },
                [&](const std::string& what) { this->say(true, what + " (from " + from + ")"); });
        });
    for (int i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
    sender_ = std::thread([this] { send_answers(); });
}

Node::~Node() { stop(std::chrono::milliseconds(0)); }

void Node::say(bool problem, const std::string& line) const {
    if (say_) say_(problem, line);
}

void Node::count(std::atomic<std::int64_t>& what) {
    ++what;
    if (changed_) changed_();
}

NodeCounts Node::counts() const {
    return {
        received_, repeated_, delivered_, failed_, refused_, queue_.counts(), listener_ ? listener_->sessions() : 0};
}

void Node::stop(std::chrono::milliseconds grace) {
    closing_ = true;
    listener_->stop(grace);
    queue_.close();
    {
        const std::lock_guard lock(call_mutex_);
        stopping_ = true;
    }
    // What is sent now is sent to its end, or as long as the peer is given.
    const auto end = std::chrono::steady_clock::now() + grace;
    for (bool calling = true; calling && std::chrono::steady_clock::now() < end;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        const std::lock_guard lock(call_mutex_);
        calling = static_cast<bool>(call_);
    }
    {
        const std::lock_guard lock(call_mutex_);
        if (call_) ::shutdown(call_.get(), SHUT_RDWR);
    }
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    if (sender_.joinable()) sender_.join();
}

std::unique_ptr<ObjectSink> Node::begin_object(const StoreRequest& request) {
    if (queue_.is_full()) {
        count(refused_);
        throw IoError(fmt::format("{} images wait, no more are taken", options_.limits.waiting));
    }
    return std::make_unique<Sink>(*this, request);
}

StoreOutcome Node::take(Arrival& arrival, const StoreRequest& request) {
    StoreOutcome refused;
    std::string why;
    arrival.file.sync();
    try {
        const std::lock_guard lock(take_mutex_);  // one at a time is in memory, however many come
        const std::string bytes = read_file(arrival.file.temporary(), static_cast<std::uint64_t>(kMaxImageFileBytes));
        refused = {StoreOutcome::Kind::unreadable, "not an image that this node can read"};
        const SourceImage source = read_source(as_bytes(bytes), arrival.name);
        refused = {StoreOutcome::Kind::mismatch, "the object is not the one announced"};
        check_claim(source, {request.sop_class, request.sop_instance}, arrival.name);
    } catch (const InputError& error) {
        why = error.what();
    }
    if (!why.empty()) {
        queue_.keep_refused(arrival, why);
        say(true, "refused an object and kept it in failed/: " + why);
        count(refused_);
        count(failed_);
        return refused;
    }
    const Queue::Added added = queue_.add(arrival, tag_of(scorer_.model_key()));
    count(received_);
    if (added == Queue::Added::known) count(repeated_);
    return {};
}

void Node::work() {
    while (const std::optional<Queue::Waiting> image = queue_.next_image()) {
        const std::string name = image->files.front().stem().string();
        try {
            score(*image);
        } catch (const IoError& error) {
            say(true, std::string("an image waits, the disk fails: ") + error.what());
            if (!is_there(image->files.front()))
                queue_.drop(image->token);  // somebody took it away
            else
                queue_.put_back(image->token);
            pause(options_.first_retry);
        } catch (const std::exception& error) {
            const std::string kept = queue_.fail(image->token, error.what());
            say(true, "an image could not be scored, kept as " + kept + ": " + error.what());
            count(failed_);
        }
    }
}

void Node::score(const Queue::Waiting& image) {
    const std::string name = image.files.front().stem().string();
    const std::string bytes = read_file(image.files.front(), static_cast<std::uint64_t>(kMaxImageFileBytes));
    const SourceImage source = read_source(as_bytes(bytes), name);
    if (source.made_by_keel) {
        say(false,
            "an image that Keel made itself came back, and is not answered: its sender routes answers to the node");
        return queue_.drop(image.token);
    }
    // Killed behind the answer's delivery, or the model of another day answered it.
    if (queue_.is_done(image.token, tag_of(scorer_.model_key()))) return queue_.drop(image.token);
    const std::optional<Findings> findings = scorer_.score(as_bytes(bytes), name);
    if (!findings) {
        queue_.put_back(image.token);
        pause(std::chrono::milliseconds(100));
        return;
    }
    if (!source.left_out.empty())
        say(true, fmt::format("an answer lacks {} elements of its image that hold no values of their kinds, the first "
                              "({:04x},{:04x})",
                              source.left_out.size(), source.left_out.front() >> 16, source.left_out.front() & 0xFFFF));
    queue_.answer(image.token, tag_of(findings->model_key()),
                  make_answer(source, *findings, options_.answer, std::time(nullptr)));
}

void Node::hold(Descriptor socket) {
    const std::lock_guard lock(call_mutex_);
    call_ = std::move(socket);
    // Stopped while it was calling.
    if (stopping_ && call_) ::shutdown(call_.get(), SHUT_RDWR);
}

bool Node::pause(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!queue_.closed() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::min(time, std::chrono::milliseconds(50)));
    return !queue_.closed();
}

void Node::send_answers() {
    CallOptions call;
    call.title = options_.own.title;
    call.peer = options_.peer;
    call.classes = {"1.2.840.10008.5.1.4.1.1.88.33", kSecondaryCapture, "1.2.840.10008.5.1.4.1.1.11.1"};
    call.times = options_.times;
    call.connected = [this](Descriptor socket) { hold(std::move(socket)); };
    std::unique_ptr<PeerAssociation> peer;
    bool unreachable = false;
    std::chrono::milliseconds retry = options_.first_retry;
    while (!queue_.closed()) {
        const std::optional<Queue::Waiting> answer = queue_.next_answer(std::chrono::seconds(2));
        if (!answer) {
            if (peer) peer->release();
            peer.reset();
            continue;
        }
        try {
            if (!peer) peer = call_peer(call);
            if (send(*answer, peer)) {
                if (std::exchange(unreachable, false)) say(false, "the peer takes answers again");
                retry = options_.first_retry;
                continue;
            }
        } catch (const std::exception& error) {
            peer.reset();
            if (queue_.closed()) break;
            if (!std::exchange(unreachable, true)) say(true, std::string("answers wait: ") + error.what());
        }
        pause(retry);
        retry = std::min(2 * retry, options_.longest_retry);
    }
    if (peer) peer->release();
}

void Node::give_up(const Queue::Waiting& answer, const std::string& why) {
    const std::string kept = queue_.refused(answer.token, why);
    say(true, "the peer refused an answer, kept as " + kept + ": " + why);
    count(failed_);
}

/// Returns whether the answer is done with; else the peer is to be left alone for a while.
bool Node::send(const Queue::Waiting& answer, std::unique_ptr<PeerAssociation>& peer) {
    if (std::exchange(refused_token_, answer.token) != answer.token) refused_times_ = 0;
    for (const std::filesystem::path& file : answer.files) {
        SendOutcome outcome;
        try {
            outcome = peer->send(file);
        } catch (const InputError& error) {
            outcome = {SendResult::lasting, error.what()};
        }
        if (outcome.result == SendResult::stored) continue;
        if (outcome.result == SendResult::broken) throw IoError("the association with the peer broke: " + outcome.why);
        if (outcome.result == SendResult::passing && ++refused_times_ < options_.refusals) return false;
        give_up(answer, outcome.why);
        return true;
    }
    queue_.delivered(answer.token);
    count(delivered_);
    return true;
}

}  // namespace keel::dicom_node
