#include "cli/cluster/openmp.h"

#include <cstdlib>
#include <memory>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/environment.h"

using keel::test::EnvironmentScope;

TEST_CASE("Who sets a variable of OpenMP's has chosen: nothing is started anew", "[openmp]") {
    std::vector<std::unique_ptr<EnvironmentScope>> none;
    for (const char* name : keel::cli::kOpenMpVariables)
        none.push_back(std::make_unique<EnvironmentScope>(name, nullptr));
    for (const char* name : keel::cli::kOpenMpVariables) {
        INFO(name);
        const EnvironmentScope chosen(name, "x");
        keel::cli::settle_openmp(nullptr);  // comes back, as it would not from a second program
        CHECK(std::getenv(name) == std::string("x"));
        for (const char* other : keel::cli::kOpenMpVariables)
            if (std::string(other) != name) CHECK(std::getenv(other) == nullptr);
    }
}
