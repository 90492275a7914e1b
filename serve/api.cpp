#include "serve/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "engine/json.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "kernels/version.h"

namespace keel::serve {
namespace {

constexpr auto kStill = std::chrono::minutes(2);  // a batch may take long; a thread that hangs takes longer

double now_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double milliseconds(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

/// Tells a browser to take what it gets for what it is said to be, and to load nothing from elsewhere.
HttpResponse page_response() {
    HttpResponse response{.type = "text/html; charset=utf-8", .body = page_html()};
    response.fields = {
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
         "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"}};
    return response;
}

HttpResponse json_response(const Json& json, int status = 200) {
    return {.status = status, .body = valid_json_text(json)};
}

Json tensors_json(const std::vector<TensorInfo>& tensors) {
    Json list = Json::array();
    for (const TensorInfo& tensor : tensors)
        list.push_back({{"name", tensor.name},
                        {"datatype", tensor.datatype},
                        {"shape", tensor.shape},
                        {"parameters", {{"about", tensor.about}}}});
    return list;
}

HttpResponse model_response(const ServedModel& model, const ModelTable& models) {
    Json versions = Json::array();
    for (const ModelTable::Model& one : models.all())
        if (one->source().name == model.source().name) versions.push_back(one->source().version);
    Json thresholds = Json::array();
    for (const std::optional<double>& threshold : model.scorer().thresholds())
        thresholds.push_back(threshold ? Json(*threshold) : Json());
    return json_response({{"name", model.source().name},
                          {"versions", std::move(versions)},
                          {"platform", "keel"},
                          {"inputs", tensors_json(inputs_of(model))},
                          {"outputs", tensors_json(outputs_of(model))},
                          {"parameters",
                           {{"labels", model.labels()},
                            {"thresholds", std::move(thresholds)},
                            {"operating_point", model.scorer().rule()},
                            {"task", model.spec().multi_label ? "labels" : "classes"},
                            {"precision", model.scorer().precision()},
                            {"members", model.scorer().models().size()},
                            {"version", model.source().version}}}});
}

HttpResponse index_response(const ModelTable& models) {
    Json list = Json::array();
    for (const ModelTable::Model& model : models.all())
        list.push_back(
            {{"name", model->source().name}, {"version", model->source().version}, {"state", "READY"}, {"reason", ""}});
    return json_response(list);
}

/// Returns how many bytes of a body are JSON, where the request says it.
std::optional<std::size_t> json_bytes_of(const HttpRequest& request) {
    constexpr std::string_view kName = "inference-header-content-length";
    const auto fields = std::ranges::count(request.fields, kName, &std::pair<std::string, std::string>::first);
    if (fields > 1) throw InputError("wanted one field Inference-Header-Content-Length");
    if (fields == 0) return std::nullopt;
    return parse_json_bytes(request.field(kName), request.body->size());
}

std::string route_note(std::string_view route) { return fmt::format("\"route\":\"{}\"", route); }

}  // namespace

/// A request to infer on its way.
struct Api::Call {
    HttpRequest request;
    HttpRespond respond;
    ModelTable::Model model;
    Batcher::Coming coming;
    InferRequest infer{};
    RequestWishes wishes{};
    std::optional<RequestImages> images{};
};

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    unsigned differs = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < a.size(); ++i)
        differs |= static_cast<unsigned char>(a[i]) ^
                   static_cast<unsigned>(static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]));
    return differs == 0;
}

Api::Api(const ApiParts& parts, ApiOptions options)
    : parts_(parts), options_(std::move(options)), started_(now_seconds()), token_(options_.token) {}

void Api::set_token(std::string token) {
    const std::lock_guard lock(mutex_);
    token_ = std::move(token);
}

bool Api::wants_token() const {
    const std::lock_guard lock(mutex_);
    return !token_.empty();
}

bool Api::has_token(const HttpRequest& request) const {
    const std::lock_guard lock(mutex_);
    if (token_.empty()) return true;
    constexpr std::string_view kScheme = "bearer ";
    const std::string_view field = request.field("authorization");
    return field.size() > kScheme.size() && lower_case(field.substr(0, kScheme.size())) == kScheme &&
           equal_in_constant_time(field.substr(kScheme.size()), token_);
}

