// --power-file: a file with the power that a node takes, which something else keeps writing: a meter's program, a
// script that asks the power supply, a batch system.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace keel {

/// Reads "215.3", "215.3 W", "0.2 kW", "215300 mW" or "215300000 uW", with white space around it, as watts. Throws
/// InputError, which calls the text `name`, for anything else, for less than nothing and for more than 1 MW.
double read_watts(std::string_view text, const std::string& name);

/// Energy by the power that is in the file whenever somebody looks: between two looks it is taken to change evenly.
class PowerFile {
public:
    using Clock = std::function<std::chrono::steady_clock::time_point()>;

    /// Throws IoError or InputError where the file cannot be read or holds no power.
    explicit PowerFile(
        std::filesystem::path file, Clock clock = [] { return std::chrono::steady_clock::now(); });

    /// Looks at the file. What cannot be read then counts as it was before, and a note says so.
    double joules();

    std::vector<std::string> take_notes();

private:
    void look();

    std::filesystem::path file_;
    Clock clock_;
    std::chrono::steady_clock::time_point looked_;
    double watts_ = 0, joules_ = 0;
    bool told_ = false;
    std::vector<std::string> notes_;
};

}  // namespace keel
