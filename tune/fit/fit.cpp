#include "tune/fit/fit.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "engine/files.h"
#include "engine/paths.h"
#include "engine/safetensors.h"
#include "graph/build/graph_file.h"
#include "graph/summary.h"
#include "kernels/error.h"
#include "models/summary.h"
#include "runs/run_files.h"
#include "runs/run_lease.h"
#include "tune/fit/fit_page.h"
#include "tune/fit/fit_text.h"
#include "tune/fit/workshop.h"

namespace keel::fit {
namespace {

namespace fs = std::filesystem;

std::int64_t macs_of(const graph::Graph& graph) {
    std::int64_t macs = 0;
    for (const graph::NodeSummary& node : graph::summarize(graph)) macs += node.macs;
    return macs;
}

bool limits_nothing(const Wishes& wishes) {
    return !wishes.min_images_per_second && !wishes.max_latency_ms && !wishes.max_mb && !wishes.max_memory_mb;
}

void require_sense(const FitOptions& o) {
    if (limits_nothing(o.wishes) && !o.search.all)
        throw UsageError(
            "[fit] wanted a limit of speed, size or memory, such as --min-images-per-second 4x; without "
            "one the checkpoint is the most accurate, and --all looks at everything else");
    if (holds_run(o.workshop.out))
        throw UsageError(
            fmt::format("[fit] {} is the folder of a run; wanted one of its own", o.workshop.out.string()));
}

/// Copies a file under a name in another folder, so that it is there whole or as it was.
void copy_to(const fs::path& from, const fs::path& to) {
    constexpr std::size_t kPart = std::size_t{1} << 20;
    const InputFile source(from);
    AtomicFile copy(to);
    std::vector<std::byte> part(kPart);
    for (std::uint64_t at = 0; at < source.size();) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPart, source.size() - at));
        source.read(at, std::span(part.data(), count));
        copy.write(part.data(), count);
        at += count;
    }
    copy.commit();
}

/// What of the ways that were asked for cannot be gone, and why.
std::string refusal_of(Way way, bool is_graph, const LoadedGraph& model, const Dataset& dataset) {
    const bool trains = way == Way::fine_tune || way == Way::prune || way == Way::distill;
    if (is_graph && (way == Way::size || way == Way::fine_tune || way == Way::prune))
        return "the checkpoint is a graph, which has no layers to train or cut and takes images of one size";
    if (trains && dataset.size(Split::train) == 0) return "the data have no training samples";
    if (trains && dataset.label_names() != model.spec.label_names)
        return "the data have other labels than the model, which a training would not keep";
    return "";
}

/// Says of which models the speed is doubtful.
void note_unsteady(FitResult& result) {
    for (const Measured& measured : result.search.known.measured) {
        if (!measured.figures) continue;
        const Speed& speed = measured.figures->speed;
        if (is_steady(speed.rate_low, speed.rate_high) && is_steady(speed.latency_low, speed.latency_high)) continue;
        result.notes.push_back(fmt::format(
            "the speed of {} is doubtful: {:.1f} to {:.1f} images per second, {:.2f} to {:.2f} ms an image; this "
            "machine did other work meanwhile, and --resume never measures anew",
            name_of(measured.candidate), speed.rate_low, speed.rate_high, speed.latency_low, speed.latency_high));
    }
}

/// Scores the chosen model where nobody looked while choosing.
void score_on_test(const FitOptions& o, const Dataset& dataset, Workshop& workshop, FitResult& result) {
    if (!o.test || dataset.size(Split::test) == 0 || o.workshop.loader.split == Split::test) return;
    const auto& measured = result.search.known.measured;
    try {
        result.test = workshop.accuracy_on(Split::test, measured[*result.search.verdict.chosen].candidate,
                                           measured.front().candidate);
    } catch (const InputError& error) {
        result.notes.push_back(fmt::format("the test split says nothing of the chosen model: {}", error.what()));
    }
}

SearchHooks hooks_of(const FitOptions& o, std::chrono::steady_clock::time_point start, const std::string& metric) {
    SearchHooks hooks;
    const auto say = [&o](const std::string& text) {
        if (o.workshop.say) o.workshop.say(text);
    };
    hooks.out_of_time = [&o, start] {
        const std::chrono::duration<double, std::ratio<3600>> spent = std::chrono::steady_clock::now() - start;
        return o.hours > 0 && spent.count() >= o.hours;
    };
    hooks.on_measured = [say, metric](const Measured& measured) {
        say(fmt::format("{}: {}", name_of(measured.candidate),
                        measured.figures ? text_of(*measured.figures, metric) : measured.failure));
    };
    hooks.on_probe = [say](const Probe& probe) {
        say(fmt::format(
            "{} before training, {}: {}", name_of(probe.body), name(probe.form),
            probe.failure.empty() ? fmt::format("{:.1f} images/s", probe.speed.images_per_second) : probe.failure));
    };
    return hooks;
}

}  // namespace

