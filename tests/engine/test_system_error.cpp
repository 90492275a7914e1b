#include "engine/system_error.h"

#include <cerrno>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

TEST_CASE("What the storage says in passing is told from what a file is", "[files]") {
    for (const int code : {EIO, ESTALE, ETIMEDOUT, EMFILE, ENFILE, EAGAIN, EINTR, ENOTCONN, EHOSTUNREACH, ENOSPC}) {
        CAPTURE(code);
        CHECK(fault_of(code) == SystemFault::passing);
        CHECK_THROWS_AS(throw_system_error("[x] cannot", code), StorageError);
    }
    for (const int code : {ENOENT, ENOTDIR, ENAMETOOLONG}) CHECK(fault_of(code) == SystemFault::absent);
    for (const int code : {EACCES, EPERM, ELOOP, EISDIR, EROFS, EINVAL}) {
        CAPTURE(code);
        CHECK(fault_of(code) == SystemFault::lasting);
        try {
            throw_system_error("[x] cannot open y", code);
        } catch (const StorageError&) {
            FAIL("it does not pass");
        } catch (const IoError& error) {
            CHECK(error.code == code);
            CHECK_THAT(error.what(), contains("[x] cannot open y: "));
        }
    }
}
