#include "engine/patience.h"

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "engine/files.h"
#include "engine/paths.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/disk_faults.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;
namespace fs = std::filesystem;

namespace {

/// Fails so many times.
struct Flaky {
    int failures;
    int code = ESTALE;
    int calls = 0;
    int operator()() {
        if (++calls <= failures) throw StorageError("[flaky] no answer", code);
        return 7;
    }
};

}  // namespace

TEST_CASE("Without patience a read is tried twice, at once", "[patience]") {
    Flaky once{1}, twice{2};
    CHECK(patiently([&] { return once(); }) == 7);
    CHECK_THROWS_AS(patiently([&] { return twice(); }), StorageError);
    CHECK(twice.calls == 2);
    Flaky interrupted{9, EINTR};  // which no waiting would help
    CHECK(patiently([&] { return interrupted(); }) == 7);
}

TEST_CASE("With patience it is tried until the storage answers, and that is said once", "[patience]") {
    std::vector<std::string> said;
    const PatienceScope scope(1000, [&](const std::string& line) { said.push_back(line); });
    Flaky flaky{4};
    CHECK(patiently([&] { return flaky(); }) == 7);
    CHECK(flaky.calls == 5);
    REQUIRE(said.size() == 2);
    CHECK_THAT(said[0], contains("[flaky] no answer; waiting for the storage for up to 1000 s"));
    CHECK_THAT(said[1], contains("the storage answers again after") && contains("nothing was left out"));
    Flaky once{1};  // gone before anybody had to wait
    patiently([&] { return once(); });
    CHECK(said.size() == 2);
}

TEST_CASE("Patience ends, with how long it was", "[patience]") {
    const PatienceScope scope(0.1);
    Flaky never{1 << 30};
    try {
        patiently([&] { return never(); });
        FAIL("it was answered");
    } catch (const StorageError& error) {
        CHECK_THAT(error.what(), contains("[flaky] no answer; tried again for 0.1 s"));
        CHECK(error.code == ESTALE);
    }
    CHECK(never.calls >= 3);
}

TEST_CASE("What is no fault of the storage is not tried again", "[patience]") {
    const PatienceScope scope(1000);
    int calls = 0;
    CHECK_THROWS_AS(patiently([&] {
                        ++calls;
                        throw IoError("[x] permission denied", EACCES);
                    }),
                    IoError);
    CHECK(calls == 1);
}

TEST_CASE("Another thread has the patience that it is given, until it is cancelled", "[patience]") {
    std::atomic<bool> cancelled{false};
    const PatienceScope scope(100000);
    const auto shared = current_patience();
    bool failed = false;
    std::thread worker([&] {
        const PatienceScope own(shared, &cancelled);
        Flaky never{1 << 30};
        try {
            patiently([&] { return never(); });
        } catch (const StorageError&) {
            failed = true;
        }
    });
    while (!is_waiting(shared)) std::this_thread::yield();
    cancelled = true;
    worker.join();
    CHECK(failed);
    CHECK_FALSE(is_waiting(shared));
}

TEST_CASE("Scopes nest, and threads of their own have none", "[patience]") {
    CHECK(current_patience() == nullptr);
    std::vector<std::string> said;
    {
        const PatienceScope outer(1000, [&](const std::string& line) { said.push_back(line); });
        const auto of_outer = current_patience();
        {
            const PatienceScope none(0);
            Flaky flaky{2};
            CHECK_THROWS_AS(patiently([&] { return flaky(); }), StorageError);
            const PatienceScope some(1000);  // says what it has to say to whom the outer one does
            flaky.calls = 0;
            CHECK(patiently([&] { return flaky(); }) == 7);
            CHECK(said.size() == 2);
        }
        CHECK(current_patience() == of_outer);
        std::thread([] { CHECK(current_patience() == nullptr); }).join();
    }
    CHECK(current_patience() == nullptr);
}

TEST_CASE("A file whose handle has become stale is opened anew, and is the same file", "[patience]") {
    const TemporaryFolder folder;
    write_text(folder / "a", "0123456789");
    const InputFile file(folder / "a");
    std::string bytes(4, ' ');
    {
        const DiskFaultScope faults({.at = 1, .error = ESTALE, .only = static_cast<int>(Call::read)});
        file.read(3, std::as_writable_bytes(std::span(bytes)));
        CHECK(faults.calls() == 2);
    }
    CHECK(bytes == "3456");
    const DiskFaultScope faults({.at = 1, .error = EIO, .for_good = true, .only = static_cast<int>(Call::read)});
    CHECK_THROWS_AS(file.read(0, std::as_writable_bytes(std::span(bytes))), StorageError);
}

TEST_CASE("A file that was replaced while its handle was stale is not mixed with the old one", "[patience]") {
    const TemporaryFolder folder;
    write_text(folder / "a", "0123456789");
    const InputFile file(folder / "a");
    write_file_atomically(folder / "a", "abc");
    std::string bytes(4, ' ');
    const DiskFaultScope faults({.at = 1, .error = ESTALE, .only = static_cast<int>(Call::read)});
    try {
        file.read(0, std::as_writable_bytes(std::span(bytes)));
        FAIL("it was read");
    } catch (const InputError& error) {
        CHECK_THAT(error.what(), contains("was replaced while it was read"));
    }
}

TEST_CASE("What is there is told from what the storage does not say", "[paths]") {
    const TemporaryFolder folder;
    write_text(folder / "file", "x");
    fs::create_directory(folder / "folder");
    fs::create_symlink("loop", folder / "loop");
    fs::create_symlink("nowhere", folder / "dangling");
    fs::create_symlink("file", folder / "link");
    CHECK(kind_of_path(folder / "file") == PathKind::file);
    CHECK(kind_of_path(folder / "link") == PathKind::file);
    CHECK(kind_of_path(folder / "folder") == PathKind::folder);
    CHECK(kind_of_path(folder / "none") == PathKind::none);
    CHECK(kind_of_path(folder / "file/below") == PathKind::none);
    CHECK(kind_of_path(folder / "loop") == PathKind::refused);
    CHECK(kind_of_path(folder / "dangling") == PathKind::none);
    CHECK(is_taken(folder / "dangling"));
    CHECK(is_taken(folder / "loop"));
    CHECK_FALSE(is_taken(folder / "none"));

    const auto entries = list_folder(folder.path());
    REQUIRE(entries.size() == 5);
    CHECK(entries[0].name == "dangling");
    CHECK((entries[0].link && entries[0].kind == PathKind::none));
    CHECK((!entries[1].link && entries[1].kind == PathKind::file));
    CHECK((entries[3].link && entries[3].kind == PathKind::file));
    CHECK_THROWS_AS(list_folder(folder / "none"), IoError);
    make_folders(folder / "a/b//c/");
    make_folders(folder / "a/b/c");
    CHECK(is_folder(folder / "a/b/c"));
    CHECK_THROWS_AS(make_folders(folder / "file/below"), IoError);
    CHECK_THROWS_AS(make_folders(folder / "file"), IoError);
    remove_path(folder / "a/b/c");
    remove_path(folder / "a/b/c");
    CHECK_FALSE(is_taken(folder / "a/b/c"));

    const DiskFaultScope faults({.at = 1, .error = ESTALE, .for_good = true, .only = static_cast<int>(Call::stat)});
    CHECK_THROWS_AS(kind_of_path(folder / "file"), StorageError);
    CHECK_THROWS_AS(is_there(folder / "none"), StorageError);
}
