#include "serve/server.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "embed/foreign_weights.h"
#include "engine/files.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "serve/api.h"
#include "serve/http/http_server.h"
#include "serve/notify.h"
#include "serve/worker_pool.h"

namespace keel::serve {
namespace {

constexpr auto kRound = std::chrono::milliseconds(50), kLookEvery = std::chrono::milliseconds(500);
constexpr std::size_t kShortestToken = 16, kLongestToken = 4096;

template <class Duration = Clock::duration>
Duration of_seconds(double seconds) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

BatchLimits batch_limits(const ServeOptions& o) {
    return {.max_batch = o.max_batch, .max_delay = of_seconds(o.max_delay_ms / 1e3), .max_queue = o.max_queue};
}

HttpOptions http_options(const ServeOptions& o) {
    HttpOptions http{
        .listen = o.listen, .threads = static_cast<int>(o.io_threads), .certificate = o.certificate, .key = o.key};
    http.limits.connections = o.max_connections;
    http.limits.header_bytes = o.max_header_kb << 10;
    http.limits.body_bytes = o.max_body_mb << 20;
    http.limits.all_bodies = o.max_held_mb << 20;
    http.limits.idle = o.idle_seconds;
    http.limits.header = o.header_seconds;
    http.limits.body = http.limits.answer = o.body_seconds;
    return http;
}

ApiOptions api_options(const ServeOptions& o) {
    return {.limits = {.images = o.max_queue, .pixels = static_cast<std::int64_t>(1e6 * o.max_megapixels)},
            .deadline = of_seconds(o.deadline_ms / 1e3),
            .token = o.token_file.empty() ? "" : read_token(o.token_file)};
}

int worker_count(const ServeOptions& o) {
    return o.workers > 0 ? static_cast<int>(o.workers) : std::max(1, thread_count() / 4);
}

std::int64_t monotonic_microseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

std::vector<FileStamp> stamps_of_all(const std::vector<ModelSource>& named) {
    std::vector<FileStamp> stamps;
    for (const ModelSource& source : sources_of(named))
        for (const FileStamp& stamp : stamps_of(source.files)) stamps.push_back(stamp);
    return stamps;
}

}  // namespace

std::string read_token(const std::string& file) {
    std::string token = read_file(file, 1 << 16);
    token.resize(std::min(token.find_first_of("\r\n"), token.size()));
    const bool plain = std::ranges::all_of(token, [](char c) { return c > ' ' && c < '\x7f'; });
    if (token.size() < kShortestToken || token.size() > kLongestToken || !plain)
        throw InputError(fmt::format("[serve] {}: wanted a token of {} to {} characters of ASCII without spaces", file,
                                     kShortestToken, kLongestToken));
    return token;
}

Server::Server(ServeOptions options, ServerHooks hooks)
    : options_(std::move(options)), hooks_(std::move(hooks)), log_(options_.access_log) {
    check_serve_options(options_);
    if (options_.models.empty()) throw UsageError("[serve] wanted a model: [NAME=]FILE, or [[model]] of --config");
    ApiOptions api = api_options(options_);
    models_ = std::make_unique<ModelTable>(options_.models, options_.max_batch);
    seen_ = tried_ = stamps_of_all(options_.models);
    for (const ModelTable::Model& model : models_->all()) {
        for (const std::string& warning : model->scorer().warnings()) warn(model->source().name + ": " + warning);
        if (model->spec().guessed) warn(model->source().name + ": " + guessed_text(model->spec()));
    }
    batcher_ = std::make_unique<Batcher>(batch_limits(options_), [this](const BatchRecord& batch) {
        const ModelSource& source = batch.model.source();
        const MetricLabels labels{{"model", source.name}, {"version", source.version}};
        metrics_.observe("keel_compute_seconds", labels, batch.seconds);
        metrics_.observe("keel_batch_images", labels, static_cast<double>(batch.images));
    });
    workers_ = std::make_unique<WorkerPool>(worker_count(options_), static_cast<std::size_t>(2 * options_.max_queue));
    if (options_.listen == "none") return;
    const HttpAddress address = parse_address(options_.listen);
    if (!is_loopback(address) && api.token.empty())
        warn("anybody who reaches " + options_.listen + " is answered: --token-file asks for a bearer token");
    if (!is_loopback(address) && options_.certificate.empty())
        warn("images travel unencrypted to " + options_.listen + ": --certificate and --key are for TLS");
    api_ = std::make_unique<Api>(ApiParts{*models_, *batcher_, *workers_, metrics_, log_}, std::move(api));
    http_ = std::make_unique<HttpServer>(http_options(options_), *api_);
}

// First nobody asks any more, then nobody answers; then there is nothing that either leads to.
Server::~Server() {
    if (http_) http_->stop();
    batcher_.reset();
    workers_.reset();
}

std::string Server::url() const { return http_ ? http_->url() : ""; }

void Server::say(const std::string& line) const {
    if (hooks_.say) hooks_.say(line);
}

void Server::warn(const std::string& line) const {
    if (hooks_.warn) hooks_.warn(line);
}

void Server::apply_token() {
    if (api_ && !options_.token_file.empty()) api_->set_token(read_token(options_.token_file));
}

/// Loads what was asked for, or what `look_for_files` found.
void Server::reload(bool asked) {
    notify_manager(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_microseconds()));
    try {
        if (asked && hooks_.options) {
            const ServeOptions now = hooks_.options();
            options_.models = now.models;
            options_.token_file = now.token_file;
        }
        if (asked) {
            log_.reopen();
            apply_token();
        }
        tried_ = seen_ = stamps_of_all(options_.models);
        const ModelTable::Reload result = models_->reload(options_.models);
        for (const std::string& line : result.done) say(line);
        for (const std::string& line : result.failed) warn(line);
        metrics_.add("keel_reloads_total", {{"result", "loaded"}}, static_cast<double>(result.done.size()));
        metrics_.add("keel_reloads_total", {{"result", "failed"}}, static_cast<double>(result.failed.size()));
        if (asked && result.done.empty() && result.failed.empty()) say("no model has changed");
    } catch (const Error& error) {
        metrics_.add("keel_reloads_total", {{"result", "failed"}});
        warn(std::string("all stays as it was: ") + error.what());
    }
    notify_manager("READY=1");
}

