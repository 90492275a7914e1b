// A DICOM node: takes images (C-STORE), has them scored, and sends what a model says of them to a peer. What it took it
// holds on disk until the peer has the answer (serve/dicom/queue.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/dicom/answer.h"
#include "serve/dicom/net/listener.h"
#include "serve/dicom/net/network.h"
#include "serve/dicom/queue.h"

namespace keel::dicom_node {

struct NodeOptions {
    NodeAddress own{};   ///< where it listens, and the title that it has
    NodeAddress peer{};  ///< who gets the answers
    std::string folder{};
    std::vector<std::string> callers{};  ///< titles that may call; empty: any
    int connections = 32;                ///< served at once
    int workers = 2;                     ///< images that are read and scored at once
    QueueLimits limits{};
    AnswerOptions answer{};
    AssociationTimes times{};
    std::chrono::milliseconds first_retry{1'000}, longest_retry{60'000};  ///< until an unreachable peer is called again
    int refusals = 10;  ///< after which an answer that the peer says it may take later has failed
};

/// What the node asks who has the models.
struct NodeScorer {
    /// Returns what tells the model that answers now (Findings::model_key()).
    std::function<std::string()> model_key{};
    /// Scores a file's bytes; `name` is for messages. Nothing: not now, the image waits. Throws InputError for an image
    /// that cannot be scored.
    std::function<std::optional<Findings>(dicom::Bytes file, const std::string& name)> score{};
};

/// Gets a line for people: what failed, or began to work again. Without names and identifiers of patients or images.
using SayOfNode = std::function<void(bool problem, const std::string& line)>;

struct NodeCounts {
    std::int64_t received = 0;   ///< images
    std::int64_t repeated = 0;   ///< of these, known already
    std::int64_t delivered = 0;  ///< answers
    std::int64_t failed = 0;     ///< images and answers in failed/
    std::int64_t refused = 0;    ///< objects that the sender was told were not taken
    Queue::Counts waiting{};
    int associations = 0;  ///< now
};

class Node {
public:
    /// Starts. Throws UsageError where Keel was built without DCMTK or the folder is in use, IoError where the address
    /// or the folder cannot be had.
    /// `changed`, which may be null, is called after the counts have changed.
    Node(NodeOptions options, NodeScorer scorer, SayOfNode say, std::function<void()> changed = {});
    /// Stops without grace.
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    int port() const { return listener_->port(); }
    NodeCounts counts() const;
    /// Takes no more, lets what is under way end for `grace`. What waits stays on disk.
    void stop(std::chrono::milliseconds grace);

private:
    class Sink;
    std::unique_ptr<ObjectSink> begin_object(const StoreRequest& request);
    StoreOutcome take(Arrival& arrival, const StoreRequest& request);
    void work();
    void score(const Queue::Waiting& image);
    void send_answers();
    bool send(const Queue::Waiting& answer, std::unique_ptr<PeerAssociation>& peer);
    void give_up(const Queue::Waiting& answer, const std::string& why);
    void hold(Descriptor socket);
    bool pause(std::chrono::milliseconds time);
    void say(bool problem, const std::string& line) const;
    void count(std::atomic<std::int64_t>& what);

    const NodeOptions options_;
    const NodeScorer scorer_;
    const SayOfNode say_;
    const std::function<void()> changed_;
    Queue queue_;
    std::atomic<std::int64_t> received_ = 0, repeated_ = 0, delivered_ = 0, failed_ = 0, refused_ = 0;
    std::atomic<bool> closing_ = false;  ///< no more messages are taken
    std::mutex take_mutex_;
    std::mutex call_mutex_;  // guards:
    Descriptor call_;        ///< of the association with the peer, to end it by
    bool stopping_ = false;
    std::string refused_token_;  ///< the sender's own: the answer that the peer did not take last, and how often
    int refused_times_ = 0;
    std::unique_ptr<Listener> listener_;
    std::vector<std::thread> workers_;
    std::thread sender_;
};

}  // namespace keel::dicom_node
