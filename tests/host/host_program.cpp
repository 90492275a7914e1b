// Programs that embed Keel as real ones do, and what befalls them: they fork, they end while threads compute, the
// system refuses them threads. One program, a way to use the library each:
//   keel_host MODE CHECKPOINT [NUMBER]
// prints what it saw and ends with 0 where all is right. tests/embed/test_host_program.cpp starts it.
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "embed/keel.h"

namespace {

constexpr std::size_t kLabels = 3;
constexpr int kSide = 64;
using Scores = std::array<float, kLabels>;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "%s: %s\n", what.c_str(), keel_last_error());
    std::_Exit(1);
}

/// Whether the last call failed because oneDNN is gone already.
bool is_ending() { return std::strstr(keel_last_error(), "the process is ending") != nullptr; }

class Model {
public:
    explicit Model(const std::string& checkpoint) {
        if (keel_model_load(checkpoint.c_str(), 1, &model_) != KEEL_OK) fail("load");
    }
    ~Model() { keel_model_free(model_); }
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    /// The scores of one image, the same each time.
    Scores predict() const {
        std::vector<std::uint8_t> pixels(kSide * kSide);
        for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 37 % 251);
        Scores scores{};
        if (keel_predict_pixels(model_, pixels.data(), kSide, kSide, 1, kSide, scores.data(), kLabels) != KEEL_OK)
            fail("predict");
        return scores;
    }
    /// Those of n images, by their floats.
    keel_status predict_many(std::int64_t n) const {
        const std::vector<float> images(static_cast<std::size_t>(n) * kSide * kSide * 3, 0.5F);
        std::vector<float> scores(static_cast<std::size_t>(n) * kLabels);
        const keel_status status = keel_predict_images(model_, n, images.data(), scores.data(), scores.size());
        for (std::size_t i = kLabels; i < scores.size() && status == KEEL_OK; ++i)
            if (!(std::abs(scores[i] - scores[i % kLabels]) < 1e-5F)) fail("equal images have other scores");
        return status;
    }

private:
    keel_model* model_ = nullptr;
};

void expect(const Scores& scores, const Scores& wanted, const char* who) {
    if (scores != wanted) fail(std::string(who) + " has other scores");
}

/// Runs `body` in a child and returns its process.
pid_t forked(const std::function<void()>& body) {
    const pid_t child = ::fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        body();
        std::_Exit(0);
    }
    return child;
}

void await(pid_t child) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) fail("a child failed");
}

std::size_t resident_mb() {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    std::size_t total = 0, resident = 0;
    if (file == nullptr || std::fscanf(file, "%zu %zu", &total, &resident) != 2) fail("statm");
    std::fclose(file);
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >> 20U;
}

/// A parent that predicted, children that predict, and theirs.
void fork_once(const std::string& checkpoint, int) {
    const Model model(checkpoint);
    const Scores wanted = model.predict();
    await(forked([&] {
        expect(model.predict(), wanted, "the child");
        await(forked([&] { expect(model.predict(), wanted, "its child"); }));
        expect(Model(checkpoint).predict(), wanted, "the child's own model");
    }));
    expect(model.predict(), wanted, "the parent");
}

/// While other threads load, predict and trim.
void fork_busy(const std::string& checkpoint, int forks) {
    const Model model(checkpoint);
    const Scores wanted = model.predict();
    std::atomic<bool> stop{false};
    std::vector<std::thread> others;
    others.emplace_back([&] {
        while (!stop) expect(model.predict(), wanted, "a thread");
    });
    others.emplace_back([&] {
        while (!stop) expect(Model(checkpoint).predict(), wanted, "a thread's model");
    });
    for (int i = 0; i < forks; ++i)
        await(forked([&] {
            expect(model.predict(), wanted, "the child");
            expect(Model(checkpoint).predict(), wanted, "the child's own model");
            keel_trim();
        }));
    stop = true;
    for (std::thread& other : others) other.join();
}

