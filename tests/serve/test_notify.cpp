#include "serve/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "tests/support/catch.h"
#include "tests/support/environment.h"
#include "tests/support/temporary_folder.h"

using namespace keel::serve;
using keel::test::EnvironmentScope;

namespace {

/// A service manager's socket; a name that begins with @ is of the abstract name space.
class Manager {
public:
    explicit Manager(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name.front() == '@') address.sun_path[0] = '\0';
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    }
    ~Manager() { ::close(socket_); }

    std::string heard() const {
        std::array<char, 256> text{};
        const ssize_t size = ::recv(socket_, text.data(), text.size(), MSG_DONTWAIT);
        return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
    }

private:
    int socket_;
};

}  // namespace

TEST_CASE("A service manager hears states by path and by abstract name", "[notify]") {
    const keel::test::TemporaryFolder folder;
    for (const std::string& name : {folder / "notify", "@keel-test-" + std::to_string(::getpid())}) {
        const Manager manager(name);
        const EnvironmentScope scope("NOTIFY_SOCKET", name);
        CHECK(notify_manager("READY=1\nSTATUS=listening"));
        CHECK(manager.heard() == "READY=1\nSTATUS=listening");
    }
}

TEST_CASE("Without a manager nothing is said, and nothing breaks", "[notify]") {
    const EnvironmentScope none("NOTIFY_SOCKET", nullptr);
    CHECK_FALSE(notify_manager("READY=1"));
    for (const std::string& name :
         {std::string("relative"), std::string(), std::string("/nowhere/at/all"), "/" + std::string(200, 'x')}) {
        const EnvironmentScope scope("NOTIFY_SOCKET", name);
        CHECK_FALSE(notify_manager("READY=1"));
    }
}

TEST_CASE("The watchdog's interval is this process's own", "[notify]") {
    const EnvironmentScope interval("WATCHDOG_USEC", "3000000");
    {
        const EnvironmentScope process("WATCHDOG_PID", nullptr);
        CHECK(watchdog_interval() == std::chrono::seconds(3));
    }
    {
        const EnvironmentScope process("WATCHDOG_PID", std::to_string(::getpid()));
        CHECK(watchdog_interval() == std::chrono::seconds(3));
    }
    {
        const EnvironmentScope process("WATCHDOG_PID", "1");
        CHECK_FALSE(watchdog_interval());
    }
    for (const char* text : {"", "0", "-5", "3s"}) {
        const EnvironmentScope malformed("WATCHDOG_USEC", text);
        CHECK_FALSE(watchdog_interval());
    }
}
