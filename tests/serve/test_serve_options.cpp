#include "serve/serve_options.h"

#include <set>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::serve;
using keel::test::contains;

namespace {

ServeOptions read(const std::string& toml, const std::string& folder = {}) {
    ServeOptions options;
    apply_serve_toml(options, toml, "serve.toml", folder);
    return options;
}

}  // namespace

TEST_CASE("A file sets options and models", "[serve_options]") {
    const ServeOptions options = read(R"(
        listen = "0.0.0.0:9000"
        max_batch = 8
        max_delay_ms = 2
        max_queue = 40
        watch = false
        precision = "bf16"
        token_file = "token"
        [[model]]
        name = "chex"
        version = "7"
        files = ["a.safetensors", "/m/b.safetensors"]
        [[model]]
        file = "int8.safetensors"
        precision = "f32"
        calibrated = true
        operating_point = "f1"
    )",
                                      "/etc/keel");
    CHECK(options.listen == "0.0.0.0:9000");
    CHECK(options.max_batch == 8);
    CHECK(options.max_delay_ms == 2);
    CHECK_FALSE(options.watch);
    CHECK(options.token_file == "/etc/keel/token");
    REQUIRE(options.models.size() == 2);
    CHECK(options.models[0] == ModelSource{.name = "chex",
                                           .version = "7",
                                           .files = {"/etc/keel/a.safetensors", "/m/b.safetensors"},
                                           .precision = "bf16"});
    CHECK(options.models[1] == ModelSource{.name = "int8",
                                           .files = {"/etc/keel/int8.safetensors"},
                                           .precision = "f32",
                                           .calibrated = true,
                                           .rule = "f1"});
    CHECK_NOTHROW(check_serve_options(options));
}

TEST_CASE("Files that say nonsense are refused by name", "[serve_options]") {
    CHECK_THROWS_WITH(read("listen = "), contains("serve.toml is no TOML"));
    CHECK_THROWS_AS(read("listen = "), InputError);
    CHECK_THROWS_WITH(read("max_bach = 8"), contains("did you mean 'max_batch'?"));
    for (const char* text :
         {"max_batch = 0", "max_batch = 1.5", "max_batch = \"8\"", "max_batch = true", "max_batch = []",
          "max_delay_ms = -1", "max_delay_ms = nan", "listen = 8080", "watch = 1", "model = 7", "model = [7]",
          "[model]\nfile = \"a\"", "[[model]]", "[[model]]\nfile = 7", "[[model]]\nfile = \"\"",
          "[[model]]\nfiles = \"a\"", "[[model]]\nfile = \"a\"\nname = \"a b\"", "[[model]]\nfile = \"a\"\nother = 1",
          "[[model]]\nfile = \"a\"\nversion = 1"})
        CHECK_THROWS_AS(read(text), UsageError);
    CHECK_THROWS_AS(check_serve_options(read("precision = \"f64\"")), UsageError);
    CHECK_THROWS_AS(check_serve_options(read("certificate = \"c\"")), UsageError);
    CHECK_THROWS_AS(check_serve_options(read("max_batch = 9\nmax_queue = 8")), UsageError);
}

TEST_CASE("Flags are texts of the same options", "[serve_options]") {
    ServeOptions options;
    apply_serve_text(options, "max_batch", "32", "--max-batch");
    apply_serve_text(options, "max_delay_ms", "0.5", "--max-delay-ms");
    apply_serve_text(options, "watch", "false", "--watch");
    apply_serve_text(options, "listen", "[::1]:0", "--listen");
    CHECK(options.max_batch == 32);
    CHECK(options.max_delay_ms == 0.5);
    CHECK_FALSE(options.watch);
    CHECK(options.listen == "[::1]:0");
    CHECK_THROWS_WITH(apply_serve_text(options, "max_batch", "many", "--max-batch"),
                      contains("--max-batch: max_batch wants a whole number 1 to 4096, got 'many'"));
    CHECK_THROWS_AS(apply_serve_text(options, "watch", "yes", "--watch"), UsageError);
}

TEST_CASE("Each option has a flag, a help and a default in its range", "[serve_options]") {
    std::set<std::string> flags;
    const ServeOptions defaults;
    for (const ServeOption& option : serve_options()) {
        CHECK(flags.insert(flag_of(option)).second);
        CHECK(!help_of(option).empty());
        std::visit(
            [&](auto member) {
                if constexpr (std::is_arithmetic_v<std::decay_t<decltype(defaults.*member)>> &&
                              !std::is_same_v<std::decay_t<decltype(defaults.*member)>, bool>) {
                    CHECK(static_cast<double>(defaults.*member) >= option.low);
                    CHECK(static_cast<double>(defaults.*member) <= option.high);
                }
            },
            option.member);
    }
    CHECK(flags.contains("--max-batch"));
}
