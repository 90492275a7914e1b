#include "tune/fit/speed.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "distributed/processes/child.h"
#include "engine/json.h"
#include "engine/quantile.h"
#include "engine/text.h"
#include "kernels/cpu.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/version.h"

namespace keel::fit {
namespace {

double number_of(const Json& figures, const char* key) {
    const auto found = figures.find(key);
    const double value = found != figures.end() && found->is_number() ? found->get<double>() : 0;
    if (!(value > 0) || !std::isfinite(value))
        throw InputError(fmt::format("[fit] wanted {} above 0 of keel bench, got {}", key,
                                     found == figures.end() ? "none" : json_text(*found)));
    return value;
}

struct Output {
    int code = 0;
    std::string object{}, last_words{};  ///< the line that is JSON; the last one that is none
};

/// Runs a program to its end.
Output output_of(const std::vector<std::string>& words) {
    Child child(words, ChildOutput::lines);
    Output output;
    const auto take = [&](const std::string& line) {
        (line.starts_with('{') ? output.object : output.last_words) = line.substr(0, line.find_last_not_of("\r\n") + 1);
    };
    while (child.wait(std::chrono::seconds(1), take)) {
    }
    output.code = child.code();
    return output;
}

/// One process of keel bench.
BenchFigures bench(const SpeedOptions& o, const std::filesystem::path& file, Form form, Quantizing quantizing,
                   std::int64_t batch, int steps) {
    const bool quantize = quantizing == Quantizing::by_random_images;
    std::vector<std::string> words{"env"};
    if (!o.isa.empty()) words.push_back("KEEL_ISA=" + o.isa);
    words.insert(words.end(), {o.program, "bench", "--checkpoint", file.string(), "--mode", quantize ? "int8" : "infer",
                               "--batch", std::to_string(batch), "--steps", std::to_string(steps), "--warmup", "2",
                               "--bind", o.bind, "--json", "--quiet"});
    if (form != Form::int8) words.insert(words.end(), {"--precision", std::string(name(form))});
    if (o.threads > 0) words.insert(words.end(), {"--threads", std::to_string(o.threads)});
    const Output output = output_of(words);
    if (output.code != 0)
        throw InputError(fmt::format("[fit] {} bench of {} ended with code {}: {}", o.program, file.string(),
                                     output.code, excerpt(output.last_words)));
    BenchFigures figures = read_bench_figures(output.object);
    if (form == Form::bf16 && figures.precision != "bf16")
        throw UsageError(fmt::format("[fit] {} does not run in bf16, but in {}", file.string(), figures.precision));
    return figures;
}

double rate_of(const BenchFigures& figures) { return figures.images_per_second; }

/// A first process, which is not counted, says how many steps the others time.
std::vector<BenchFigures> rounds_of(const SpeedOptions& o, const std::filesystem::path& file, Form form,
                                    Quantizing quantizing, std::int64_t batch) {
    constexpr int kFirstSteps = 3, kTries = 3;
    const int steps = steps_to_time(o.seconds, bench(o, file, form, quantizing, batch, kFirstSteps).step_ms);
    const auto count = static_cast<std::size_t>(std::max(o.rounds, 1));
    std::vector<BenchFigures> all, rounds;
    for (int i = 0; i < kTries; ++i) {
        while (all.size() < count * static_cast<std::size_t>(i + 1))
            all.push_back(bench(o, file, form, quantizing, batch, steps));
        rounds = fastest_of(all, count);
        const auto [low, high] = std::ranges::minmax(rounds, {}, rate_of);
        if (is_steady(rate_of(low), rate_of(high))) break;
    }
    return rounds;
}

/// The median of one figure, the least and the most.
struct Spread {
    double middle, low, high;
};
Spread spread_of(const std::vector<BenchFigures>& figures, double BenchFigures::*member) {
    std::vector<double> values;
    for (const BenchFigures& one : figures) values.push_back(one.*member);
    return {median(values), *std::ranges::min_element(values), *std::ranges::max_element(values)};
}

}  // namespace

const Isa& isa_of(const SpeedOptions& o) {
    if (o.isa.empty()) return active_isa();
    const Isa wanted = isa_from_name(o.isa);
    for (const Isa& isa : available_isas())
        if (std::string_view(isa.name) == wanted.name) return isa;
    throw UsageError(
        fmt::format("[fit] --isa {}: this machine cannot run it, so that its speed cannot be measured here", o.isa));
}

std::string conditions_of(const SpeedOptions& o) {
    return fmt::format("{}, {}, {} threads, {} images at a time, {} rounds of {:g} s, Keel {}", processor().brand,
                       isa_of(o).name, o.threads > 0 ? o.threads : thread_count(), o.batch, o.rounds, o.seconds,
                       KEEL_VERSION);
}

BenchFigures read_bench_figures(std::string_view json) {
    const Json figures = try_parse_json(json);
    if (!figures.is_object())
        throw InputError(fmt::format("[fit] wanted a JSON object of keel bench, got '{}'", excerpt(json)));
    const auto precision = figures.find("precision");
    return {number_of(figures, "images_per_second"), number_of(figures, "step_ms_median"),
            number_of(figures, "peak_rss_mb"),
            precision != figures.end() && precision->is_string() ? precision->get<std::string>() : ""};
}

bool is_steady(double lowest, double highest) { return highest <= (1 + kSteady) * lowest; }

std::vector<BenchFigures> fastest_of(std::vector<BenchFigures> rounds, std::size_t count) {
    std::ranges::sort(rounds, std::greater(), &BenchFigures::images_per_second);
    rounds.resize(std::min(rounds.size(), count));
    return rounds;
}

int steps_to_time(double seconds, double step_ms) {
    return static_cast<int>(std::clamp(std::ceil(1e3 * seconds / step_ms), 3.0, 1000.0));
}

Speed speed_of(const std::vector<BenchFigures>& rates, const std::vector<BenchFigures>& singles) {
    const Spread rate = spread_of(rates, &BenchFigures::images_per_second),
                 latency = spread_of(singles, &BenchFigures::step_ms);
    return {rate.middle,
            rate.low,
            rate.high,
            latency.middle,
            latency.low,
            latency.high,
            spread_of(rates, &BenchFigures::memory_mb).high};
}

MeasureSpeed measure_by_program(SpeedOptions options) {
    return [o = std::move(options)](const std::filesystem::path& file, Form form, Quantizing quantizing) {
        const std::vector<BenchFigures> rates = rounds_of(o, file, form, quantizing, o.batch);
        Speed speed = speed_of(rates, o.batch == 1 ? rates : rounds_of(o, file, form, quantizing, 1));
        if (quantizing == Quantizing::by_random_images) speed.memory_mb = 0;  // quantizing took most of it
        return speed;
    };
}

}  // namespace keel::fit
