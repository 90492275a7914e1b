#include "runs/lease_holder.h"

#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/environment.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;
using keel::test::TemporaryFolder;
using keel::test::write_text;

namespace {

/// A machine's /proc with one process whose name tries to be clever.
void write_process(const TemporaryFolder& proc, int id, char state, int start) {
    write_text(proc / (std::to_string(id) + "/stat"), std::to_string(id) + " (a) R (b) " + std::string(1, state) +
                                                          " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 " +
                                                          std::to_string(start) + " 20 21\n");
}

LeaseHolder holder_here(const LeaseHolder& me, int process, int start) {
    LeaseHolder holder = me;
    holder.token = "another";
    holder.process = process;
    holder.process_start = start;
    return holder;
}

}  // namespace

TEST_CASE("This process is told from every other", "[lease]") {
    const test::EnvironmentScope job("SLURM_JOB_ID", "12");
    const LeaseHolder me = make_holder(), again = make_holder();
    CHECK(me.process == ::getpid());
    CHECK_FALSE(me.host.empty());
    CHECK(me.token.size() == 32);
    CHECK(me.token != again.token);
    CHECK(me.process_start == again.process_start);
    CHECK(me.process_start > 0);
    CHECK_THAT(name_of(me),
               contains("process " + std::to_string(::getpid()) + " on " + me.host) && contains("(job 12)"));
    CHECK(state_of(me, again, false) == HolderState::lives);
}

TEST_CASE("What a lease says is read as it was written", "[lease]") {
    LeaseHolder holder = make_holder();
    holder.locked = true;
    holder.renewals = 17;
    const std::string text = lease_text(holder);
    CHECK(text.size() == kLeaseBytes);
    CHECK(text.back() == '\n');
    REQUIRE(read_lease_text(text));
    CHECK(*read_lease_text(text) == holder);
}

TEST_CASE("A file that is no lease is none", "[lease]") {
    for (const char* text : {"", "{", "[]", "null", "{}", "{\"token\":1}", "{\"token\":\"\"}", "\xff\xfe"})
        CHECK_FALSE(read_lease_text(text));
    std::string text = lease_text(make_holder());
    CHECK_FALSE(read_lease_text(text.substr(0, 40)));
    text.replace(text.find("\"process\":"), 10, "\"process\":\"x\",\"y\":");
    CHECK_FALSE(read_lease_text(text));
    CHECK_FALSE(read_lease_text(std::string(100'000, '[')));
}

TEST_CASE("A holder on the same machine is looked at", "[lease]") {
    const TemporaryFolder proc;
    const LeaseHolder me = make_holder();
    write_process(proc, 4711, 'S', 99);
    const auto state = [&](const LeaseHolder& holder, bool lock_proves = false) {
        return state_of(holder, me, lock_proves, proc.path());
    };
    CHECK(state(holder_here(me, 4711, 99)) == HolderState::lives);
    CHECK(state(holder_here(me, 4711, 98)) == HolderState::ended);  // its number was given to another
    write_process(proc, 4711, 'T', 99);
    CHECK(state(holder_here(me, 4711, 99)) == HolderState::lives);  // stopped, not ended
    write_process(proc, 4711, 'Z', 99);
    CHECK(state(holder_here(me, 4711, 99)) == HolderState::ended);
    // Above any number that the kernel gives.
    CHECK(state(holder_here(me, 1 << 30, 99)) == HolderState::ended);
    CHECK(state(holder_here(me, -5, 99)) == HolderState::unknown);
}

TEST_CASE("Of a holder elsewhere nothing is known", "[lease]") {
    const LeaseHolder me = make_holder();
    LeaseHolder elsewhere = holder_here(me, 1 << 30, 1);
    elsewhere.boot = "of another machine";
    elsewhere.locked = true;
    CHECK(state_of(elsewhere, me, true) == HolderState::unknown);
    LeaseHolder container = holder_here(me, 1, 1);
    container.pid_namespace = "pid:[1]";
    CHECK(state_of(container, me, false) == HolderState::unknown);
    // Both locked one folder of one machine, and this one has the lock now.
    container.locked = true;
    CHECK(state_of(container, me, true) == HolderState::ended);
    container.locked = false;
    CHECK(state_of(container, me, true) == HolderState::unknown);
    LeaseHolder nothing;
    nothing.token = "x";
    CHECK(state_of(nothing, LeaseHolder{}, true) == HolderState::unknown);
}