/// A server that loads, forks its workers, and serves in all of them at once.
void prefork(const std::string& checkpoint, int workers) {
    const Model model(checkpoint);
    const Scores wanted = model.predict();
    std::vector<pid_t> children;
    for (int i = 0; i < workers; ++i)
        children.push_back(forked([&] {
            for (int request = 0; request < 5; ++request) expect(model.predict(), wanted, "a worker");
        }));
    for (const pid_t child : children) await(child);
}

/// The parent's own OpenMP is none of Keel's business, nor the child's.
void fork_openmp(const std::string& checkpoint, int) {
    const Model model(checkpoint);
    const Scores wanted = model.predict();
    await(forked([&] {
        std::atomic<int> threads{0};
#pragma omp parallel num_threads(2)
        ++threads;
        if (threads != 2) fail("the child's OpenMP");
        expect(model.predict(), wanted, "the child");
    }));
}

struct AtExit {
    std::string checkpoint;
    const Model* model = nullptr;
    Scores wanted{};
    ~AtExit() {
        if (model == nullptr) return;
        expect(model->predict(), wanted, "a static destructor");
        keel_set_threads(3);  // and what it never did before
        keel_model* late = nullptr;
        if (keel_model_load(checkpoint.c_str(), 1, &late) != KEEL_OK && !is_ending()) fail("load at the end");
        keel_model_free(late);
        keel_trim();
        std::puts("predicted at the end");
        std::fflush(stdout);
    }
};
AtExit at_exit;  // made before all that Keel makes, so it is destroyed after

void static_destructor(const std::string& checkpoint, int) {
    at_exit.model = new Model(checkpoint);
    at_exit.checkpoint = checkpoint;
    at_exit.wanted = at_exit.model->predict();
}

/// main() returns while threads predict, load and start.
void detached(const std::string& checkpoint, int predictions) {
    static std::atomic<int> done{0};
    const auto* model = new Model(checkpoint);
    std::thread([model] {
        for (;; ++done) model->predict();
    }).detach();
    std::thread([checkpoint] {
        for (keel_model* other = nullptr; keel_model_load(checkpoint.c_str(), 1, &other) == KEEL_OK; ++done)
            keel_model_free(other);
        if (!is_ending()) fail("load at the end");
    }).detach();
    while (done < predictions) std::this_thread::yield();
}

/// As many processes and threads as there are, and not one more; root may have more, so it becomes somebody else.
void refused(const std::string& checkpoint, int threads) {
    keel_set_threads(1);
    const Model model(checkpoint);
    const Scores wanted = model.predict();
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NPROC, &none);
    if (::getuid() == 0 && ::setuid(65534) != 0) fail("setuid");
    if (keel_set_threads(threads) != KEEL_OK) fail("set_threads");
    const Scores scores = model.predict();
    for (std::size_t i = 0; i < kLabels; ++i)
        if (!(std::abs(scores[i] - wanted[i]) < 1e-5F)) fail("other scores");
    std::printf("threads %d\nshortage %s\n", keel_threads(), keel_thread_shortage());
}

/// With so many MB of addresses more than the process has when it starts: right scores, or an error that is no crash.
void addresses(const std::string& checkpoint, int mb) {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    std::size_t pages = 0;
    if (file == nullptr || std::fscanf(file, "%zu", &pages) != 1) fail("statm");
    std::fclose(file);
    const rlim_t bytes = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (static_cast<rlim_t>(mb) << 20U);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_AS, &limit);
    keel_model* model = nullptr;
    keel_status status = keel_model_load(checkpoint.c_str(), 1, &model);
    std::array<float, kLabels> scores{};
    const std::vector<std::uint8_t> pixels(kSide * kSide, 100);
    if (status == KEEL_OK)
        status = keel_predict_pixels(model, pixels.data(), kSide, kSide, 1, kSide, scores.data(), kLabels);
    if (status == KEEL_OK)
        std::puts("predicted");
    else
        std::printf("refused: %s\n", keel_last_error());
    keel_model_free(model);
}

