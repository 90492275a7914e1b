#include "cli/cluster/trial_launcher.h"

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::cli;
using keel::test::contains;

namespace {

using Groups = std::vector<std::vector<Host>>;
using TrialWords = std::vector<std::string>;

LaunchOptions options() {
    LaunchOptions options;
    options.mpirun = {"mpirun"};
    options.keel = "/bin/keel";
    return options;
}

}  // namespace

TEST_CASE("Hosts are divided into groups of ranks, one after the other", "[tune]") {
    CHECK(divide_hosts({{"a", 4}, {"b", 4}}, 2) == Groups{{{"a", 2}}, {{"a", 2}}, {{"b", 2}}, {{"b", 2}}});
    CHECK(divide_hosts({{"a", 2}, {"b", 2}}, 4) == Groups{{{"a", 2}, {"b", 2}}});
    CHECK(divide_hosts({{"a", 3}, {"b", 2}}, 2) == Groups{{{"a", 2}}, {{"a", 1}, {"b", 1}}});
    CHECK(divide_hosts({{"a", 3}}, 4).empty());
    CHECK(divide_hosts({}, 1).empty());
}

TEST_CASE("Trials of one rank are processes of this program, others steps of mpirun", "[tune]") {
    const TrialWords train{"train", "--config", "x.toml", "--resume", "auto"};
    tune::SearchPlan plan{.parallel = 2};
    TrialLauncher here(options(), "");
    here.take(plan);
    CHECK((plan.parallel == 2 && plan.threads >= 1 && plan.threads <= std::max(1, allowed_cores() / 2)));
    CHECK(here.command(1, train) == TrialWords{"/bin/keel", "train", "--config", "x.toml", "--resume", "auto"});

    tune::SearchPlan ranks{.ranks = 3, .threads = 1};
    TrialLauncher local(options(), "");
    local.take(ranks);
    CHECK((ranks.parallel == 1 && ranks.threads == 1));
    const TrialWords line = local.command(0, train);
    CHECK(line.front() == "mpirun");
    CHECK(std::ranges::find(line, "3") != line.end());
    CHECK(TrialWords(line.end() - 6, line.end()) ==
          TrialWords{"/bin/keel", "train", "--config", "x.toml", "--resume", "auto"});

    tune::SearchPlan over{.ranks = 2, .threads = 5};
    TrialLauncher hosts(options(), "a:2,b:3");
    hosts.take(over);
    CHECK(over.parallel == 2);
    const TrialWords first = hosts.command(0, train);
    CHECK(std::ranges::find(first, "a:2") != first.end());
    const TrialWords second = hosts.command(1, train);
    CHECK((std::ranges::find(second, "b:2") != second.end()));
    REQUIRE(hosts.notes().size() == 2);
    CHECK_THAT(hosts.notes()[0], contains("1 ranks of the hosts are too few for one more trial"));

    tune::SearchPlan large{.ranks = 9};
    TrialLauncher few(options(), "a:2,b:3");
    CHECK_THROWS_WITH(few.take(large), contains("5 ranks are fewer than the 9 of a trial"));
    tune::SearchPlan crowded{.parallel = 2, .threads = 1024};
    TrialLauncher slow(options(), "");
    slow.take(crowded);
    REQUIRE(slow.notes().size() == 1);
    CHECK_THAT(slow.notes()[0], contains("2048 threads side by side are more than"));
}
