#include "engine/base64.h"

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("Base64 is RFC 4648's both ways", "[base64]") {
    const std::pair<std::string, std::string> examples[] = {{"", ""},
                                                            {"f", "Zg=="},
                                                            {"fo", "Zm8="},
                                                            {"foo", "Zm9v"},
                                                            {"foob", "Zm9vYg=="},
                                                            {"fooba", "Zm9vYmE="},
                                                            {"foobar", "Zm9vYmFy"},
                                                            {"\xff\xfe\xfd", "//79"}};
    for (const auto& [bytes, text] : examples) {
        CHECK(to_base64(bytes) == text);
        CHECK(from_base64(text) == bytes);
        CHECK(from_base64(text.substr(0, text.find('='))) == bytes);
    }
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    CHECK(from_base64(to_base64(all)) == all);
}

TEST_CASE("What is no base64 is refused", "[base64]") {
    for (const char* text : {"Z", "Zg=", "Z===", "Zg==Zg==", "Zm9 v", "Zm9v\n", "=", "Zm9_", "\xc3\xa4zz"})
        CHECK_THROWS_AS(from_base64(text), InputError);
}
