#include "engine/statistics_sync.h"

namespace keel {
namespace {

thread_local StatisticsScope::Setting setting;

}  // namespace

StatisticsScope::StatisticsScope(StatisticsSync* sync, bool counts) : before_(setting) { setting = {sync, counts}; }
StatisticsScope::~StatisticsScope() { setting = before_; }
const StatisticsScope::Setting& StatisticsScope::current() { return setting; }

}  // namespace keel
