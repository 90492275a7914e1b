// keel serve
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/options.h"
#include "engine/files.h"
#include "kernels/error.h"
#include "serve/dicom_service.h"
#include "serve/server.h"

namespace keel::cli {
namespace {

struct ServeArguments {
    std::vector<std::string> models;
    std::string config;
    std::map<std::string, std::string> flags;  ///< by key; empty: not given
};

std::atomic<int> stops{0}, reloads{0};

void note(int signal) { ++(signal == SIGHUP ? reloads : stops); }

/// SIGTERM and SIGINT end the server once all is answered, a second one at once; SIGHUP asks for a reload.
void catch_signals() {
    struct sigaction action {};
    action.sa_handler = [](int signal) {
        note(signal);
        if (signal != SIGHUP && stops > 1) std::signal(signal, SIG_DFL), std::raise(signal);
    };
    action.sa_flags = SA_RESTART;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

/// What the file says, then what the flags say, then the models of the command line.
serve::ServeOptions options_of(const ServeArguments& o) {
    serve::ServeOptions options;
    if (!o.config.empty()) {
        constexpr std::uint64_t kLongest = 1 << 20;
        serve::apply_serve_toml(options, read_file(o.config, kLongest), o.config,
                                std::filesystem::path(o.config).parent_path().string());
    }
    for (const serve::ServeOption& option : serve::serve_options())
        if (const std::string& text = o.flags.at(std::string(option.key)); !text.empty())
            serve::apply_serve_text(options, std::string(option.key), text, serve::flag_of(option));
    for (const std::string& word : o.models) {
        serve::ModelSource& model = options.models.emplace_back(serve::parse_model(word));
        model.precision = options.precision;
        model.calibrated = options.calibrated;
        model.rule = options.operating_point;
    }
    return options;
}

int run(const ServeArguments& o) {
    catch_signals();
    serve::ServerHooks hooks;
    hooks.stop = [] { return stops > 0; };
    hooks.reload = [] { return reloads.exchange(0) > 0; };
    hooks.options = [&o] { return options_of(o); };
    hooks.say = [](const std::string& line) { spdlog::info("keel serve: {}", line); };
    hooks.warn = [](const std::string& line) { spdlog::warn("keel serve: warning: {}", line); };
    serve::DicomService* node = nullptr;
    hooks.on_stop = [&node] {
        if (node != nullptr) node->stop();
    };
    const serve::ServeOptions options = options_of(o);
    serve::Server server(options, hooks);
    std::unique_ptr<serve::DicomService> dicom;  // ends before the models that it asks
    if (!options.dicom.empty())
        dicom = std::make_unique<serve::DicomService>(options, server.models(), server.batcher(), server.metrics(),
                                                      hooks.say, hooks.warn);
    node = dicom.get();
    return server.run() ? kSuccess : kInternalError;
}

}  // namespace

Run add_serve(CLI::App& app, const Globals&) {
    const auto o = std::make_shared<ServeArguments>();
    add_list(app, "models", o->models, "MODEL", {},
             "[NAME[:VERSION]=]FILE, several files with commas between: an ensemble; or [NAME=]FOLDER, whose files are "
             "versions");
    add_text(app, "--config", o->config, "FILE.toml",
             "Options, with _ for -, and models as [[model]] with name, version, file or files, precision, calibrated, "
             "operating_point; flags outdo it");
    for (const serve::ServeOption& option : serve::serve_options())
        add_text(app, serve::flag_of(option), o->flags[std::string(option.key)], std::string(option.kind),
                 serve::help_of(option));
    return [o] { return run(*o); };
}

}  // namespace keel::cli
