// The program as its users see it: exit codes, stdout and stderr.
#include <sstream>
#include <string>
#include <vector>

#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using keel::test::Arguments;
using keel::test::holds;
using keel::test::ProgramResult;
using keel::test::read_text;
using keel::test::run_keel;
using keel::test::TemporaryFolder;
using keel::test::write_text;
using json = keel::Json;

namespace {

/// The one JSON object that stdout must hold.
json json_of(const ProgramResult& result) {
    REQUIRE(result.code == 0);
    const json parsed = keel::try_parse_json(result.out);
    REQUIRE(parsed.is_object());
    CHECK(result.out.find('\n') == result.out.size() - 1);
    return parsed;
}

}  // namespace

TEST_CASE("Bad command lines end with their code and one line on stderr", "[program]") {
    const auto [line, code, part] = GENERATE(table<Arguments, int, std::string>({
        {{}, 2, "keel: [options] a command is missing"},
        {{"doctr"}, 2, "keel: [options] unknown command 'doctr', did you mean 'doctor'?"},
        {{"data"}, 2, "keel data: [options] a command is missing"},
        {{"data", "inof"}, 2, "keel data: [options] unknown command 'inof', did you mean 'info'?"},
        {{"--frobnicate"}, 2, "keel: [options] unknown option '--frobnicate'"},
        {{"doctor", "--jsn"}, 2, "keel doctor: [options] unknown option '--jsn', did you mean '--json'?"},
        {{"doctor", "--jsn=1"}, 2, "unknown option '--jsn',"},
        {{"doctor", "now"}, 2, "keel doctor: [options] 'now' is one argument too many"},
        {{"doctor", "--threads", "x"}, 2, "--threads"},
        {{"doctor", "--threads", "-1"}, 2, "--threads"},
        {{"doctor", "--threads", "1025"}, 2, "--threads"},
        {{"doctor", "--threads"}, 2, "--threads"},
        {{"doctor", "--seed", "-1"}, 2, "--seed"},
        {{"doctor", "--ranks", "1024"}, 2, "keel doctor: [cores] 1024 ranks of 1 thread do not fit on"},
        {{"data", "info", "nih:/nowhere", "--split-seed", "-1"}, 2, "--split-seed"},
        {{"data", "info"}, 2, "spec"},
        {{"data", "info", "--vall-fraction", "0.1"}, 2, "did you mean '--val-fraction'?"},
        {{"data", "info", "xray:/nowhere"}, 2, "keel data info: ["},
        {{"data", "info", "nih:/nowhere"}, 2, "keel data info: ["},
        {{"data", "synth", "/dev/null/x", "--count", "10", "--size", "64"}, 5, "keel data synth: ["},
        {{"data", "synth", "d", "--count", "0"}, 2, "keel data synth: ["},
        {{"data", "synth", "d", "--count", "many"}, 2, "--count"},
        {{"data", "bench", "nih:/nowhere", "--rate", "0"}, 2, "--rate"},
        {{"train"}, 2, "keel train: [config] --model NAME is required"},
        {{"train", "--epocs", "3"}, 2, "unknown option '--epocs', did you mean '--epochs'?"},
        {{"train", "--epochs", "0"},
         2,
         "keel train: [config] --epochs: epochs must be a whole number at least 1, not 0"},
        {{"train", "--set", "epocs=1"}, 2, "[config] --set: unknown key 'epocs', did you mean 'epochs'?"},
        {{"train", "--config", "/nowhere/x.toml"}, 5, "/nowhere/x.toml"},
    }));
    const ProgramResult result = run_keel(line);
    CAPTURE(line, result.err);
    CHECK(result.code == code);
    CHECK(holds(result.err, part));
    CHECK(result.err.find('\n') == result.err.size() - 1);
    CHECK(result.out.empty());
}

