// What a path asks for.
#pragma once

#include <string>
#include <string_view>

namespace keel::serve {

enum class RouteKind { page, server, live, ready, index, model, model_ready, infer, metrics, openapi, none };

struct Route {
    RouteKind kind = RouteKind::none;
    std::string model{}, version{};  ///< of the path; empty where it has none
};

/// Returns what a path, as it came, asks for. A pure function; a model is not looked for.
Route route_of(std::string_view path);
/// Returns the methods that a route takes, "GET, HEAD", and whether `method` is one of them.
std::string_view methods_of(RouteKind kind);
bool takes_method(RouteKind kind, std::string_view method);
/// Whether a route is answered without a token: what says nothing of models or images.
bool is_open(RouteKind kind);
/// Returns its name in logs: "infer".
std::string_view name_of(RouteKind kind);

}  // namespace keel::serve
