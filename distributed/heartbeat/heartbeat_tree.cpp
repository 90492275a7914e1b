#include "distributed/heartbeat/heartbeat_tree.h"

namespace keel {

std::vector<int> heartbeat_children(int rank, int size, int arity) {
    std::vector<int> children;
    for (long long child = 1LL * rank * arity + 1; child <= 1LL * rank * arity + arity && child < size; ++child)
        children.push_back(static_cast<int>(child));
    return children;
}

int heartbeat_branch(int rank, int ancestor, int arity) {
    while (rank > ancestor) {
        const int parent = heartbeat_parent(rank, arity);
        if (parent == ancestor) return rank;
        rank = parent;
    }
    return -1;
}

}  // namespace keel
