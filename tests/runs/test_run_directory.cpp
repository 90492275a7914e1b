#include "runs/run_directory.h"

#include <cerrno>
#include <cmath>
#include <string>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/disk_faults.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;
using keel::test::read_text;
using keel::test::TemporaryFolder;
using keel::test::write_text;
namespace fs = std::filesystem;

namespace {

constexpr int kFsync = static_cast<int>(test::Call::fsync);

Json row(std::int64_t epoch, double loss) { return {{"epoch", epoch}, {"loss", loss}, {"auroc a,b", nullptr}}; }

}  // namespace

TEST_CASE("A new run gets its folder, log and checkpoints' folder", "[run]") {
    const TemporaryFolder folder;
    const fs::path path = folder / "deep/run";
    CHECK_FALSE(holds_run(path));
    {
        RunDirectory run(path, ExistingRun::refuse, true);
        run.write_config("lr = 1\n");
        run.log().info("a word");
        CHECK(run.checkpoints().last() == path / "checkpoints/last.safetensors");
        CHECK(run.checkpoints().best() == path / "checkpoints/best.safetensors");
    }
    CHECK(holds_run(path));
    CHECK(read_text(path / "config.toml") == "lr = 1\n");
    CHECK(read_text(path / "log.txt").find(" info a word\n") != std::string::npos);
    CHECK(fs::is_directory(path / "checkpoints"));
}

TEST_CASE("A run is never overwritten unasked", "[run]") {
    const TemporaryFolder folder;
    write_text(folder / "metrics.csv", "epoch\n1\n");
    write_text(folder / "notes.md", "mine");
    try {
        RunDirectory run(folder.path(), ExistingRun::refuse, true);
        FAIL("the run was not noticed");
    } catch (const UsageError& error) {
        const std::string message = error.what();
        CHECK(message.find("--resume") != std::string::npos);
        CHECK(message.find("--force") != std::string::npos);
    }
    { RunDirectory run(folder.path(), ExistingRun::resume, true); }
    CHECK(read_text(folder / "metrics.csv") == "epoch\n1\n");
    { RunDirectory run(folder.path(), ExistingRun::replace, true); }
    CHECK_FALSE(fs::exists(folder / "metrics.csv"));
    CHECK(read_text(folder / "notes.md") == "mine");
}

TEST_CASE("A folder with other files is no run", "[run]") {
    const TemporaryFolder folder;
    write_text(folder / "notes.md", "mine");
    CHECK_FALSE(holds_run(folder.path()));
    CHECK_NOTHROW(RunDirectory(folder.path(), ExistingRun::refuse, true));
}

TEST_CASE("Two writers of one run are refused", "[run]") {
    const TemporaryFolder folder;
    const RunDirectory first(folder.path(), ExistingRun::resume, true);
    CHECK_THROWS_AS(RunDirectory(folder.path(), ExistingRun::resume, true), UsageError);
    CHECK_THROWS_AS(RunDirectory(folder.path(), ExistingRun::replace, true), UsageError);
    CHECK(fs::exists(folder / "log.txt"));
}

TEST_CASE("A folder that cannot be made is an IoError", "[run]") {
    const TemporaryFolder folder;
    write_text(folder / "file", "");
    CHECK_THROWS_AS(RunDirectory(folder / "file", ExistingRun::refuse, true), IoError);
}

TEST_CASE("Metrics: one row an epoch in both files", "[run]") {
    const TemporaryFolder folder;
    RunDirectory run(folder.path(), ExistingRun::refuse, true);
    run.append_metrics(row(1, 0.5));
    run.append_metrics(row(2, std::nan("")));
    CHECK(read_text(folder / "metrics.csv") == "epoch,loss,\"auroc a,b\"\n1,0.5,\n2,,\n");
    CHECK(read_text(folder / "metrics.jsonl") ==
          "{\"epoch\":1,\"loss\":0.5,\"auroc a,b\":null}\n{\"epoch\":2,\"loss\":null,\"auroc a,b\":null}\n");
}

