// What a program keeps to itself while Keel works inside it.
#include <fcntl.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <array>
#include <cfenv>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "embed/keel.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel::test;

extern char** environ;

namespace {

/// Everything of the process and the calling thread that a library could change behind its host's back.
struct HostState {
    static HostState now() {
        HostState state;
        for (int signal = 1; signal < NSIG; ++signal) {
            struct sigaction action {};
            if (::sigaction(signal, nullptr, &action) != 0) continue;
            state.handlers.push_back(
                {reinterpret_cast<std::uintptr_t>(action.sa_sigaction), std::uintptr_t(action.sa_flags)});
        }
        ::pthread_sigmask(SIG_BLOCK, nullptr, &state.blocked);
        state.mxcsr = _mm_getcsr();
        state.rounding = std::fegetround();
        __asm__ volatile("fnstcw %0" : "=m"(state.x87));
        omp_sched_t kind{};
        int chunk = 0;
        omp_get_schedule(&kind, &chunk);
        state.openmp = {omp_get_max_threads(),  omp_get_dynamic(),      omp_get_max_active_levels(),
                        omp_get_thread_limit(), static_cast<int>(kind), chunk};
        ::sched_getaffinity(0, sizeof state.affinity, &state.affinity);
        state.locale = std::setlocale(LC_ALL, nullptr);
        for (char** variable = environ; *variable != nullptr; ++variable) state.environment.emplace_back(*variable);
        state.mask = ::umask(0);
        ::umask(state.mask);
        return state;
    }

    std::vector<std::array<std::uintptr_t, 2>> handlers;
    sigset_t blocked{};
    unsigned mxcsr = 0;
    int rounding = 0;
    std::uint16_t x87 = 0;
    std::array<int, 6> openmp{};
    cpu_set_t affinity{};
    std::string locale;
    std::vector<std::string> environment;
    mode_t mask = 0;
};

constexpr unsigned kMxcsrFlags = 0x3F;  // arithmetic itself sets them: a result was rounded, ...

void check_equal(const HostState& before, const HostState& after) {
    CHECK(before.handlers == after.handlers);
    CHECK(std::memcmp(&before.blocked, &after.blocked, sizeof before.blocked) == 0);
    CHECK((before.mxcsr & ~kMxcsrFlags) == (after.mxcsr & ~kMxcsrFlags));
    CHECK(before.rounding == after.rounding);
    CHECK(before.x87 == after.x87);
    CHECK(before.openmp == after.openmp);
    CHECK(CPU_EQUAL(&before.affinity, &after.affinity));
    CHECK(before.locale == after.locale);
    CHECK(before.environment == after.environment);
    CHECK(before.mask == after.mask);
}

/// Standard output and error go to a file while it lives.
class Captured {
public:
    explicit Captured(const std::string& file) : file_(file), saved_{::dup(STDOUT_FILENO), ::dup(STDERR_FILENO)} {
        std::fflush(nullptr);
        const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
        ::dup2(opened, STDOUT_FILENO);
        ::dup2(opened, STDERR_FILENO);
        ::close(opened);
    }
    ~Captured() { restore(); }
    std::string text() {
        restore();
        return read_text(file_);
    }

private:
    void restore() {
        std::fflush(nullptr);
        for (std::size_t i = 0; i < saved_.size(); ++i) {
            if (saved_[i] < 0) continue;
            ::dup2(saved_[i], i == 0 ? STDOUT_FILENO : STDERR_FILENO);
            ::close(saved_[i]);
            saved_[i] = -1;
        }
    }

    std::string file_;
    std::array<int, 2> saved_;
};

/// Good and bad calls of everything there is.
void use_keel(const std::string& checkpoint, const std::vector<std::string>& images, const TemporaryFolder& folder) {
    keel_model* model = nullptr;
    keel_model_load((folder / "missing").c_str(), 1, &model);
    write_text(folder / "broken", "neither an image nor a checkpoint");
    keel_model_load((folder / "broken").c_str(), 1, &model);
    REQUIRE(keel_model_load(checkpoint.c_str(), 2, &model) == KEEL_OK);
    std::array<float, 3> scores{};
    for (const std::string& image : images) CHECK(keel_predict_file(model, image.c_str(), scores.data(), 3) == KEEL_OK);
    CHECK(keel_predict_file(model, (folder / "broken").c_str(), scores.data(), 3) == KEEL_INPUT_ERROR);
    CHECK(keel_predict_file(model, (folder / "missing").c_str(), scores.data(), 3) == KEEL_IO_ERROR);
    const std::vector<std::uint8_t> pixels(64 * 128, 128);
    CHECK(keel_predict_pixels(model, pixels.data(), 64, 64, 1, 64, scores.data(), 3) == KEEL_OK);
    CHECK(keel_predict_pixels(model, pixels.data(), 64, 64, 2, 128, scores.data(), 3) == KEEL_INPUT_ERROR);
    keel_model_free(model);
}

}  // namespace

TEST_CASE("A program that embeds Keel keeps its signals, floating point, OpenMP and streams", "[host]") {
    const TemporaryFolder folder;
    const std::string checkpoint = folder / "model.safetensors";
    write_small_checkpoint(checkpoint);
    const auto images = write_sample_images(folder.path(), 2);

    // Settings that are not the defaults, as a host may have them.
    const int threads = omp_get_max_threads();
    omp_set_num_threads(3);
    const unsigned mxcsr = _mm_getcsr();
    _mm_setcsr(mxcsr | 0x8040U);  // flush denormals to zero
    Captured output(folder / "output");
    const HostState before = HostState::now();
    use_keel(checkpoint, images, folder);
    const HostState after = HostState::now();
    const std::string printed = output.text();
    _mm_setcsr(mxcsr);
    omp_set_num_threads(threads);

    check_equal(before, after);
    CHECK(before.openmp[0] == 3);
    CHECK(printed == "");

    // Another thread of the host sees nothing either.
    std::thread([&] {
        const HostState fresh = HostState::now();
        use_keel(checkpoint, images, folder);
        check_equal(fresh, HostState::now());
    }).join();
}
