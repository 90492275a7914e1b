#include "tune/fit/candidate.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernels/error.h"

namespace keel::fit {
namespace {

constexpr std::string_view kForms[] = {"f32", "bf16", "int8"};

/// A body in all forms that it can take.
std::vector<Candidate> forms_of(const Body& body, const Space& space) {
    std::vector<Candidate> all{{body, Form::f32}};
    if (space.bf16) all.push_back({body, Form::bf16});
    if (!space.int8) return all;
    all.push_back({body, Form::int8});
    for (const int kept : space.kept) all.push_back({body, Form::int8, kept});
    return all;
}

/// What a way adds to the checkpoint itself.
std::vector<Body> bodies_of(Way way, const Space& space) {
    std::vector<Body> bodies;
    const auto with = [&](auto Body::*member, auto value, Making making) {
        Body& body = bodies.emplace_back(space.own);
        body.*member = value;
        body.making = making;
    };
    if (way == Way::size || way == Way::fine_tune)
        for (const std::int64_t side : space.sizes)
            with(&Body::image_size, side, way == Way::size ? Making::as_is : Making::tuned);
    if (way == Way::prune)
        for (const double keep : space.keeps) with(&Body::keep, keep, Making::tuned);
    if (way == Way::distill)
        for (const std::string& student : space.students) with(&Body::model, student, Making::distilled);
    return bodies;
}

}  // namespace

std::string_view name(Form form) { return kForms[static_cast<std::size_t>(form)]; }

std::string name_of(const Body& body) {
    std::string text = fmt::format("{}-{}", body.model, body.image_size);
    if (body.keep < 1) text += fmt::format("-keep{:g}", std::round(1000 * body.keep) / 10);
    if (body.making == Making::tuned) text += "-tuned";
    if (body.making == Making::distilled) text += "-distilled";
    return text;
}

std::string name_of(const Candidate& candidate) {
    std::string text = fmt::format("{}-{}", name_of(candidate.body), name(candidate.form));
    return candidate.kept > 0 ? fmt::format("{}-kept{}", text, candidate.kept) : text;
}

std::string_view name(Way way) { return kWays[static_cast<std::size_t>(way)]; }

Way way_named(std::string_view text) {
    const auto found = std::ranges::find(kWays, text);
    if (found == kWays.end())
        throw UsageError(fmt::format("[fit] wanted ways of {}, not '{}'", fmt::join(kWays, ", "), text));
    return static_cast<Way>(found - kWays.begin());
}

std::vector<Stage> stages_of(const Space& space) {
    const auto asked = [&](Way way) { return std::ranges::find(space.ways, way) != space.ways.end(); };
    Space forms = space;
    forms.bf16 = space.bf16 && asked(Way::precision);
    forms.int8 = space.int8 && asked(Way::int8);
    std::vector<Candidate> own = forms_of(space.own, forms);
    const auto codes = std::ranges::find(own, Form::int8, &Candidate::form);
    std::vector<Stage> stages{{Way::precision, {own.begin(), codes}}};
    if (codes != own.end()) stages.push_back({Way::int8, {codes, own.end()}});
    for (const Way way : {Way::size, Way::fine_tune, Way::prune, Way::distill}) {
        if (!asked(way)) continue;
        Stage stage{way, {}};
        for (const Body& body : bodies_of(way, space))
            std::ranges::copy(forms_of(body, forms), std::back_inserter(stage.candidates));
        if (!stage.candidates.empty()) stages.push_back(std::move(stage));
    }
    return stages;
}

std::vector<std::int64_t> usual_sizes(std::int64_t image_size) {
    constexpr std::int64_t kLeast = 16;
    const double grid = image_size >= 128 ? 32 : 4;
    std::vector<std::int64_t> sizes;
    for (const double part : {0.875, 0.75, 0.625, 0.5}) {
        const auto side = static_cast<std::int64_t>(grid * std::round(part * static_cast<double>(image_size) / grid));
        if (side < image_size && side >= kLeast && (sizes.empty() || side < sizes.back())) sizes.push_back(side);
    }
    return sizes;
}

}  // namespace keel::fit
