// What a build of an earlier day left on disks is read as before. tests/runs/files/make_old_run.py made it.
#include <zlib.h>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "data/formats/csv.h"
#include "data/inspect/info.h"
#include "embed/images.h"
#include "engine/files.h"
#include "engine/json.h"
#include "kernels/error.h"
#include "kernels/onednn/library.h"
#include "runs/report/report.h"
#include "runs/report/run_data.h"
#include "runs/run_directory.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "train/config_file.h"
#include "train/evaluate.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;
namespace fs = std::filesystem;

namespace {

const fs::path kFiles = fs::path(KEEL_SOURCE_DIR) / "tests/runs/files";

Json expected() { return parse_json(read_text(kFiles / "expected.json")); }

/// Writes what a .sparse file stands for: zlib's stream of chunks, two u32, bytes that are 0 and bytes that follow.
void expand(const std::string& name, const fs::path& to) {
    const std::string packed = read_text(kFiles / name);
    std::string chunks(1 << 20, '\0');
    uLongf size = chunks.size();
    REQUIRE(::uncompress(reinterpret_cast<Bytef*>(chunks.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                         packed.size()) == Z_OK);
    std::string bytes;
    for (std::size_t at = 0; at < size;) {
        std::uint32_t counts[2];
        std::memcpy(counts, &chunks[at], sizeof counts);
        at += sizeof counts;
        bytes.append(counts[0], '\0').append(chunks, at, counts[1]);
        at += counts[1];
    }
    write_text(fs::absolute(to), bytes);
}

/// A folder as make_old_run.py had it when the run was stopped; it is the current one meanwhile, for the run's paths
/// are relative.
class OldRun {
public:
    OldRun() : before_(fs::current_path()) {
        fs::copy(kFiles / "pack", folder_ / "pack", fs::copy_options::recursive);
        fs::copy(kFiles / "run", folder_ / "run", fs::copy_options::recursive);
        fs::current_path(folder_.path());
    }
    ~OldRun() { fs::current_path(before_); }

    /// run/checkpoints/last.safetensors of the run that was stopped.
    static constexpr const char* kCheckpoint = "run/checkpoints/last.safetensors";
    void add_checkpoint() const { expand("last.sparse", kCheckpoint); }

private:
    TemporaryFolder folder_;
    fs::path before_;
};

/// The bytes of the module's weights, as safetensors holds them, in the order of their names.
std::uint32_t crc_of(const nn::Module& module) {
    std::vector<NamedTensor> state = module.state();
    std::ranges::sort(state, {}, &NamedTensor::name);
    uLong crc = 0;
    for (const NamedTensor& entry : state) {
        const Tensor values = entry.tensor.contiguous();
        const auto bytes = std::as_bytes(values.values<float>());
        crc = ::crc32(crc, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    }
    return static_cast<std::uint32_t>(crc);
}

}  // namespace

TEST_CASE("An old pack holds the samples that it held", "[old_files]") {
    const auto pack = open_dataset("pack:" + (kFiles / "pack").string());
    const auto counts = count_labels(*pack);
    const Json splits = expected().at("pack");
    for (const Split split : kSplits) {
        const Json& then = splits.at(split_name(split));
        const SplitCounts& now = counts[static_cast<std::size_t>(split)];
        CHECK(then.at("samples") == now.samples);
        CHECK(then.at("without_label") == now.without_label);
        for (std::size_t label = 0; label < now.per_label.size(); ++label)
            CHECK(then.at("labels").at(pack->label_names()[label]) == now.per_label[label]);
        for (std::int64_t i = 0; i < pack->size(split); ++i) {
            const Image image = pack->load(split, i);
            CHECK((image.width == 16 && image.height == 16 && image.channels == 1 && image.bits == 8));
        }
    }
}

TEST_CASE("An old configuration has the same keys and values", "[old_files]") {
    TrainConfig config;
    const std::string then = read_text(kFiles / "run/config.toml");
    apply_toml(config, then, "config.toml");
    const std::string now = "\n" + to_toml(config);
    std::istringstream lines(then);
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('#')) continue;
        CHECK_THAT(now, contains("\n" + line + "\n"));
        ++count;
    }
    CHECK(count > 60);
}

