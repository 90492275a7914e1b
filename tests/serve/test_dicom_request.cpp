#include "serve/dicom/net/request_check.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/contains.h"

// A namespace of its own: a folder's tests are compiled together.
namespace keel::dicom_node::request_tests {

using namespace keel::test;

namespace {

using Octets = std::vector<std::uint8_t>;

Octets joined(const std::vector<Octets>& parts) {
    Octets all;
    for (const Octets& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

Octets item(std::uint8_t kind, const Octets& body, int lie = 0) {
    const std::size_t length = body.size() + static_cast<std::size_t>(lie);
    return joined({{kind, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)}, body});
}
Octets item(std::uint8_t kind, const std::string& text) { return item(kind, Octets(text.begin(), text.end())); }

const Octets kApplication = item(0x10, "1.2.840.10008.3.1.1.1"), kAbstract = item(0x30, "1.2.840.10008.1.1"),
             kTransfer = item(0x40, "1.2.840.10008.1.2"), kMaximum = item(0x51, Octets{0, 0, 64, 0}),
             kContext = item(0x20, joined({{1, 0, 0, 0}, kAbstract, kTransfer, kTransfer})),
             kUser = item(0x50, joined({kMaximum, item(0x52, "1.2.3"), item(0x55, "NAME")}));

/// A request of these items.
std::string fault_of(const std::vector<Octets>& items) {
    const Octets head(6 + 68);
    return request_fault(joined({head, joined(items)}));
}

/// The same with a part of the user's information.
std::string fault_of_user(const Octets& part) {
    return fault_of({kApplication, kContext, item(0x50, joined({kMaximum, part}))});
}

}  // namespace

TEST_CASE("requests for associations in good order pass", "[serve]") {
    CHECK(fault_of({kApplication, kContext, kUser}).empty());
    CHECK(fault_of({kApplication, kUser, kContext, kContext}).empty());
    CHECK(fault_of({kApplication, kUser}).empty());                                 // no contexts: agreed on nothing
    CHECK(fault_of({kApplication, item(0x99, "later"), kContext, kUser}).empty());  // of a kind that nobody knows
    CHECK(fault_of_user(item(0x53, Octets{0, 1, 0, 1})).empty());
    CHECK(fault_of_user(item(0x54, Octets{0, 3, '1', '.', '2', 1, 0})).empty());
    CHECK(fault_of_user(item(0x56, Octets{0, 3, '1', '.', '2', 7, 7, 7})).empty());
    CHECK(fault_of_user(item(0x58, Octets{1, 1, 0, 4, 'u', 's', 'e', 'r', 0, 0})).empty());
    CHECK(fault_of_user(item(0x58, Octets{2, 1, 0, 1, 'u', 0, 2, 'p', 'w'})).empty());
}

TEST_CASE("requests whose lengths do not fit together are refused", "[serve]") {
    CHECK_THAT(request_fault(Octets(40)), contains("too short"));
    const Octets open = {0x20, 0, 0};  // ends within the head of an item
    for (const std::vector<Octets>& items : std::vector<std::vector<Octets>>{
             {kApplication, kContext, kUser, open},
             {kApplication, kContext, item(0x50, kMaximum, 1)},
             {kApplication, item(0x20, Octets{1, 0, 0}), kUser},
             {kApplication, item(0x20, joined({{1, 0, 0, 0}, item(0x30, Octets{'1'}, 1), kTransfer})), kUser},
             {kApplication, item(0x20, joined({{1, 0, 0, 0}, kTransfer})), kUser},
             {kApplication, item(0x20, joined({{1, 0, 0, 0}, kAbstract})), kUser},
             {kApplication, item(0x20, joined({{1, 0, 0, 0}, kAbstract, kAbstract, kTransfer})), kUser},
             {kApplication, item(0x20, joined({{1, 0, 0, 0}, item(0x30, std::string(65, '1')), kTransfer})), kUser},
             {kApplication, item(0x21, joined({{1, 0, 0, 0}, kTransfer})), kUser},
             {kApplication, kApplication, kUser},
             {kApplication, kUser, kUser},
             {item(0x10, std::string(65, '1')), kUser},
             std::vector<Octets>(130, kContext)})
        CHECK_FALSE(fault_of(items).empty());
    for (const Octets& part :
         {item(0x51, Octets{0, 0, 64}), item(0x52, std::string(65, '1')), item(0x54, Octets{0, 9, '1', 1, 0}),
          item(0x54, Octets{0}), item(0x56, Octets{0, 9, '1'}), item(0x56, Octets{}),
          item(0x58, Octets{1, 1, 0, 9, 'u', 0, 0}), item(0x58, Octets{1, 1, 0, 1, 'u', 0, 1}), item(0x58, Octets{1}),
          item(0x59, Octets{0, 0}),
          joined({item(0x58, Octets{1, 1, 0, 0, 0, 0}), item(0x58, Octets{1, 1, 0, 0, 0, 0})})})
        CHECK_FALSE(fault_of_user(part).empty());
    CHECK_THAT(fault_of({kContext, kUser}), contains("without its application or its user"));
    CHECK_THAT(fault_of({kApplication, kContext}), contains("without its application or its user"));
}

}  // namespace keel::dicom_node::request_tests
