#include "runs/estimate/estimate_text.h"

#include <fmt/format.h>

#include "engine/machine_memory.h"
#include "runs/energy/energy_meter.h"

namespace keel {
namespace {

Json figure_json(const Figure& figure) { return {{"value", figure.value}, {"low", figure.low}, {"high", figure.high}}; }

template <class Text>
std::string with_interval(const Figure& figure, const Text& text) {
    return fmt::format("{} ({} to {})", text(figure.value), text(figure.low), text(figure.high));
}

std::string time_text(const Figure& figure) {
    if (figure.value < 10) return with_interval(figure, [](double s) { return fmt::format("{:.3g} s", s); });
    return with_interval(figure, duration_text);
}

std::string energy_line(const RunEstimate& e) {
    const std::string text = with_interval(e.kwh, [](double kwh) { return energy_text(3.6e6 * kwh, false); });
    return e.kwh_estimated ? text + ", an ESTIMATE" : text;
}

std::string memory_line(const RunEstimate& e) {
    if (e.memory == 0) return "not known";
    std::string text = memory_text(e.memory);
    if (e.memory_there > 0) text += fmt::format(" a node, of {}", memory_text(e.memory_there));
    return e.fits ? text : text + ": DOES NOT FIT";
}

std::string input_line(const RunEstimate& e) {
    std::string text = fmt::format("{:.1f} images/s a node are wanted", e.wanted_input);
    if (e.input_there > 0) text += fmt::format(", {:.1f} are there with nothing else to do", e.input_there);
    if (e.input_bytes > 0) text += fmt::format("; {:.1f} MB/s are read", 1e-6 * e.input_bytes);
    return text;
}

std::string teachers_assumed(const RunFacts& facts) {
    if (facts.teachers_in_steps)
        return "teachers are asked in every step, and measured with it: augmentation shows an image in another way "
               "each time, or their answers are too many to be kept";
    if (facts.teacher_images == 0) return "what teachers say of all training images is kept already";
    return fmt::format(
        "teachers are asked once about each of {} training images{}, before the first step, and steps take what was "
        "kept; some were measured: {:.3g} s an image",
        facts.teacher_images, facts.teacher_views > 1 ? " and its mirror image" : "", facts.teacher_image);
}

}  // namespace

std::vector<std::string> plain_assumptions(const RunFacts& facts) {
    std::vector<std::string> all;
    all.push_back(
        fmt::format("the run goes on to its last epoch; {}the machine stays as busy as it was while it was "
                    "measured",
                    facts.config.patience > 0 ? "patience may end it sooner; " : ""));
    all.push_back(fmt::format(
        "measured: {} steps of {} rank{} with {} threads each, a checkpoint, {}an epoch's begin; intervals are of 95 % "
        "for steps, a fifth either way for what is measured once, and a tenth for power",
        facts.steps.size(), facts.ranks, facts.ranks == 1 ? "" : "s", facts.threads,
        facts.val_samples > 0 ? "a part of the validation, " : ""));
    if (facts.step_scale > 1)
        all.push_back(fmt::format("steps of {:g} times fewer images were measured, for the run's own do not fit here",
                                  facts.step_scale));
    if (!facts.config.teacher.empty()) all.push_back(teachers_assumed(facts));
    all.push_back("energy by " + facts.energy_source);
    if (!facts.watts_estimated) all.emplace_back("energy is of whole nodes, other work on them included");
    all.emplace_back("core-hours are of compute threads, whether they are busy or not");
    return all;
}

std::vector<std::string> estimate_warnings(const RunFacts& facts, const RunEstimate& e, std::int64_t disk_free) {
    std::vector<std::string> all;
    if (!e.fits)
        all.push_back(fmt::format("the run needs {} of memory a node, of {}: keel train refuses it",
                                  memory_text(e.memory), memory_text(e.memory_there)));
    if (e.input_there > 0 && e.input_there < e.wanted_input)
        all.push_back(fmt::format("input does not keep up: --workers {} give {:.1f} images a second, {:.1f} are wanted",
                                  facts.config.workers, e.input_there, e.wanted_input));
    if (disk_free > 0 && disk_free < e.disk)
        all.push_back(
            fmt::format("the run's folder takes {}, {} are free there", memory_text(e.disk), memory_text(disk_free)));
    return all;
}

Json estimate_json(const RunFacts& facts, const RunPlan& plan, const RunEstimate& e,
                   const std::vector<std::string>& assumed) {
    Json json{{"model", facts.config.model},
              {"data", facts.config.data},
              {"image_size", facts.config.image_size},
              {"batch_size", facts.config.batch_size},
              {"nodes", plan.nodes},
              {"ranks", plan.ranks()},
              {"threads", plan.threads > 0 ? plan.threads : facts.threads},
              {"epochs", e.epochs},
              {"steps", e.steps},
              {"steps_an_epoch", e.steps_an_epoch},
              {"images_a_step", e.images_a_step},
              {"step_seconds", figure_json(e.step)},
              {"validation_seconds", figure_json(e.validation)},
              {"teachers_seconds", figure_json(e.teachers)},
              {"epoch_seconds", figure_json(e.epoch)},
              {"run_seconds", figure_json(e.run)},
              {"images_per_second", figure_json(e.images_a_second)},
              {"core_hours", figure_json(e.core_hours)},
              {"kwh", figure_json(e.kwh)},
              {"kwh_estimated", e.kwh_estimated},
              {"price", e.price ? figure_json(*e.price) : Json(nullptr)},
              {"gco2", e.gco2 ? figure_json(*e.gco2) : Json(nullptr)},
              {"memory_bytes", e.memory},
              {"memory_of_process_bytes", facts.memory.process.total},
              {"memory_there_bytes", e.memory_there},
              {"fits", e.fits},
              {"disk_bytes", e.disk},
              {"input_wanted_images_per_second", e.wanted_input},
              {"input_there_images_per_second", e.input_there},
              {"input_bytes_per_second", e.input_bytes}};
    json["measured"] = {{"steps", facts.steps.size()},
                        {"start_seconds", facts.start},
                        {"first_steps_seconds", facts.first_steps},
                        {"epoch_begin_seconds", facts.epoch_begin},
                        {"checkpoint_seconds", facts.save},
                        {"teacher_image_seconds", facts.teacher_image},
                        {"report_seconds", facts.end},
                        {"watts", facts.watts}};
    json["assumptions"] = assumed;
    return json;
}

std::string estimate_text(const RunFacts& facts, const RunPlan& plan, const RunEstimate& e,
                          const std::vector<std::string>& assumed) {
    std::string text = fmt::format(
        "{} at {} pixels on {}: {} epochs of {} steps of {} images, {} rank{} of {} threads\n\n", facts.config.model,
        facts.config.image_size, facts.config.data, e.epochs, e.steps_an_epoch, e.images_a_step, plan.ranks(),
        plan.ranks() == 1 ? "" : "s", plan.threads > 0 ? plan.threads : facts.threads);
    const auto row = [&](const char* name, const std::string& value) {
        text += fmt::format("{:<12} {}\n", name, value);
    };
    row("memory", memory_line(e));
    row("disk", memory_text(e.disk));
    if (facts.steps.empty()) {
        row("time", "not known: not one image of a step fits into memory here");
    } else {
        if (e.teachers.value > 0) row("teachers", time_text(e.teachers) + ", once");
        row("a step", time_text(e.step));
        row("an epoch", time_text(e.epoch));
        row("in all", time_text(e.run));
        row("speed", with_interval(e.images_a_second, [](double v) { return fmt::format("{:.1f}", v); }) + " images/s");
        row("input", input_line(e));
        row("core-hours", with_interval(e.core_hours, [](double v) { return fmt::format("{:.3g}", v); }));
        row("energy", energy_line(e));
        if (e.price) row("price", with_interval(*e.price, [](double v) { return fmt::format("{:.2f}", v); }));
        if (e.gco2)
            row("CO2", with_interval(*e.gco2, [](double v) { return fmt::format("{:.3g} g", v); }) +
                           (e.kwh_estimated ? ", an ESTIMATE" : ""));
    }
    text += "\nAssumed:\n";
    for (const std::string& sentence : assumed) text += "- " + sentence + "\n";
    return text;
}

}  // namespace keel
