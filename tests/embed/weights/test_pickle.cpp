#include "embed/weights/pickle.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;
using namespace std::string_literals;
using Kind = PickleValue::Kind;

namespace {

Pickle pickle_of(const std::string& bytes) {
    return read_pickle({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace

TEST_CASE("Numbers, texts and containers of all protocols are what Python makes of them", "[pickle]") {
    const auto integer = [](const std::string& bytes) {
        const Pickle pickle = pickle_of(bytes);
        REQUIRE(pickle.root->is_integer());
        return pickle.root->integer;
    };
    CHECK(integer("K\x07.") == 7);
    CHECK(integer("M\x01\x02.") == 0x201);
    CHECK(integer("J\xff\xff\xff\xff.") == -1);
    CHECK(integer("\x8a\x02\x00\x80."s) == -32768);
    CHECK(integer("\x8a\x00."s) == 0);
    CHECK(integer("I-12\n.") == -12);
    CHECK(integer("L77L\n.") == 77);
    CHECK(pickle_of("I01\n.").root->kind == Kind::boolean);
    CHECK(pickle_of("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."s).root->kind == Kind::big_integer);
    CHECK(pickle_of("G\x3f\xf8\x00\x00\x00\x00\x00\x00."s).root->real == 1.5);
    CHECK(pickle_of("F-0.25\n.").root->real == -0.25);
    CHECK(pickle_of("X\x02\x00\x00\x00hi."s).root->text == "hi");
    CHECK(pickle_of("\x8c\x02hi.").root->text == "hi");
    CHECK(pickle_of("S'hi'\n.").root->text == "hi");
    CHECK(pickle_of("C\x02hi.").root->kind == Kind::bytes);

    const Pickle nested = pickle_of(
        "\x80\x04}(\x8c\x01"
        "a]\x94(K\x01K\x02"
        "e\x8c\x01"
        "bh\x00u.\x80\x02"s);
    CHECK(nested.bytes == 22);  // what follows is another one's
    const PickleValue* list = nested.root->find("a");
    REQUIRE(list != nullptr);
    CHECK((list->kind == Kind::list && list->items.size() == 2 && list->items[1]->integer == 2));
    CHECK(nested.root->find("b") == list);
    CHECK(nested.root->find("c") == nullptr);
    CHECK(pickle_of("(K\x01K\x02t.").root->items.size() == 2);
    CHECK(pickle_of("K\x01K\x02K\x03\x87.").root->items[0]->integer == 1);
}

TEST_CASE("What a pickle would call becomes an object that is never called", "[pickle]") {
    const Pickle call = pickle_of(
        "cos\nsystem\n(X\x04\x00\x00\x00true"
        "tR."s);
    CHECK(call.root->is_made_by("os.system"));
    CHECK(call.root->arguments->items[0]->text == "true");
    const Pickle built = pickle_of("cmodels\nNet\n)\x81}X\x01\x00\x00\x00wK\x05sb."s);
    CHECK(built.root->is_made_by("models.Net"));
    CHECK(built.root->state->find("w")->integer == 5);
    const Pickle storage = pickle_of("(X\x01\x00\x00\x00sK\x01tQ."s);
    CHECK((storage.root->kind == Kind::object && storage.root->callable == nullptr));
}

TEST_CASE("A list may hold itself", "[pickle]") {
    const Pickle ring = pickle_of(
        "]q\x00h\x00"
        "a."s);
    CHECK(ring.root->items[0] == ring.root);
}

TEST_CASE("Malformed pickles are refused with what is wrong, where", "[pickle]") {
    const std::pair<std::string, std::string> cases[] = {
        {"", "ends early"},
        {"K", "ends early"},
        {"X\xff\xff\xff\xffhi"s, "ends early"},
        {"\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi"s, "ends early"},
        {".", "a value is missing"},
        {"R.", "a value is missing"},
        {"t.", "a mark is missing"},
        {"(K\x01"
         "0"
         "00.",
         "a mark is missing"},
        {"h\x05.", "recalled that was not kept"},
        {"K\x01K\x02"
         "a.",
         "no list"},
        {"K\x01K\x02K\x03s.", "no dict"},
        {"}(K\x01u.", "a key without a value"},
        {"K\x01}b.", "no object"},
        {"K\x01K\x02\x93.", "a global without a name"},
        {"\x80\x06K\x01.", "a protocol after 5"},
        {"\x82\x01.", "registry of extensions"},
        {"\x97.", "buffers that are not in the file"},
        {"\xff.", "no opcode 0xff"},
        {"I1x\n.", "no number"},
        {"Ino end", "a line without an end"},
        {"S'a\n.", "without quotes"},
        {"(o.", "without a class"},
        {std::string(2'000'001, 'N'), "too many values"},
    };
    for (const auto& [bytes, why] : cases) {
        INFO(why);
        CHECK_THROWS_AS(pickle_of(bytes), InputError);
        CHECK_THROWS_WITH(pickle_of(bytes), contains(why));
    }
}