TEST_CASE("A number out of its range ends with 2 and names option, range and number", "[program]") {
    struct Limit {
        Arguments command;
        std::string option, low, high;  ///< `low` and `high` lie just outside; empty: any number of 64 bits is allowed
        std::string range;
    };
    const Arguments eval{"eval"}, predict{"predict"}, bench{"bench"}, models{"models"}, info{"data", "info"},
        synth{"data", "synth"};
    const auto limit = GENERATE_COPY(
        Limit{eval, "--batch-size", "0", "4097", "1 to 4096"}, Limit{eval, "--workers", "0", "1025", "1 to 1024"},
        Limit{eval, "--max-bad", "-0.01", "1.01", "0 to 1"}, Limit{eval, "--val-fraction", "-0.1", "1", "0 to below 1"},
        Limit{eval, "--test-fraction", "-0.1", "1", "0 to below 1"},
        Limit{eval, "--split-seed", "-1", "", "at least 0"}, Limit{eval, "--threads", "-1", "1025", "0 to 1024"},
        Limit{eval, "--seed", "-1", "", "at least 0"}, Limit{predict, "--batch-size", "0", "4097", "1 to 4096"},
        Limit{bench, "--batch", "0", "4097", "1 to 4096"}, Limit{bench, "--image-size", "27", "4097", "28 to 4096"},
        Limit{bench, "--steps", "-3", "100001", "1 to 100000"}, Limit{bench, "--warmup", "-1", "1001", "0 to 1000"},
        Limit{bench, "--channels", "0", "1025", "1 to 1024"}, Limit{bench, "--classes", "0", "1000001", "1 to 1000000"},
        Limit{models, "--image-size", "27", "4097", "28 to 4096"},
        Limit{models, "--channels", "0", "1025", "1 to 1024"},
        Limit{models, "--classes", "0", "1000001", "1 to 1000000"},
        Limit{info, "--val-fraction", "-0.1", "1", "0 to below 1"},
        Limit{info, "--test-fraction", "-0.1", "1", "0 to below 1"},
        Limit{info, "--split-seed", "-1", "", "at least 0"}, Limit{synth, "--count", "0", "10000001", "1 to 10000000"},
        Limit{synth, "--size", "63", "2049", "64 to 2048"},
        Limit{{"data", "pack"}, "--size", "-1", "16385", "0 to 16384"},
        Limit{{"data", "pack"}, "--shard-mb", "0", "65537", "1 to 65536"},
        Limit{{"data", "pack"}, "--max-bad", "-0.1", "1.1", "0 to 1"},
        Limit{{"data", "check"}, "--workers", "0", "1025", "1 to 1024"},
        Limit{{"data", "bench"}, "--rounds", "0", "1001", "1 to 1000"});
    for (const std::string& value : {limit.low, limit.high}) {  // tests/cli/test_options.cpp has what is no number
        if (value.empty()) continue;
        Arguments line = limit.command;
        line.insert(line.end(), {limit.option, value});
        const ProgramResult result = run_keel(line);
        CAPTURE(line, result.err);
        CHECK(result.code == 2);
        CHECK(holds(result.err, limit.option + ": wanted a "));
        CHECK(holds(result.err, "number " + limit.range + ", not '" + value + "'"));
        CHECK(result.err.find('\n') == result.err.size() - 1);
        CHECK(result.out.empty());
    }
}

TEST_CASE("Arguments that an option does not know end with 2", "[program]") {
    const auto [line, part] = GENERATE(table<Arguments, std::string>({
        {{"eval", "--split", "half"}, "--split"},
        {{"bench", "--mode", "fast"}, "--mode"},
        {{"bench", "--model", "densnet121"}, "densenet121"},
        {{"models", "alexnet"}, "alexnet"},
    }));
    const ProgramResult result = run_keel(line);
    CAPTURE(line, result.err);
    CHECK(result.code == 2);
    CHECK(holds(result.err, part));
}

TEST_CASE("A malformed data set ends with 3, a bad KEEL_ISA with 2", "[program]") {
    const TemporaryFolder folder;
    write_text(folder / "broken.npz", "no zip archive");
    CHECK(run_keel({"data", "info", "medmnist:" + (folder / "broken.npz")}).code == 3);
    const ProgramResult result = run_keel({"doctor"}, {"KEEL_ISA=mmx"});
    CHECK(result.code == 2);
    CHECK(holds(result.err, "mmx"));
}

TEST_CASE("A stdout that takes no more ends with 5", "[program]") {
    const ProgramResult result = run_keel({"doctor"}, {}, "/dev/full");
    CHECK(result.code == 5);
    CHECK(holds(result.err, "keel doctor: [output]"));
}

TEST_CASE("--help and --version", "[program]") {
    const ProgramResult version = run_keel({"--version"});
    CHECK(version.code == 0);
    CHECK(holds(version.out, "keel 0."));
    for (const Arguments& line : {Arguments{"--help"}, Arguments{"data", "--help"},
                                  Arguments{"data", "synth", "--help"}, Arguments{"train", "--help"}}) {
        const ProgramResult help = run_keel(line);
        CHECK(help.code == 0);
        CHECK(holds(help.out, "Usage: keel"));
        CHECK(help.err.empty());
    }
}

TEST_CASE("Every command takes the common options", "[program]") {
    const Arguments command =
        GENERATE(Arguments{"train"}, Arguments{"eval"}, Arguments{"predict"}, Arguments{"data", "info"},
                 Arguments{"data", "synth"}, Arguments{"models"}, Arguments{"bench"}, Arguments{"doctor"});
    Arguments line = command;
    line.emplace_back("--help");
    const std::string help = run_keel(line).out;
    for (const char* option : {"--help", "--quiet", "--json", "--seed N", "--threads N"}) CHECK(holds(help, option));
}

