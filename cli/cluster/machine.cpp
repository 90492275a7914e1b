#include "cli/cluster/machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <set>
#include <utility>

namespace keel::cli {
namespace {

std::string gigabytes(std::int64_t bytes) { return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9); }

/// A whole number above 0, or none.
std::optional<int> positive(const std::string& text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1) return std::nullopt;
    return value;
}

/// The nodes that a team which is bound to none but by its plan sits on, each once.
std::set<int> team_nodes_of(const Machine& m) {
    const std::vector<int> nodes = thread_nodes(m.cpus, {}, m.threads);
    return {nodes.begin(), nodes.end()};
}

std::string memory_text(const Machine& m) {
    const std::set<int> nodes = team_nodes_of(m);
    if (nodes.size() < 2) return "1 for all compute threads";
    return fmt::format("{} for the compute threads ({}): weights of inference are on each{}", nodes.size(),
                       fmt::join(nodes, ", "), m.interleaves ? ", other tensors on all in turn" : "");
}

std::vector<std::string> warnings_of(const Machine& m) {
    std::vector<std::string> out = m.hidden;
    if (m.threads > m.allowed_cores)
        out.push_back(fmt::format("{} compute threads share {} allowed cores: set --threads {}", m.threads,
                                  m.allowed_cores, m.allowed_cores));
    // A quota between two whole numbers is used by the larger one.
    if (m.cgroup.cores && m.threads > std::max(1.0, std::ceil(*m.cgroup.cores)))
        out.push_back(fmt::format(
            "{} compute threads exceed the cgroup's quota of {:.2f} cores and will be throttled: set --threads {}",
            m.threads, *m.cgroup.cores, static_cast<int>(std::max(1.0, std::ceil(*m.cgroup.cores)))));
    const auto check_variable = [&](const char* name, const std::string& value) {
        if (!value.empty() && !positive(value))
            out.push_back(fmt::format("{}='{}' is no whole number above 0 and is ignored", name, value));
    };
    check_variable("OMP_NUM_THREADS", m.omp_num_threads);
    check_variable("SLURM_CPUS_PER_TASK", m.slurm_cpus_per_task);
    if (const auto slurm = positive(m.slurm_cpus_per_task)) {
        if (*slurm > m.allowed_cpus)
            out.push_back(fmt::format(
                "SLURM_CPUS_PER_TASK is {}, but the affinity mask allows {} processors: start the program with srun",
                *slurm, m.allowed_cpus));
        if (m.threads < std::min(*slurm, m.allowed_cores))
            out.push_back(fmt::format("{} compute threads leave cores of the {} of this task idle", m.threads, *slurm));
    }
    if (!m.interleaves && team_nodes_of(m).size() > 1)
        out.push_back(
            "the system does not let tensors lie on several memory nodes in turn: a container needs CAP_SYS_NICE for "
            "it (docker run --cap-add SYS_NICE), or take a rank a node");
    if (m.huge_pages == "never")
        out.push_back(
            "transparent huge pages are off, which costs speed: an administrator can set "
            "/sys/kernel/mm/transparent_hugepage/enabled to madvise");
    const std::int64_t memory = std::min(m.memory_bytes, m.cgroup.memory_bytes.value_or(m.memory_bytes));
    if (memory > 0 && std::min(m.available_bytes, memory) < 2'000'000'000)
        out.push_back(fmt::format("only {} of memory are available", gigabytes(std::min(m.available_bytes, memory))));
    return out;
}

Json object_of(const Machine& m, const std::vector<std::string>& warnings) {
    const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
    std::vector<std::string> others;
    for (const Machine::OtherIsa& other : m.other_isas) others.push_back(other.name + ": " + other.why_not);
    Json kernels = Json::object();
    for (const Machine::Kernels& of : m.kernels)
        kernels[of.kind] = {{"isa", of.isa}, {"best", of.best}, {"why_not", or_null(of.why_not)}};
    return {
        {"cpu", m.cpu},
        {"features", m.features},
        {"features_unused", m.unused},
        {"isa", m.isa},
        {"isa_forced", or_null(m.forced_isa)},
        {"isas_unused", others},
        {"kernels", kernels},
        {"online_cpus", m.online_cpus},
        {"allowed_cpus", m.allowed_cpus},
        {"allowed_cores", m.allowed_cores},
        {"cgroup_cores", m.cgroup.cores ? Json(*m.cgroup.cores) : Json()},
        {"slurm_cpus_per_task", or_null(m.slurm_cpus_per_task)},
        {"omp_num_threads", or_null(m.omp_num_threads)},
        {"threads", m.threads},
        {"memory_nodes", team_nodes_of(m)},
        {"openmp", m.openmp},
        {"onednn", m.convolution_library},
        {"huge_pages", or_null(m.huge_pages)},
        {"memory_bytes", m.memory_bytes},
        {"available_bytes", m.available_bytes},
        {"cgroup_memory_bytes", m.cgroup.memory_bytes ? Json(*m.cgroup.memory_bytes) : Json()},
        {"mpi", m.mpi},
        {"warnings", warnings},
    };
}

std::string text_of(const Machine& m, const std::vector<std::string>& warnings) {
    const auto or_unset = [](const std::string& text) { return text.empty() ? std::string("not set") : text; };
    std::vector<std::pair<std::string, std::string>> rows{
        {"CPU", m.cpu},
        {"Features",
         m.features.empty() ? "none that Keel has kernels for" : fmt::format("{}", fmt::join(m.features, " "))},
        {"Features not used", m.unused.empty() ? "none" : fmt::format("{}", fmt::join(m.unused, " "))},
        {"ISA of the kernels", m.forced_isa.empty() ? m.isa : m.isa + " (forced by KEEL_ISA)"},
    };
    for (const Machine::OtherIsa& other : m.other_isas) rows.emplace_back("Not " + other.name, other.why_not);
    for (const Machine::Kernels& of : m.kernels)
        rows.emplace_back(of.kind, of.why_not.empty() ? of.isa : of.isa + ", not " + of.best + ": " + of.why_not);
    const std::vector<std::pair<std::string, std::string>> rest{
        {"Processors",
         fmt::format("{} online, {} allowed, of {} cores", m.online_cpus, m.allowed_cpus, m.allowed_cores)},
        {"Cgroup's quota", m.cgroup.cores ? fmt::format("{:.2f} cores", *m.cgroup.cores) : "none"},
        {"SLURM_CPUS_PER_TASK", or_unset(m.slurm_cpus_per_task)},
        {"OMP_NUM_THREADS", or_unset(m.omp_num_threads)},
        {"Compute threads", std::to_string(m.threads)},
        {"Memory nodes", memory_text(m)},
        {"OpenMP", m.openmp.empty() ? "no variables set" : fmt::format("{}", fmt::join(m.openmp, " "))},
        {"oneDNN", m.convolution_library},
        {"Huge pages", m.huge_pages.empty() ? "not known" : m.huge_pages},
        {"Memory", fmt::format("{}, {} available", gigabytes(m.memory_bytes), gigabytes(m.available_bytes))},
        {"Cgroup's memory", m.cgroup.memory_bytes ? gigabytes(*m.cgroup.memory_bytes) : "no limit"},
        {"MPI", m.mpi ? "built in" : "not built in"},
    };
    rows.insert(rows.end(), rest.begin(), rest.end());
    std::string text;
    for (const auto& [name, value] : rows) text += fmt::format("{:<21}{}\n", name, value);
    text += "\n";
    for (const std::string& warning : warnings) text += "Warning: " + warning + "\n";
    return warnings.empty() ? text + "Nothing is wrong.\n" : text;
}

}  // namespace

std::string chosen_word(const std::string& text) {
    const std::size_t open = text.find('['), close = text.find(']');
    return open == std::string::npos || close == std::string::npos || close < open
               ? ""
               : text.substr(open + 1, close - open - 1);
}

DoctorReport diagnose(const Machine& machine) {
    DoctorReport report;
    report.warnings = warnings_of(machine);
    report.object = object_of(machine, report.warnings);
    report.text = text_of(machine, report.warnings);
    return report;
}

}  // namespace keel::cli
