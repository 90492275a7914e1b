// Sets or (null) unsets a variable of the environment for the lifetime of the object.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace keel::test {

class EnvironmentScope {
public:
    EnvironmentScope(const char* name, const char* value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        set(value);
    }
    EnvironmentScope(const char* name, const std::string& value) : EnvironmentScope(name, value.c_str()) {}
    ~EnvironmentScope() { set(before_ ? before_->c_str() : nullptr); }
    EnvironmentScope(const EnvironmentScope&) = delete;
    EnvironmentScope& operator=(const EnvironmentScope&) = delete;

private:
    void set(const char* value) const { value != nullptr ? ::setenv(name_, value, 1) : ::unsetenv(name_); }

    const char* name_;
    std::optional<std::string> before_;
};

}  // namespace keel::test
