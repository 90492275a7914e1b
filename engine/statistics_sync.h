// Batch norms whose statistics span several processes: who trains on several ranks says how sums over them are made.
#pragma once

#include <span>

namespace keel {

class StatisticsSync {
public:
    virtual ~StatisticsSync() = default;
    /// values[i] = sum over the ranks that share statistics, the same bits on all of them. All call it, with equally
    /// many values.
    virtual void sum(std::span<double> values) = 0;
};

/// What batch norms of this thread's forward passes in training mode do, and their backward passes: sum over `sync`;
/// null: over the rows at hand alone. With `counts` false this rank's rows are stand-ins, of which nothing may depend:
/// they take part in the calls, weigh nothing in the statistics and get no gradient through them. Scopes nest.
class StatisticsScope {
public:
    StatisticsScope(StatisticsSync* sync, bool counts);
    ~StatisticsScope();
    StatisticsScope(const StatisticsScope&) = delete;
    StatisticsScope& operator=(const StatisticsScope&) = delete;

    struct Setting {
        StatisticsSync* sync = nullptr;
        bool counts = true;
    };
    static const Setting& current();

private:
    Setting before_;
};

}  // namespace keel
