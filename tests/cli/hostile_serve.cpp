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
    const auto node = [&](const std::string& own, const std::string& peer, const Arguments& more = {}) {
        Arguments line{"--dicom", own, "--dicom-peer", peer, "--dicom-queue", "%node"};
        line.insert(line.end(), more.begin(), more.end());
        return serve("m=%model", line);
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
        {serve("m=%model", {"--dicom", "KEEL:0"}), 2, "--dicom wants --dicom-peer, who gets the answers"},
        {serve("m=%model", {"--dicom-queue", "%node"}), 2, "and the like want --dicom AET:PORT"},
        {node("KEEL", "PACS@127.0.0.1:104"), 2, "--dicom wants AET:PORT or AET@ADDRESS:PORT"},
        {node("KEEL:0", "PACS:104"), 2, "--dicom-peer wants AET@HOST:PORT"},
        {node("A_TITLE_OF_MANY_LETTERS:0", "PACS@127.0.0.1:104"), 2,
         "wants an application entity title of 1 to 16 letters"},
        {node("KEEL:0", "PACS@127.0.0.1:104", {"--dicom-model", "other"}), 2,
         "--dicom-model wants one of m, got 'other'"},
        {node("KEEL:0", "PACS@127.0.0.1:104", {"--dicom-codes", "%missing"}), 5, "No such file or directory"},
        {node("KEEL:0", "PACS@127.0.0.1:104", {"--dicom-codes", "@csv/good.csv"}), 3,
         "wanted the columns label, value, scheme and meaning"},
        {{"predict", "--checkpoint", "%model", "--dicom-capture", "%image0.png"}, 2, "want --dicom-out DIR"},
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
