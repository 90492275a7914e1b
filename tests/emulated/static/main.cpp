// An emulated machine starts programs without arguments: this one then runs the tests of KEEL_STATIC_TESTS_RUN (CMake),
// and says which instruction sets they ran on. With arguments it is Catch2's program.
#include <cstdio>

#include "kernels/cpu.h"

// The linker's --wrap=main: the C library calls the first, Catch2's main is the second.
extern "C" int __wrap_main(int argc, char** argv);
extern "C" int __real_main(int argc, char** argv);

int __wrap_main(int argc, char** argv) {
    std::printf("ISAs:");
    for (const keel::Isa& isa : keel::available_isas()) std::printf(" %s", isa.name);
    std::printf("\n");
    std::fflush(stdout);
    if (argc != 1) return __real_main(argc, argv);
    char tests[] = KEEL_STATIC_TESTS_RUN, durations[] = "--durations", yes[] = "yes";
    char* arguments[] = {argv[0], tests, durations, yes, nullptr};
    return __real_main(4, arguments);
}
