#include "cli/app.h"
#include "cli/cluster/signals.h"

int main(int argc, char** argv) {
    keel::cli::keep_standard_files();
    return keel::cli::run_program(argc, argv);
}