void take_words(FitOptions& o, const FitWords& words) {
    const auto wish = [](const std::string& text, const char* option) {
        return text.empty() ? std::nullopt : std::optional(parse_wish(text, option));
    };
    o.wishes.min_images_per_second = wish(words.min_images_per_second, "--min-images-per-second");
    o.wishes.max_latency_ms = wish(words.max_latency_ms, "--max-latency-ms");
    o.wishes.max_mb = wish(words.max_mb, "--max-mb");
    o.wishes.max_memory_mb = wish(words.max_memory_mb, "--max-memory-mb");
    o.ways.clear();
    for (const std::string& way : words.ways) o.ways.push_back(way_named(way));
    o.keeps.clear();
    for (const std::string& keep : words.keeps) o.keeps.push_back(parse_share(keep, "--keep"));
    o.sizes.clear();
    for (const int side : words.sizes) {
        if (side < 8 || side > 4096)
            throw UsageError(fmt::format("[options] --sizes: wanted 8 to 4096 pixels, not {}", side));
        o.sizes.push_back(side);
    }
}

void measure_by(FitOptions& o, const SpeedOptions& speed) {
    o.bf16 = isa_of(speed).includes(Isa::avx512_bf16);
    o.workshop.batch = speed.batch;
    o.workshop.machine = conditions_of(speed);
    o.workshop.measure_speed = measure_by_program(speed);
}

std::vector<std::string> usual_students(const ModelSpec& spec, std::int64_t macs) {
    constexpr std::size_t kMost = 3;
    constexpr std::int64_t kSmallImages = 64;
    std::vector<std::pair<std::int64_t, std::string>> costs;
    for (const char* name : {"resnet50", "resnet34", "resnet18", "resnet56", "resnet20"}) {
        const bool small = std::string_view(name) == "resnet20" || std::string_view(name) == "resnet56";
        if (name == spec.name || (small && spec.image_size >= kSmallImages)) continue;
        ModelOptions options = spec.options;
        options.widths.clear();
        const auto module = make_model(name, options);
        const std::int64_t own = summarize(*module, options.channels, spec.image_size).macs;
        if (4 * own <= 3 * macs) costs.emplace_back(-own, name);
    }
    std::ranges::sort(costs);
    std::vector<std::string> students;
    for (const auto& [cost, name] : costs)
        if (students.size() < kMost) students.push_back(name);
    return students;
}

Space space_of(const FitOptions& o, const LoadedGraph& model, bool is_graph, const Dataset& dataset,
               std::vector<std::string>& notes) {
    Space space{.own = own_body(model.spec), .bf16 = o.bf16, .int8 = true, .kept = o.kept, .keeps = o.keeps};
    for (const Way way : o.ways) {
        const std::string refusal = refusal_of(way, is_graph, model, dataset);
        if (refusal.empty())
            space.ways.push_back(way);
        else
            notes.push_back(fmt::format("{} is left out: {}", name(way), refusal));
    }
    if (std::ranges::find(o.ways, Way::precision) != o.ways.end() && !o.bf16)
        notes.emplace_back("bf16 is left out: the instruction set that is fitted to does not multiply it");
    space.sizes = o.sizes.empty() ? usual_sizes(model.spec.image_size) : o.sizes;
    std::ranges::sort(space.sizes, std::greater());
    std::erase_if(space.sizes, [&](std::int64_t side) { return side >= model.spec.image_size; });
    std::ranges::sort(space.keeps, std::greater());
    std::ranges::sort(space.kept);
    space.students = o.students;
    const bool teaches = std::ranges::find(space.ways, Way::distill) != space.ways.end();
    if (teaches && o.students.empty()) space.students = usual_students(model.spec, macs_of(model.graph));
    for (const std::string& student : space.students) find_model(student);  // says which there are
    return space;
}

FitResult fit(const FitOptions& o, const Dataset& dataset) {
    const auto start = std::chrono::steady_clock::now();
    require_sense(o);
    const WorkshopOptions& w = o.workshop;
    const LoadedGraph model = load_graph(w.training.checkpoint);
    if (std::ranges::any_of(model.graph.buffers, &graph::Buffer::quantized))
        throw UsageError(fmt::format("[fit] {} is quantized already; wanted the checkpoint that it was made of",
                                     w.training.checkpoint));
    const bool is_graph = holds_graph(load_model_state(w.training.checkpoint).metadata);
    if (dataset.size(w.loader.split) == 0)
        throw InputError(fmt::format("[fit] {} has no {} samples", w.training.data, split_name(w.loader.split)));
    FitResult result{.checkpoint = w.training.checkpoint,
                     .data = w.training.data,
                     .split = split_name(w.loader.split),
                     .metric = metric_name(model.spec),
                     .conditions = w.machine,
                     .batch = w.batch,
                     .wishes = o.wishes};
    result.space = space_of(o, model, is_graph, dataset, result.notes);
    make_folders(w.out);
    const RunLease lease(w.out);
    if (o.anew) remove_path(w.out / "fit.jsonl");
    Records records(w.out / "fit.jsonl");
    if (!records.dropped().empty()) result.notes.push_back(records.dropped());
    Workshop workshop(w, model, dataset, records);
    result.search = run_search(result.space, o.wishes, workshop, o.search, hooks_of(o, start, result.metric));
    note_unsteady(result);
    if (const auto& chosen = result.search.verdict.chosen) {
        result.model = w.out / "model.safetensors";
        copy_to(workshop.file_of(result.search.known.measured[*chosen].candidate), result.model);
        score_on_test(o, dataset, workshop, result);
    } else {
        remove_path(w.out / "model.safetensors");  // of an earlier fit, to other limits
    }
    write_file_atomically(w.out / "fit.json", valid_json_text(to_json(result), 2) + "\n");
    write_file_atomically(w.out / "fit.html", page_of(result));
    return result;
}

}  // namespace keel::fit
