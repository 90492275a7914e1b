// An order between threads that ThreadSanitizer can see.
#pragma once

#include <atomic>

namespace keel {

/// Hands plain data from one stage's thread to the next one's. oneTBB orders the stages already, inside a library that
/// ThreadSanitizer cannot see into; said once more here, the sanitizer can check everything else. Free on x86-64.
class TsanFence {
public:
    void take() const { static_cast<void>(turn_.load(std::memory_order_acquire)); }
    void pass() { turn_.fetch_add(1, std::memory_order_acq_rel); }

    /// Takes it, and passes it on at the end of a scope, however that is left.
    class Turn {
    public:
        explicit Turn(TsanFence& fence) : fence_(fence) { fence_.take(); }
        ~Turn() { fence_.pass(); }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

    private:
        TsanFence& fence_;
    };

private:
    std::atomic<unsigned> turn_{0};
};

}  // namespace keel
