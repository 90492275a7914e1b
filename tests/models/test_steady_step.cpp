// What a training step costs the system once it is warm: nothing is mapped, nothing is faulted in.
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/arena.h"
#include "kernels/cpu.h"
#include "models/random_training.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

// A sanitizer gives no memory of the C library's heap a second time for long, so that every step gets new pages of it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

long page_faults() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

}  // namespace

TEST_CASE("a steady training step maps no memory and takes no page fault", "[training]") {
    for (const char* model : {"resnet18", "resnet50", "densenet121"}) {
        CAPTURE(model);
        RandomTraining training(model, {.classes = 10}, 2, 64, 1);
        for (int step = 0; step < 6; ++step) training.step();
        const std::size_t reserved = Arena::global().statistics().reserved;
        std::vector<long> faults;
        for (int step = 0; step < 8; ++step) {
            const long before = page_faults();
            training.step();
            faults.push_back(page_faults() - before);
        }
        CHECK(Arena::global().statistics().reserved == reserved);
        std::ranges::sort(faults);
        CAPTURE(faults);
        // The C library's heap grows by some pages a step, for hundreds of steps and to 2 MB at most: what oneDNN
        // allocates with an alignment leaves remainders that a thread's cache of small pieces (glibc's tcache) keeps
        // from joining again. A map that is mapped anew takes hundreds. The reference kernels take memory as they go.
        if (!kSanitized && std::string(active_isa().name) != "scalar") CHECK(faults[4] <= 8);
    }
}
