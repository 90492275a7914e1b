// The worked example of docs/adding_a_subcommand.md: a subcommand that is in no table but this test's.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "engine/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/quoted_code.h"
#include "tests/support/temporary_folder.h"

namespace keel::cli {
namespace {

struct Options {
    std::string file;
    std::int64_t least = 0;
};

int run(const Options& o, const Globals& globals) {
    Json tensors = Json::object();
    std::int64_t numbers = 0;
    for (const NamedTensor& entry : read_safetensors(o.file).tensors) {
        if (entry.tensor.elements() < o.least) continue;
        tensors[entry.name] = entry.tensor.elements();
        numbers += entry.tensor.elements();
    }
    const std::string text = fmt::format("{} numbers in {} tensors\n", numbers, tensors.size());
    print_result(globals, {{"numbers", numbers}, {"tensors", std::move(tensors)}}, text);
    return kSuccess;
}

}  // namespace

Run add_count(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    add_text(app, "file", o->file, "FILE", "Checkpoint", Need::required);
    add_number(app, "--least", o->least, at_least(0), "Leave out tensors of fewer numbers");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli

using namespace keel;
using namespace keel::test;

namespace {

struct Printed {
    int code;
    std::string out, err;
};

/// Sends a stream to a file during its lifetime.
class Redirected {
public:
    Redirected(std::FILE* stream, const std::string& file)
        : stream_(stream), before_(::dup(::fileno(stream))), file_(::open(file.c_str(), O_CREAT | O_WRONLY, 0600)) {
        std::fflush(stream_);
        ::dup2(file_, ::fileno(stream_));
    }
    ~Redirected() {
        std::fflush(stream_);
        ::dup2(before_, ::fileno(stream_));
        ::close(before_);
        ::close(file_);
    }
    Redirected(const Redirected&) = delete;
    Redirected& operator=(const Redirected&) = delete;

private:
    std::FILE* stream_;
    int before_, file_;
};

Printed run_keel_count(const std::vector<std::string>& arguments) {
    const std::vector<cli::Command> table{
        {"count", "count the numbers of a checkpoint", cli::add_count},
    };
    std::vector<const char*> argv{"keel"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    const TemporaryFolder folder;
    int code = 0;
    {
        const Redirected out(stdout, folder / "out"), err(stderr, folder / "err");
        code = cli::run_program(static_cast<int>(argv.size()), argv.data(), table);
    }
    return {code, read_text(folder / "out"), read_text(folder / "err")};
}

}  // namespace

TEST_CASE("The guide's subcommand runs, with the options that all have", "[adding_a_subcommand]") {
    const TemporaryFolder folder;
    const std::string file = folder / "weights.safetensors";
    write_safetensors(file, {{}, {{"a", Tensor::zeros({3, 4})}, {"b", Tensor::zeros({5})}}});
    const Printed all = run_keel_count({"count", file});
    CHECK((all.code == 0 && all.out == "17 numbers in 2 tensors\n" && all.err.empty()));
    const Printed json = run_keel_count({"count", file, "--least", "6", "--json"});
    CHECK((json.code == 0 && json.out == "{\"numbers\":12,\"tensors\":{\"a\":12}}\n"));
    CHECK_THAT(run_keel_count({"count", "--help"}).out, contains("--least N") && contains("at least 0"));
    CHECK_THAT(run_keel_count({"--help"}).out, contains("count the numbers of a checkpoint"));

    const Printed negative = run_keel_count({"count", file, "--least", "-1"});
    CHECK(negative.code == cli::kUsageError);
    CHECK_THAT(negative.err, contains("keel count: [options]") && contains("at least 0"));
    CHECK(run_keel_count({"count", folder / "none"}).code == cli::kIoFailure);
    write_text(folder / "damaged", "not a checkpoint");
    CHECK(run_keel_count({"count", folder / "damaged"}).code == cli::kBadInput);
}

TEST_CASE("The guide to adding a subcommand quotes code that is compiled", "[adding_a_subcommand]") {
    CHECK(missing_from("docs/adding_a_subcommand.md", "tests/cli/test_adding_a_subcommand.cpp").empty());
    CHECK(missing_from("docs/adding_a_subcommand.md", "tests/cli/test_program.cpp").size() > 10);
}
