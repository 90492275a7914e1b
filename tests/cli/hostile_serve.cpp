#include "tests/cli/hostile_rows.h"

namespace keel::test {

std::vector<Row> hostile_servers() {
    const auto serve = [](const std::string& model, const Arguments& more = {}) {
        Arguments line{"serve", model, "--listen", "127.0.0.1:0"};
        line.insert(line.end(), more.begin(), more.end());
        return line;
    };
    const auto config = [](const std::string& name) {
        return Arguments{"serve", "--config", "@serve/" + name + ".toml"};
    };
    return {
        {{"serve"}, 2, "wanted a model: [NAME=]FILE"},
        {serve("m=%missing"), 5, "No such file or directory"},
        {serve("m=%pipe"), 3, "wanted a regular file"},
        {serve("m=%nothing"), 3, "holds no model"},
        {serve("m=@checkpoint/graph_deep.safetensors"), 3, "its graph is malformed"},
        {serve("a b=%model"), 2, "is called by 1 to 100 letters, digits"},
        {serve("../m=%model"), 5, "No such file or directory"},  // a path with a = in it
        {serve("m=%model,"), 2, "names no file"},
        {serve("m=%model", {"m=%model"}), 2, "two models are m version 1"},
        {serve("m=%model", {"--token-file", "%image0.png"}), 3, "wanted a token of 16 to 4096 characters"},
        {serve("m=%model", {"--token-file", "%missing"}), 5, "No such file or directory"},
        {serve("m=%model", {"--certificate", "%model"}), 2, "TLS wants --certificate and --key"},
        {serve("m=%model", {"--access-log", "%missing/log"}), 5, "cannot open the access log"},
        {serve("m=%model", {"--max-batch", "0"}), 2, "wants a whole number 1 to 4096"},
        {serve("m=%model", {"--max-queue", "8"}), 2, "never fills"},
        {serve("m=%model", {"--precision", "f64"}), 2, "wanted f32, bf16 or auto"},
        {serve("m=%model", {"--calibrated", "true"}), 2, "has no calibration"},
        {{"serve", "m=%model", "--listen", "everywhere"}, 2, "wanted HOST:PORT or [IPV6]:PORT to listen on"},
        {{"serve", "m=%model", "--listen", "203.0.113.7:80"}, 5, "cannot listen on"},
        {config("syntax"), 3, "is no TOML"},
        {config("binary"), 3, "is no TOML"},
        {config("deep"), 3, "is no TOML"},
        {config("unknown"), 2, "unknown key"},
        {config("type"), 2, "wants a whole number"},
        {config("list"), 2, "is no text, number, true or false"},
        {config("model_text"), 2, "models are tables [[model]]"},
        {config("model_empty"), 2, "a model has no file"},
        {config("model_key"), 2, "a model has name, version, file or files"},
        {config("model_type"), 2, "of a model wants a text"},
        {config("model_name"), 2, "is called by 1 to 100 letters, digits"},
        {{"serve", "--config", "%large.toml"}, 3, "bytes that are allowed"},
    };
}

}  // namespace keel::test
