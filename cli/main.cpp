#include "cli/app.h"
#include "cli/cluster/openmp.h"
#include "cli/cluster/signals.h"

int main(int argc, char** argv) {
    keel::cli::keep_standard_files();
    keel::cli::settle_openmp(argv);
    return keel::cli::run_program(argc, argv);
}
