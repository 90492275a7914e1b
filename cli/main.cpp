#include "cli/app.h"
#include "cli/cluster/openmp.h"

int main(int argc, char** argv) {
    keel::cli::settle_openmp(argv);
    return keel::cli::run_program(argc, argv);
}