std::optional<HttpResponse> Api::admit(const HttpRequest& head) {
    const Route route = route_of(head.path);
    const auto refused = [&](HttpResponse response) {
        response.note = route_note(name_of(route.kind));
        return response;
    };
    if (route.kind == RouteKind::none) return refused(error_response(404, "there is nothing here"));
    if (!takes_method(route.kind, head.method)) {
        HttpResponse response = error_response(405, fmt::format("wanted {}", methods_of(route.kind)));
        response.fields.emplace_back("Allow", methods_of(route.kind));
        return refused(std::move(response));
    }
    if (!is_open(route.kind) && !has_token(head)) {
        HttpResponse response = error_response(401, "wanted a bearer token");
        response.fields.emplace_back("WWW-Authenticate", "Bearer");
        return refused(std::move(response));
    }
    const bool of_model =
        route.kind == RouteKind::model || route.kind == RouteKind::model_ready || route.kind == RouteKind::infer;
    if (of_model && !parts_.models.find(route.model, route.version))
        return refused(error_response(404, "there is no such model, or no such version of it"));
    const std::string_view encoding = head.field("content-encoding");
    if (!encoding.empty() && lower_case(encoding) != "identity")
        return refused(error_response(415, "wanted a body without a content encoding"));
    return std::nullopt;
}

void Api::handle(HttpRequest request, HttpRespond respond) {
    const Route route = route_of(request.path);
    if (route.kind == RouteKind::infer) return infer(route, std::move(request), std::move(respond));
    HttpResponse response = answer(route);
    response.note = route_note(name_of(route.kind));
    respond(std::move(response));
}

bool Api::is_alive() const { return Clock::now() - parts_.batcher.last_sign_of_life() < kStill; }

HttpResponse Api::answer(const Route& route) {
    switch (route.kind) {
        case RouteKind::page:
            return page_response();
        case RouteKind::server:
            return json_response({{"name", "keel"},
                                  {"version", KEEL_VERSION},
                                  {"extensions", {"binary_tensor_data", "classification", "model_repository"}}});
        case RouteKind::live:
            return json_response({{"live", is_alive()}}, is_alive() ? 200 : 503);
        case RouteKind::ready:
            return json_response({{"ready", !stopping_.load()}}, stopping_ ? 503 : 200);
        case RouteKind::index:
            return index_response(parts_.models);
        case RouteKind::metrics:
            return metrics_response();
        case RouteKind::openapi:
            return {.body = openapi_json(wants_token())};
        default:
            break;
    }
    const ModelTable::Model model = parts_.models.find(route.model, route.version);
    if (!model) return error_response(404, "there is no such model, or no such version of it");
    if (route.kind == RouteKind::model_ready)
        return json_response({{"name", route.model}, {"ready", !stopping_.load()}}, stopping_ ? 503 : 200);
    return model_response(*model, parts_.models);
}

HttpResponse Api::metrics_response() {
    Metrics& metrics = parts_.metrics;
    metrics.set("keel_queue_images", {}, static_cast<double>(parts_.batcher.waiting()));
    if (connections_) metrics.set("keel_connections", {}, static_cast<double>(connections_()));
    metrics.set("process_resident_memory_bytes", {}, resident_bytes());
    metrics.set("process_start_time_seconds", {}, started_);
    for (const ModelTable::Model& model : parts_.models.all())
        metrics.set("keel_model_info",
                    {{"model", model->source().name},
                     {"version", model->source().version},
                     {"precision", model->scorer().precision()}},
                    1);
    return {.type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics.text()};
}

void Api::infer(const Route& route, HttpRequest request, HttpRespond respond) {
    const auto call = std::make_shared<Call>();
    call->respond = std::move(respond);
    call->request = std::move(request);
    call->model = parts_.models.find(route.model, route.version);
    if (!call->model) return call->respond(error_response(404, "the model was taken away"));
    call->coming = Batcher::Coming(parts_.batcher, call->model);
    if (!parts_.workers.run([this, call] { prepare(call); })) refuse(*call, Fate::refused, "workers");
}

void Api::prepare(const std::shared_ptr<Call>& call) {
    const ServedModel& model = *call->model;
    try {
        if (*call->request.cancelled) return refuse(*call, Fate::cancelled, "cancelled");
        call->infer = parse_infer_request(*call->request.body, json_bytes_of(call->request));
        call->wishes = wishes_of(model, call->infer);
        call->images.emplace(model, call->infer, call->request.body, options_.limits);
        if (call->wishes.draws && !call->images->visible())
            throw InputError("an overlay wants the input image or pixels");
        ScoreRequest score{.model = call->model,
                           .images = call->images->inputs(),
                           .heat = call->wishes.heat,
                           .cancelled = call->request.cancelled};
        const Clock::duration allowed =
            call->wishes.timeout ? Clock::duration(*call->wishes.timeout) : options_.deadline;
        if (allowed > Clock::duration::zero()) score.deadline = call->request.came + allowed;
        score.done = [this, call](Answer answer) {
            // What is drawn, or large, keeps no batch waiting.
            constexpr std::size_t kSmall = 4096;
            if (!call->wishes.draws && answer.scores.probabilities.size() <= kSmall) return finish(call, answer);
            const auto held = std::make_shared<Answer>(std::move(answer));
            if (!parts_.workers.run([this, call, held] { finish(call, *held); }))
                refuse(*call, Fate::refused, "workers");
        };
        call->coming = {};
        const std::optional<Fate> refusal = parts_.batcher.submit(std::move(score));
        if (refusal) refuse(*call, *refusal, *refusal == Fate::stopping ? "stopping" : "queue");
    } catch (const Error& error) {  // of what came: the client's
        parts_.metrics.add("keel_failures_total", {{"model", model.source().name}, {"reason", "request"}});
        reply(*call, error_response(400, error.what()));
    } catch (const std::bad_alloc&) {
        refuse(*call, Fate::refused, "memory");
    } catch (const std::exception& error) {
        reply(*call, error_response(500, error.what()));
    }
}