/// Loads models whose files have changed, once each: when they have stayed the same between two looks, so that nobody
/// is still writing them.
void Server::look_for_files() {
    std::vector<FileStamp> now;
    try {
        now = stamps_of_all(options_.models);
    } catch (const Error&) {  // a folder that is being changed: the next look sees more
        return;
    }
    const bool settled = now == seen_;
    seen_ = now;
    if (settled && now != tried_) reload(false);
}

bool Server::run() {
    for (const ModelTable::Model& model : models_->all())
        say(fmt::format("serving {} version {}, {}", model->source().name, model->source().version,
                        model->scorer().precision()));
    if (http_) say("listening on " + url());
    const auto watchdog = watchdog_interval();
    notify_manager("READY=1\nSTATUS=" + (http_ ? "listening on " + url() : std::string("serving")));
    TimePoint looked = Clock::now(), barked = Clock::now();
    while (!hooks_.stop()) {
        std::this_thread::sleep_for(kRound);
        const TimePoint now = Clock::now();
        if (hooks_.reload && hooks_.reload()) reload(true);
        if (options_.watch && now - looked >= kLookEvery) {
            look_for_files();
            looked = now;
        }
        const bool alive = !watchdog || now - batcher_->last_sign_of_life() < *watchdog;
        if (watchdog && alive && now - barked >= *watchdog / 3) {
            notify_manager("WATCHDOG=1");
            barked = now;
        }
    }
    say("stopping: requests under way are answered");
    notify_manager("STOPPING=1");
    if (api_) api_->stop();
    if (hooks_.on_stop) hooks_.on_stop();
    const bool answered = !http_ || http_->drain(std::chrono::duration<double>(options_.drain_seconds));
    if (!answered) warn("some requests had no answer yet");
    if (answered) batcher_->drain();
    return answered;
}

}  // namespace keel::serve
