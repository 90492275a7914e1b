#include "serve/dicom/net/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "engine/system_error.h"
#include "kernels/error.h"

namespace keel::dicom_node {
namespace {

struct FreeAddresses {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

/// A socket that listens at the first address that the name means.
Descriptor listen_at(const std::string& host, int port) {
    const std::string name = host + ':' + std::to_string(port);
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0)
        throw IoError("[dicom] cannot listen at " + name + ": " + ::gai_strerror(error));
    const std::unique_ptr<addrinfo, FreeAddresses> list(found);
    Descriptor socket(::socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, list->ai_protocol));
    const int yes = 1;
    if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        ::bind(socket.get(), list->ai_addr, list->ai_addrlen) != 0 || ::listen(socket.get(), 64) != 0)
        throw_system_error("[dicom] cannot listen at " + name, errno);
    return socket;
}

int port_of(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    std::array<char, 32> service{};
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, nullptr, 0, service.data(), service.size(),
                      NI_NUMERICSERV) != 0)
        return 0;
    return std::stoi(service.data());
}

std::string numeric_host(const sockaddr_storage& address, socklen_t size) {
    std::array<char, 64> host{};
    if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0)
        return "unknown";
    return host.data();
}

}  // namespace

Listener::Listener(const std::string& host, int port, int most, std::string full, Session session)
    : socket_(listen_at(host, port)), most_(most), full_(std::move(full)), session_(std::move(session)) {
    port_ = port_of(socket_.get());
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_system_error("[dicom] cannot make a pipe", errno);
    wake_read_ = Descriptor(ends[0]);
    wake_write_ = Descriptor(ends[1]);
    thread_ = std::thread([this] { accept_loop(); });
}

Listener::~Listener() { stop(std::chrono::milliseconds(0)); }

int Listener::sessions() const {
    const std::lock_guard lock(mutex_);
    int count = 0;
    for (const auto& one : running_) count += one->done ? 0 : 1;
    return count;
}

void Listener::join_finished() {
    std::list<std::unique_ptr<Running>> finished;
    {
        const std::lock_guard lock(mutex_);
        for (auto at = running_.begin(); at != running_.end();) {
            const auto next = std::next(at);
            if ((*at)->done) finished.splice(finished.end(), running_, at);
            at = next;
        }
    }
    for (const auto& one : finished) one->thread.join();
}

void Listener::begin_session(Descriptor socket, const std::string& from) {
    auto one = std::make_unique<Running>();
    one->socket = Descriptor(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
    if (!one->socket) return;  // too many descriptors are open: the peer tries again
    Running* const running = one.get();
    const std::lock_guard lock(mutex_);
    running_.push_back(std::move(one));
    try {
        running->thread = std::thread([this, running, from, own = std::make_shared<Descriptor>(std::move(socket))] {
            session_(std::move(*own), from);
            ::shutdown(running->socket.get(), SHUT_RDWR);  // as long as it is open, the peer sees no end
            running->done = true;
        });
    } catch (const std::system_error&) {
        running_.pop_back();  // no more threads
    }
}

void Listener::accept_loop() {
    for (;;) {
        pollfd waits[] = {{socket_.get(), POLLIN, 0}, {wake_read_.get(), POLLIN, 0}};
        const int ready = ::poll(waits, 2, -1);
        if (waits[1].revents != 0) return;
        join_finished();
        if (ready <= 0) continue;
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        Descriptor socket(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC));
        if (!socket) {
            // Out of descriptors: the connection stays where it is, and asking at once again would take a core.
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) ::poll(waits + 1, 1, 100);
            continue;
        }
        if (sessions() >= most_) {
            [[maybe_unused]] const auto sent =
                ::send(socket.get(), full_.data(), full_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            continue;
        }
        begin_session(std::move(socket), numeric_host(address, size));
    }
}

void Listener::stop(std::chrono::milliseconds grace) {
    if (!thread_.joinable()) return;
    [[maybe_unused]] const auto written = ::write(wake_write_.get(), "x", 1);
    thread_.join();
    socket_ = Descriptor();
    const auto end = std::chrono::steady_clock::now() + grace;
    while (sessions() > 0 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    {
        const std::lock_guard lock(mutex_);
        for (const auto& one : running_) ::shutdown(one->socket.get(), SHUT_RDWR);
    }
    for (const auto& one : running_) one->thread.join();
    running_.clear();
}

}  // namespace keel::dicom_node