/// A large batch, and what stays of it.
void memory(const std::string& checkpoint, int images) {
    {
        const Model warm(checkpoint);
        warm.predict();
    }
    const std::size_t before = resident_mb();
    {
        const Model model(checkpoint);
        if (model.predict_many(images) != KEEL_OK) fail("predict");
        std::printf("used %zu\n", resident_mb() - std::min(before, resident_mb()));
        keel_trim();
        std::printf("trimmed %zu\n", resident_mb() - std::min(before, resident_mb()));
        if (model.predict_many(images) != KEEL_OK) fail("predict again");
    }
    std::printf("freed %zu\n", resident_mb() - std::min(before, resident_mb()));
    const Model model(checkpoint);
    keel_set_memory_limit(std::size_t{90} << 20U);
    if (model.predict_many(images) != KEEL_OK) fail("predict within a limit");
    std::printf("limited %zu\n", resident_mb() - std::min(before, resident_mb()));
    keel_set_memory_limit(1 << 20U);
    if (model.predict_many(1) != KEEL_INTERNAL_ERROR) fail("no room, and no error");
    std::printf("%s\n", keel_last_error());
}

/// A caller that sits on one processor, and a team larger than the machine.
void pinned(const std::string& checkpoint, int threads) {
    const Model model(checkpoint);
    keel_set_threads(threads);
    const Scores wanted = model.predict();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    for (int i = 0; i < 20; ++i) expect(model.predict(), wanted, "one processor");
    std::thread([&] { expect(model.predict(), wanted, "another thread"); }).join();
}

/// Threads of the host's, of OpenMP and of Keel's side by side.
void openmp(const std::string& checkpoint, int threads) {
    const Model model(checkpoint);
    const Scores wanted = model.predict();
    for (int repeat = 0; repeat < 3; ++repeat) {
#pragma omp parallel for num_threads(threads)
        for (int i = 0; i < 2 * threads; ++i) expect(model.predict(), wanted, "a thread of OpenMP's");
        expect(model.predict(), wanted, "the caller");
    }
}

/// Predicts `NUMBER` times and says how long that took, in milliseconds.
void timed(const std::string& checkpoint, int predictions) {
    const Model model(checkpoint);
    model.predict();
    timespec begin{}, end{};
    ::clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < predictions; ++i) model.predict();
    ::clock_gettime(CLOCK_MONOTONIC, &end);
    std::printf("ms %.3f\n", static_cast<double>(end.tv_sec - begin.tv_sec) * 1e3 +
                                 static_cast<double>(end.tv_nsec - begin.tv_nsec) * 1e-6);
}

}  // namespace

int main(int argc, char** argv) {
    const std::map<std::string, void (*)(const std::string&, int)> modes{{"fork", fork_once},
                                                                         {"fork-busy", fork_busy},
                                                                         {"prefork", prefork},
                                                                         {"fork-openmp", fork_openmp},
                                                                         {"static-destructor", static_destructor},
                                                                         {"detached", detached},
                                                                         {"refused", refused},
                                                                         {"addresses", addresses},
                                                                         {"memory", memory},
                                                                         {"pinned", pinned},
                                                                         {"openmp", openmp},
                                                                         {"timed", timed}};
    const auto mode = argc < 3 ? modes.end() : modes.find(argv[1]);
    if (mode == modes.end()) {
        std::fprintf(stderr, "usage: %s MODE CHECKPOINT [NUMBER]\n", argv[0]);
        return 2;
    }
    if (const char* threads = std::getenv("KEEL_HOST_THREADS")) keel_set_threads(std::atoi(threads));
    mode->second(argv[2], argc > 3 ? std::atoi(argv[3]) : 1);
    std::puts("done");
    return 0;
}
