// The subcommands' registration: one small file each, listed in commands.cpp.
#pragma once

#include "cli/app.h"

namespace keel::cli {

Run add_bench(CLI::App& app, const Globals& globals);
Run add_compare(CLI::App& app, const Globals& globals);
Run add_data_info(CLI::App& app, const Globals& globals);
Run add_data_check(CLI::App& app, const Globals& globals);
Run add_data_pack(CLI::App& app, const Globals& globals);
Run add_data_bench(CLI::App& app, const Globals& globals);
Run add_data_synth(CLI::App& app, const Globals& globals);
Run add_doctor(CLI::App& app, const Globals& globals);
Run add_eval(CLI::App& app, const Globals& globals);
Run add_launch(CLI::App& app, const Globals& globals);
Run add_models(CLI::App& app, const Globals& globals);
Run add_predict(CLI::App& app, const Globals& globals);
Run add_quantize(CLI::App& app, const Globals& globals);
Run add_report(CLI::App& app, const Globals& globals);
Run add_scale(CLI::App& app, const Globals& globals);
Run add_score(CLI::App& app, const Globals& globals);
Run add_train(CLI::App& app, const Globals& globals);

}  // namespace keel::cli
