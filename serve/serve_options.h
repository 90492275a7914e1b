// How a server is set up: options that are declared once, as rows of a table, from which the command line and the keys
// of a file are made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "serve/model_table.h"

namespace keel::serve {

struct ServeOptions {
    std::vector<ModelSource> models{};
    std::string listen = "127.0.0.1:8080";
    std::int64_t max_batch = 16;
    double max_delay_ms = 1;
    std::int64_t max_queue = 128;
    double deadline_ms = 0;
    std::int64_t workers = 0;
    std::int64_t io_threads = 1;
    std::int64_t max_body_mb = 64;
    std::int64_t max_held_mb = 1024;
    std::int64_t max_header_kb = 16;
    std::int64_t max_connections = 1024;
    double max_megapixels = 50;
    double idle_seconds = 60;
    double header_seconds = 10;
    double body_seconds = 10;
    double drain_seconds = 30;
    bool watch = true;
    std::string precision = "f32";
    bool calibrated = false;
    std::string operating_point{};
    std::string token_file{}, certificate{}, key{};
    std::string access_log{};
    std::string dicom{};  ///< AET:PORT or AET@ADDRESS:PORT; empty: no node
    std::string dicom_peer{}, dicom_queue{}, dicom_model{}, dicom_callers{}, dicom_codes{};
    bool dicom_capture = false, dicom_marks = false;
    std::int64_t dicom_waiting = 10'000;
};

/// A row of the table. Numbers have a range.
struct ServeOption {
    std::string_view key;  ///< "max_batch"; the flag is --max-batch
    std::variant<bool ServeOptions::*, std::int64_t ServeOptions::*, double ServeOptions::*,
                 std::string ServeOptions::*>
        member;
    std::string_view kind;  ///< of a text: "FILE"
    double low = 0, high = 0;
    std::string_view help;
};
const std::vector<ServeOption>& serve_options();

/// Returns an option's help with its range and default.
std::string help_of(const ServeOption& option);
/// Returns "--max-batch" of max_batch.
std::string flag_of(const ServeOption& option);

/// Sets an option from a text as a flag gives it: truth values are true or false. `origin` is how messages call it.
/// Throws UsageError for a key or a value that is none.
void apply_serve_text(ServeOptions& options, const std::string& key, const std::string& text,
                      const std::string& origin);

/// Sets what a TOML text says: the keys of the table, and models as [[model]] with name, version, file or files,
/// precision, calibrated and operating_point. What a model does not say, the options say. `origin` (a file's name) is
/// how messages call it; relative paths in it are taken from `folder`. Throws InputError for a text that is no TOML,
/// UsageError for keys and values that are none.
void apply_serve_toml(ServeOptions& options, std::string_view text, const std::string& origin,
                      const std::string& folder = {});

/// Throws UsageError for values that contradict each other.
void check_serve_options(const ServeOptions& options);

}  // namespace keel::serve
