#include "runs/estimate/run_estimate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "train/run_course.h"
#include "train/trainer_state.h"

namespace keel {
namespace {

constexpr double kFewTimes = 0.15, kLeastWidth = 0.01;  // of the mean, either way
constexpr double kOtherWidth = 0.2;  // of what is measured once or twice: validations, saves, begins of epochs
constexpr int kKeptCheckpoints = 4;  // two, the best, and the one that is written
constexpr std::int64_t kReportBytes = 1 << 20, kRowBytes = 24;  // of a prediction: a probability and what is true

double mean(const std::vector<double>& values) {
    return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Figure scaled(const Figure& figure, double factor) {
    return {figure.value * factor, figure.low * factor, figure.high * factor};
}

Figure sum(const Figure& a, const Figure& b) { return {a.value + b.value, a.low + b.low, a.high + b.high}; }

Figure about(double value, double width) { return {value, value * (1 - width), value * (1 + width)}; }

/// How far a run goes, in whole numbers.
struct Course {
    std::int64_t epochs = 0, steps = 0, steps_an_epoch = 0;
    double step_units = 0;  // the last step of an epoch is as long as it has images
    std::int64_t validations = 0;
};

Course course_of(const RunFacts& facts, int ranks) {
    const TrainConfig& config = facts.config;
    const StepSize size{config.batch_size, ranks};
    const std::int64_t images = config.batch_size * ranks;
    const std::int64_t visited = visited_in_epoch(config, facts.train_samples, ranks);
    const RunCourse course(config, facts.train_samples, size, size);
    Course c;
    c.steps_an_epoch = (visited + images - 1) / images;
    c.steps = course.steps_left({});
    c.epochs = c.steps_an_epoch > 0 ? (c.steps + c.steps_an_epoch - 1) / c.steps_an_epoch : 0;
    const std::int64_t whole = c.steps_an_epoch > 0 ? c.steps / c.steps_an_epoch : 0;
    const double of_epoch = static_cast<double>(visited) / static_cast<double>(images);
    c.step_units = static_cast<double>(whole) * of_epoch + static_cast<double>(c.steps - whole * c.steps_an_epoch);
    if (facts.val_samples > 0)
        c.validations = c.epochs / config.eval_every + (c.epochs % config.eval_every != 0 ? 1 : 0);
    return c;
}

/// Saves at the ends of epochs, and those within them.
double saves_of(const TrainConfig& config, const Course& course, double step) {
    double saves = static_cast<double>(course.epochs);
    const double of_epoch = course.epochs > 0 ? course.step_units * step / static_cast<double>(course.epochs) : 0;
    if (config.checkpoint_minutes > 0) saves *= 1 + std::floor(of_epoch / (60 * config.checkpoint_minutes));
    return saves;
}

void estimate_costs(const RunFacts& facts, const RunPlan& plan, RunEstimate& estimate) {
    const int threads = plan.threads > 0 ? plan.threads : facts.threads;
    const double cores = static_cast<double>(threads) * plan.ranks();
    estimate.core_hours = scaled(estimate.run, cores / 3600);
    const double watts = plan.rank_watts > 0 ? plan.rank_watts : facts.watts / facts.ranks;
    // Power is not known better than to a tenth, where it is measured over some seconds.
    const Figure power = about(watts * plan.ranks(), 0.1);
    const Figure& run = estimate.run;
    estimate.kwh = {run.value * power.value / 3.6e6, run.low * power.low / 3.6e6, run.high * power.high / 3.6e6};
    estimate.kwh_estimated = facts.watts_estimated || plan.rank_watts > 0;
    const Prices prices = prices_of(facts.config);
    const auto priced = [&](double Figure::*member) {
        return price_of(estimate.core_hours.*member, estimate.kwh.*member, prices).value_or(0);
    };
    if (price_of(0, 0, prices))
        estimate.price = Figure{priced(&Figure::value), priced(&Figure::low), priced(&Figure::high)};
    if (prices.gco2_kwh > 0) estimate.gco2 = scaled(estimate.kwh, prices.gco2_kwh);
}

void estimate_needs(const RunFacts& facts, const RunPlan& plan, RunEstimate& estimate) {
    const NodeMemory& memory = facts.memory;
    const bool here = plan.node_memory == 0;
    estimate.memory = memory.process.total * plan.ranks_per_node;
    estimate.memory_there = here ? memory.machine.total : plan.node_memory;
    // Here processes hold a part of it already, which the rest of what is free does not count.
    const std::int64_t more =
        estimate.memory - (here ? std::min(memory.process.now * facts.ranks, estimate.memory) : 0);
    estimate.fits =
        here ? !memory.machine.known() || more <= memory.machine.available : estimate.memory <= plan.node_memory;
    estimate.disk =
        kKeptCheckpoints * facts.checkpoint_bytes + facts.val_samples * kRowBytes + facts.answer_bytes + kReportBytes;
    estimate.wanted_input = estimate.images_a_second.value / plan.nodes;
    estimate.input_there = plan.compute > 0 ? facts.input_rate * plan.ranks_per_node / plan.compute : 0;
    estimate.input_bytes = estimate.wanted_input * static_cast<double>(facts.read_bytes);
}

}  // namespace

Figure mean_of(const std::vector<double>& seconds) {
    const double middle = mean(seconds);
    if (seconds.size() < 4) return about(middle, kFewTimes);
    // Student's t of 97.5 % by degrees of freedom.
    constexpr std::array kStudent{12.71, 4.303, 3.182, 2.776};
    const std::size_t blocks = std::min<std::size_t>(5, seconds.size() / 2);
    std::vector<double> means;
    for (std::size_t b = 0; b < blocks; ++b) {
        const auto begin = seconds.begin() + static_cast<std::ptrdiff_t>(b * seconds.size() / blocks);
        const auto end = seconds.begin() + static_cast<std::ptrdiff_t>((b + 1) * seconds.size() / blocks);
        means.push_back(mean({begin, end}));
    }
    double squares = 0;
    for (const double value : means) squares += (value - mean(means)) * (value - mean(means));
    const double error = std::sqrt(squares / static_cast<double>(blocks - 1) / static_cast<double>(blocks));
    const double width = std::max(kStudent[blocks - 2] * error, kLeastWidth * middle);
    return {middle, std::max(0.0, middle - width), middle + width};
}

RunEstimate estimate_run(const RunFacts& facts, const RunPlan& plan) {
    const TrainConfig& config = facts.config;
    const Course course = course_of(facts, plan.ranks());
    RunEstimate estimate;
    estimate.epochs = course.epochs;
    estimate.steps = course.steps;
    estimate.steps_an_epoch = course.steps_an_epoch;
    estimate.images_a_step = config.batch_size * plan.ranks();
    estimate.step = scaled(mean_of(facts.steps), facts.step_scale * plan.step);
    const double images = static_cast<double>(estimate.images_a_step);
    if (estimate.step.value > 0)
        estimate.images_a_second = {images / estimate.step.value, images / estimate.step.high,
                                    images / std::max(estimate.step.low, 0.01 * estimate.step.value)};
    const double of_rank = static_cast<double>((facts.val_samples + plan.ranks() - 1) / plan.ranks());
    estimate.validation = facts.val_samples > 0
                              ? about(facts.val_begin + of_rank * facts.val_image * plan.compute, kOtherWidth)
                              : Figure{};
    const Figure save = about(facts.save, kOtherWidth), begin = about(facts.epoch_begin, kOtherWidth);
    const double epochs = static_cast<double>(std::max<std::int64_t>(1, course.epochs));
    const double saves = saves_of(config, course, estimate.step.value);
    const Figure training =
        sum(scaled(estimate.step, course.step_units), scaled(begin, static_cast<double>(course.epochs)));
    const Figure beside =
        sum(scaled(estimate.validation, static_cast<double>(course.validations)), scaled(save, saves));
    estimate.epoch = scaled(sum(training, beside), 1 / epochs);
    const double asked = static_cast<double>((facts.teacher_images + plan.ranks() - 1) / plan.ranks());
    estimate.teachers = about(facts.teacher_begin + asked * facts.teacher_image * plan.compute, kOtherWidth);
    const Figure ends = about(facts.start + facts.first_steps + facts.end, kOtherWidth);
    estimate.run = sum(sum(training, beside), sum(ends, estimate.teachers));
    estimate_costs(facts, plan, estimate);
    estimate_needs(facts, plan, estimate);
    return estimate;
}

}  // namespace keel