TEST_CASE("An old checkpoint predicts what it did", "[old_files]") {
    const OldRun run;
    run.add_checkpoint();
    const Predictor model{fs::path(run.kCheckpoint)};
    LoaderOptions options;
    options.split = Split::val;
    options.transform = transform_of(model.spec());
    const auto data = open_dataset("pack:pack");
    REQUIRE_NOTHROW(require_same_labels(model.spec(), *data, run.kCheckpoint));
    const Predictions predictions = evaluate(model, *data, options);
    CHECK(predictions.loss == Approx(expected().at("loss").get<double>()).epsilon(1e-5));

    const std::vector<std::string> lines = read_lines(kFiles / "scores.csv");
    REQUIRE(lines.size() == predictions.names.size() + 1);
    const std::size_t labels = model.spec().label_names.size();
    for (std::size_t i = 0; i < predictions.names.size(); ++i) {
        const std::vector<std::string> fields = split_fields(lines[i + 1], ',');
        REQUIRE(fields.size() == labels + 1);
        CHECK(fields[0] == predictions.names[i]);
        // Another ISA sums otherwise: some 20 layers, each off by some units of float's 6e-8.
        for (std::size_t label = 0; label < labels; ++label)
            CHECK(predictions.probabilities[i * labels + label] == Approx(std::stod(fields[label + 1])).margin(1e-5));
    }
}

TEST_CASE("A run that an earlier build stopped goes on", "[old_files]") {
    const OldRun run;
    run.add_checkpoint();
    expand("init.sparse", "init.safetensors");
    const auto found = Checkpoints("run/checkpoints").newest();
    REQUIRE(found);
    CHECK(found->refused.empty());
    const TrainerState state = read_trainer_state(found->state.metadata, run.kCheckpoint);
    CHECK((state.epoch == 0 && state.step == 2 && state.sample_offset == 8));
    TrainConfig config;
    apply_toml(config, state.config, run.kCheckpoint);
    config.max_steps = 0;
    config.out.clear();
    Trainer trainer(config);
    trainer.resume(found->state, found->file);
    const TrainResult result = trainer.run();
    CHECK(result.epochs == 2);
    // To the same bits where all is as it was then: the order of sums is each ISA's, and oneDNN picks its kernels once
    // a process and by the processor's caches.
    const char* const isa = std::getenv("KEEL_ISA");
    const char* const same = std::getenv("KEEL_TEST_OLD_BITS");
    if (isa != nullptr && std::string_view(isa) == "avx2" && same != nullptr &&
        expected().at("library") == kernels::convolution_library())
        CHECK(crc_of(trainer.module()) == expected().at("crc").get<std::uint32_t>());
}

TEST_CASE("An old run directory is reported, compared and gone on with", "[old_files]") {
    const OldRun run;
    const report::RunData data = report::read_run_data("run");
    CHECK(data.metrics.rows == 2);
    CHECK(data.metric_key() == "val_auroc_mean");
    CHECK(data.config.ema_decay == 0.5);
    CHECK(data.machine.contains("cpu"));
    REQUIRE(data.predictions);
    CHECK(data.predictions->labels.size() == 14);
    CHECK_THAT(read_text(report::write_report("run")), contains("<h2>Scores</h2>") && contains("2 of 2"));
    CHECK_THAT(report::comparison_page({"run", "run"}), contains("2 runs side by side"));

    const std::string rows = read_text("run/metrics.csv");
    CHECK_THROWS_AS(RunDirectory("run", ExistingRun::refuse, true), UsageError);
    {
        RunDirectory directory("run", ExistingRun::resume, true);
        directory.cut_metrics_after(2);
        CHECK(read_text("run/metrics.csv") == rows);
        directory.cut_metrics_after(1);
    }
    CHECK(report::read_run_data("run").metrics.rows == 1);
    CHECK(rows.starts_with(read_text("run/metrics.csv")));
}
