// What mpirun of each make wants to hear.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keel {

enum class MpiMake { open_mpi_4, open_mpi_5, mpich };

/// Returns the make whose words a library understands, by what mpi_library() calls it; Open MPI 4 for one that is not
/// known, and where there is none.
MpiMake mpi_make(std::string_view library);

struct MpirunRequest {
    int ranks = 1;
    int per_node = 0;        ///< so many ranks on each node; 0: as many as a host is said to have
    std::string hosts = {};  ///< "node1:2,node2:2"; empty: this machine, or those of a file
    bool hostfile = false;   ///< the hosts are in the file "hosts"
    bool crowded = false;    ///< more ranks than cores
};

/// Returns the words that follow "mpirun" and come before the program. No rank is bound: Keel does that itself.
std::vector<std::string> mpirun_words(MpiMake make, const MpirunRequest& request);

}  // namespace keel
