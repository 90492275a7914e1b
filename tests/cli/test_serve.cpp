// keel serve as a process: what it listens on, signals, what it says to a service manager, its exit code.
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "tests/cli/run_keel.h"
#include "tests/embed/small_model.h"
#include "tests/serve/raw_client.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel::test;

namespace {

/// A port that was free a moment ago.
std::string free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    ::close(socket);
    return std::to_string(::ntohs(address.sin_port));
}

/// What a service manager hears, one datagram after the other.
class ServiceManager {
public:
    explicit ServiceManager(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
        REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
        const timeval patience{.tv_sec = 60, .tv_usec = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    }
    ~ServiceManager() { ::close(socket_); }

    /// Waits for a datagram that begins so; what comes before is left aside.
    bool hears(const std::string& state) const {
        std::array<char, 512> text{};
        for (ssize_t size; (size = ::recv(socket_, text.data(), text.size(), 0)) > 0;)
            if (std::string(text.data(), static_cast<std::size_t>(size)).starts_with(state)) return true;
        return false;
    }

private:
    int socket_;
};

}  // namespace

TEST_CASE("keel serve answers until it is told to stop, and ends well", "[serve]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "small.safetensors");
    const std::string port = free_port(), url = "http://127.0.0.1:" + port;
    const ServiceManager manager(folder / "notify");
    const int signal = GENERATE(SIGTERM, SIGINT);
    KeelProcess process({"serve", folder / "small.safetensors", "--listen", "127.0.0.1:" + port, "--access-log", "-",
                         "--watch", "false"},
                        {"NOTIFY_SOCKET=" + (folder / "notify"), "WATCHDOG_USEC=300000", "OMP_NUM_THREADS=1"});
    REQUIRE(manager.hears("READY=1"));
    CHECK(status_of(asked(url, get_request("/v2/models/small/ready"))) == "200");
    CHECK(manager.hears("WATCHDOG=1"));
    process.signal(SIGHUP);
    CHECK(manager.hears("RELOADING=1\nMONOTONIC_USEC="));
    CHECK(manager.hears("READY=1"));
    CHECK(status_of(asked(url, get_request("/v2/models/none/ready"))) == "404");
    process.signal(signal);
    CHECK(manager.hears("STOPPING=1"));
    const ProgramResult result = process.wait();
    CHECK(result.code == 0);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, contains("listening on " + url) && contains("serving small version 1, f32") &&
                               contains("no model has changed") && contains("stopping"));
    CHECK_THAT(result.err, contains("\"route\":\"model_ready\",\"status\":200"));
    CHECK_FALSE(RawClient(url).is_open());
}

TEST_CASE("The page works in Chromium, where there is one", "[serve][slow]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "small.safetensors");
    const std::string image = write_sample_images(folder.path(), 1).front();
    const int status = std::system(("python3 -B " KEEL_SOURCE_DIR "/tests/serve/page.py " KEEL_BINARY " " +
                                    (folder / "small.safetensors") + " " + image)
                                       .c_str());
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        WARN("skipped: there is no chromium (Debian: apt-get install chromium)");
        return;
    }
    CHECK(WEXITSTATUS(status) == 0);
}