void Api::finish(const std::shared_ptr<Call>& call, const Answer& answer) {
    const ServedModel& model = *call->model;
    const MetricLabels labels{{"model", model.source().name}, {"version", model.source().version}};
    try {
        if (answer.batch > 0)
            parts_.metrics.observe("keel_queue_seconds", labels, std::chrono::duration<double>(answer.queued).count());
        switch (answer.fate) {
            case Fate::answered:
                parts_.metrics.add("keel_images_total", labels, static_cast<double>(call->images->count()));
                return reply(*call, infer_response(model, call->infer, call->wishes, answer, *call->images), &answer);
            case Fate::failed:
                parts_.metrics.add("keel_failures_total", {{"model", model.source().name}, {"reason", "failed"}});
                return reply(*call, error_response(500, answer.why), &answer);
            default:
                return refuse(*call, answer.fate, "queue");
        }
    } catch (const Error& error) {  // an image without an answer, or that cannot be drawn
        parts_.metrics.add("keel_failures_total", {{"model", model.source().name}, {"reason", "image"}});
        reply(*call, error_response(422, error.what()), &answer);
    } catch (const std::exception& error) {
        reply(*call, error_response(500, error.what()), &answer);
    }
}

void Api::refuse(Call& call, Fate fate, const std::string& why) {
    const std::string& model = call.model->source().name;
    HttpResponse response;
    if (fate == Fate::refused) {
        parts_.metrics.add("keel_rejected_total", {{"model", model}, {"reason", why}});
        response = error_response(429, "the server has as many requests as it may, or none would be answered in time");
        const double wait = std::chrono::duration<double>(parts_.batcher.expected_wait()).count();
        response.fields.emplace_back("Retry-After", std::to_string(static_cast<std::int64_t>(std::ceil(wait)) + 1));
    } else if (fate == Fate::stopping) {
        response = error_response(503, "the server stops");
        response.fields.emplace_back("Retry-After", "1");
        response.close = true;
    } else if (fate == Fate::overdue) {
        parts_.metrics.add("keel_failures_total", {{"model", model}, {"reason", "overdue"}});
        response = error_response(504, "the deadline passed before there was an answer");
    } else {
        parts_.metrics.add("keel_failures_total", {{"model", model}, {"reason", "cancelled"}});
        response = error_response(499, "the client has gone");
        response.close = true;
    }
    reply(call, std::move(response));
}

void Api::reply(Call& call, HttpResponse response, const Answer* answer) {
    const ModelSource& source = call.model->source();
    const Clock::duration took = Clock::now() - call.request.came;
    parts_.metrics.add(
        "keel_requests_total",
        {{"model", source.name}, {"version", source.version}, {"code", std::to_string(response.status)}});
    parts_.metrics.observe("keel_request_seconds", {{"model", source.name}, {"version", source.version}},
                           std::chrono::duration<double>(took).count());
    response.note = fmt::format("{},\"model\":\"{}\",\"version\":\"{}\",\"images\":{}", route_note("infer"),
                                source.name, source.version, call.images ? call.images->count() : 0);
    if (answer != nullptr) {
        const double queued = milliseconds(answer->queued), computed = milliseconds(answer->computed);
        response.note +=
            fmt::format(",\"batch\":{},\"queue_ms\":{:.3f},\"compute_ms\":{:.3f}", answer->batch, queued, computed);
        response.fields.emplace_back("Server-Timing",
                                     fmt::format("queue;dur={:.3f}, compute;dur={:.3f}", queued, computed));
    }
    call.coming = {};
    call.respond(std::move(response));
}

void Api::answered(const HttpRecord& record) {
    parts_.metrics.add("keel_http_answers_total", {{"code", std::to_string(record.status)}});
    if (!record.complete) parts_.metrics.add("keel_http_unfinished_total");
    if (!parts_.log.is_on()) return;
    parts_.log.write(fmt::format(
        "{{\"time\":{:.3f},{},\"status\":{},\"complete\":{},\"bytes_in\":{},\"bytes_out\":{},\"ms\":{:.3f}}}",
        now_seconds(), record.note.empty() ? route_note("none") : record.note, record.status, record.complete,
        record.bytes_in, record.bytes_out, 1e3 * record.seconds));
}

}  // namespace keel::serve