TEST_CASE("doctor --json", "[program]") {
    const json report = json_of(run_keel({"doctor", "--json", "--threads", "1"}));
    CHECK(report["threads"] == 1);
    for (const char* key : {"cpu", "isa", "allowed_cores", "onednn", "huge_pages", "memory_bytes", "mpi", "warnings"})
        CHECK(report.contains(key));
    CHECK(json_of(run_keel({"doctor", "--json"}, {"KEEL_ISA=scalar"}))["isa"] == "scalar");
    const json cores = report["cores"];
    CHECK(cores["ranks"].size() == cores["ranks_per_node"]);
    CHECK(cores["ranks"][0]["compute"].size() == cores["threads_per_rank"]);
    CHECK(holds(cores["mpirun"], "--bind-to none"));
}

TEST_CASE("How threads wait and where they run is said in OpenMP's words, if at all", "[program]") {
    const Arguments doctor{"doctor", "--json"};
    const json own = json_of(run_keel(doctor));
    CHECK(own["openmp"].empty());
    CHECK(json_of(run_keel(doctor, {"OMP_WAIT_POLICY=passive"}))["openmp"] == json{"OMP_WAIT_POLICY=passive"});
    // The runtime then binds the first thread to one processor before main(): the others are the program's all the
    // same.
    const json bound = json_of(run_keel(doctor, {"OMP_PROC_BIND=true"}));
    CHECK(bound["openmp"] == json{"OMP_PROC_BIND=true"});
#ifndef __clang__  // LLVM's runtime starts behind libgomp, which oneDNN brings along, and sees the one processor alone
    CHECK(bound["allowed_cpus"] == own["allowed_cpus"]);
    CHECK(bound["threads"] == own["threads"]);
#endif
}

TEST_CASE("data synth writes a set that data info counts", "[program]") {
    const TemporaryFolder folder;
    const std::string set = folder / "set";
    const Arguments synth{"data", "synth", set, "--count", "40", "--size", "64", "--seed", "3", "--balanced", "--json"};
    const ProgramResult made = run_keel(synth);
    const json summary = json_of(made);
    CHECK(summary["count"] == 40);
    CHECK(summary["seed"] == 3);
    CHECK(holds(made.err, "40/40"));

    const json info = json_of(run_keel({"data", "info", "phantom:" + set, "--json"}));
    CHECK(info["task"] == "labels");
    CHECK(info["channels"] == 1);
    CHECK(info["missing"] == 0);
    std::int64_t samples = 0;
    for (const auto& [name, split] : info["splits"].items()) {
        samples += split["samples"].get<std::int64_t>();
        CHECK(split["labels"].size() == 14);
    }
    CHECK(samples == 40);
    const ProgramResult text = run_keel({"data", "info", "phantom:" + set});
    CHECK(text.code == 0);
    CHECK(holds(text.out, "Cardiomegaly"));

    const json cost = json_of(run_keel({"data", "bench", "phantom:" + set, "--image-size", "32", "--images", "50",
                                        "--batch", "8", "--augment", "--rate", "100", "--json"}));
    REQUIRE(cost["results"].size() == 1);
    const json& result = cost["results"][0];
    CHECK(result["images"] >= 50);  // more than the split has: it is read again
    CHECK(result["bad_images"] == 0);
    CHECK(result["cpu_ms_per_image"] > 0);
    CHECK(result["core_share"].get<double>() == Approx(result["cpu_ms_per_image"].get<double>() / 1e3 * 100));

    const ProgramResult again = run_keel(synth);
    CHECK(again.code == 2);
    CHECK(holds(again.err, "force"));
    Arguments forced = synth;
    forced.insert(forced.end(), {"--force", "--quiet"});
    const ProgramResult replaced = run_keel(forced);
    CHECK(replaced.code == 0);
    CHECK(replaced.err.empty());
}

TEST_CASE("docs/cli.md holds the help of every command", "[program]") {
    // The document is scripts/update_cli_docs.sh's output: a heading, the command line and the help between fences.
    const std::string document = read_text(KEEL_SOURCE_DIR "/docs/cli.md");
    int commands = 0;
    for (std::size_t at = document.find("\n## keel"); at != std::string::npos;
         at = document.find("\n## keel", at + 1)) {
        const std::size_t end = document.find('\n', at + 1);
        std::istringstream title(document.substr(at + 4, end - at - 4));
        Arguments line;
        std::string word;
        title >> word;
        while (title >> word) line.push_back(word);
        line.emplace_back("--help");
        INFO(document.substr(at + 1, end - at - 1));
        CHECK(document.substr(end).starts_with("\n\n```\n" + run_keel(line).out + "```\n"));
        ++commands;
    }
    // None is missing: the program and each name in its lists of commands.
    int listed = 1;
    for (const Arguments& group : {Arguments{"--help"}, Arguments{"data", "--help"}}) {
        const std::string help = run_keel(group).out;
        const std::size_t from = help.find("\nCommands:\n") + 11;
        std::istringstream lines(help.substr(from, help.find("\n\n", from) - from));
        for (std::string entry; std::getline(lines, entry);) listed += entry.size() > 2 && entry[2] != ' ';
    }
    CHECK(commands == listed);
}
