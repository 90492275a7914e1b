#include "serve/routes.h"

#include <algorithm>
#include <array>
#include <vector>

namespace keel::serve {
namespace {

struct FixedRoute {
    std::string_view path;
    RouteKind kind;
};

constexpr std::array kFixed{
    FixedRoute{"/", RouteKind::page},
    FixedRoute{"/v2", RouteKind::server},
    FixedRoute{"/v2/", RouteKind::server},
    FixedRoute{"/v2/health/live", RouteKind::live},
    FixedRoute{"/v2/health/ready", RouteKind::ready},
    FixedRoute{"/v2/repository/index", RouteKind::index},
    FixedRoute{"/metrics", RouteKind::metrics},
    FixedRoute{"/openapi.json", RouteKind::openapi},
};

constexpr std::string_view kModels = "/v2/models/";

/// The parts between slashes; five are more than any route has.
std::vector<std::string_view> parts_of(std::string_view path) {
    std::vector<std::string_view> parts;
    while (parts.size() < 5) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        parts.push_back(path.substr(0, slash));
        if (slash == path.size()) break;
        path.remove_prefix(slash + 1);
    }
    return parts;
}

}  // namespace

Route route_of(std::string_view path) {
    const auto fixed = std::ranges::find(kFixed, path, &FixedRoute::path);
    if (fixed != kFixed.end()) return {fixed->kind};
    if (!path.starts_with(kModels)) return {};
    std::vector<std::string_view> parts = parts_of(path.substr(kModels.size()));
    Route route{RouteKind::model, std::string(parts.front())};
    parts.erase(parts.begin());
    if (parts.size() >= 2 && parts[0] == "versions") {
        route.version = parts[1];
        parts.erase(parts.begin(), parts.begin() + 2);
        if (route.version.empty()) return {};
    }
    if (route.model.empty() || parts.size() > 1) return {};
    if (parts.empty()) return route;
    if (parts[0] == "ready")
        route.kind = RouteKind::model_ready;
    else if (parts[0] == "infer")
        route.kind = RouteKind::infer;
    else
        return {};
    return route;
}

std::string_view methods_of(RouteKind kind) {
    if (kind == RouteKind::infer) return "POST";
    return kind == RouteKind::index ? "GET, HEAD, POST" : "GET, HEAD";
}

bool takes_method(RouteKind kind, std::string_view method) {
    if (method == "POST") return kind == RouteKind::infer || kind == RouteKind::index;
    return kind != RouteKind::infer && (method == "GET" || method == "HEAD");
}

bool is_open(RouteKind kind) {
    return kind == RouteKind::page || kind == RouteKind::live || kind == RouteKind::ready ||
           kind == RouteKind::openapi || kind == RouteKind::server;
}

std::string_view name_of(RouteKind kind) {
    constexpr std::array<std::string_view, 11> kNames{"page",        "server", "live",    "ready",   "index", "model",
                                                      "model_ready", "infer",  "metrics", "openapi", "none"};
    return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace keel::serve