TEST_CASE("A resumed run loses the rows behind its checkpoint, and a torn one", "[run]") {
    const TemporaryFolder folder;
    RunDirectory run(folder.path(), ExistingRun::refuse, true);
    for (int epoch = 1; epoch <= 3; ++epoch) run.append_metrics(row(epoch, epoch));
    const auto tear = [&](const char* name, const std::string& part) {
        write_text(folder / name, read_text(folder / name) + part);
    };
    tear("metrics.csv", "4,0.");
    tear("metrics.jsonl", "{\"epoch\":4,\"lo");
    run.cut_metrics_after(2);
    run.append_metrics(row(3, 7));
    CHECK(read_text(folder / "metrics.csv") == "epoch,loss,\"auroc a,b\"\n1,1.0,\n2,2.0,\n3,7.0,\n");
    CHECK(read_text(folder / "metrics.jsonl") ==
          "{\"epoch\":1,\"loss\":1.0,\"auroc a,b\":null}\n"
          "{\"epoch\":2,\"loss\":2.0,\"auroc a,b\":null}\n"
          "{\"epoch\":3,\"loss\":7.0,\"auroc a,b\":null}\n");
    run.cut_metrics_after(0);
    CHECK(read_text(folder / "metrics.csv") == "epoch,loss,\"auroc a,b\"\n");
    CHECK(read_text(folder / "metrics.jsonl").empty());
}

TEST_CASE("What is no row of metrics does not stop a run that goes on", "[run]") {
    const TemporaryFolder folder;
    RunDirectory run(folder.path(), ExistingRun::refuse, true);
    write_text(folder / "metrics.csv", "epoch,loss,\"auroc a,b\"\r\n\r\n1,1.0,\r\nx\r\n");
    write_text(folder / "metrics.jsonl", "[1]\n");
    run.cut_metrics_after(9);
    run.append_metrics(row(2, 3));
    CHECK(read_text(folder / "metrics.csv") == "epoch,loss,\"auroc a,b\"\n1,1.0,\n2,3.0,\n");
    CHECK(read_text(folder / "metrics.jsonl") == "{\"epoch\":2,\"loss\":3.0,\"auroc a,b\":null}\n");
    CHECK_THAT(read_text(folder / "log.txt"), contains("metrics.csv:4: x is no row of metrics and left out") &&
                                                  contains("metrics.jsonl:1: [1] is no row"));
    CHECK(fs::exists(folder / "metrics.csv.damaged"));
}

TEST_CASE("A disk that fails for a while costs a run's folder nothing", "[run]") {
    const TemporaryFolder folder;
    {
        RunDirectory run(folder.path(), ExistingRun::refuse, true);
        run.write_config("lr = 1\n");
        run.write_events();
        {
            const test::DiskFaultScope full({.at = 1, .error = ENOSPC, .for_good = true, .only = kFsync});
            run.write_predictions("image\n");
            run.write_machine({{"cores", 1}});
            run.append_metrics({{"epoch", 1}, {"step", 4}, {"loss", 1.0}});
            CHECK_FALSE(fs::exists(folder / "val_predictions.csv"));
        }
        fs::remove(folder / "config.toml");
        fs::remove_all(folder / "checkpoints");
        run.append_metrics({{"epoch", 2}, {"step", 8}, {"loss", 0.5}});
        CHECK(read_text(folder / "val_predictions.csv") == "image\n");
        CHECK(read_text(folder / "config.toml") == "lr = 1\n");
    }
    CHECK(fs::exists(folder / "machine.json"));
    CHECK(read_text(folder / "metrics.csv") == "epoch,step,loss\n1,4,1.0\n2,8,0.5\n");
    CHECK_THAT(read_text(folder / "log.txt"),
               contains("No space left on device; it waits in memory for the next try") &&
                   contains("config.toml was gone, and is written again"));
}
