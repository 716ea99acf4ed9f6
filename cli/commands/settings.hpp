// Settings as init and config are given them.
#pragma once

#include <string>

#include "cli/args/parsed.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// NAME=VALUE, taken apart. Throws UsageError.
SettingChange parse_setting(const Parsed& parsed, const std::string& word);

/// Throws UsageError for a queue's name that looks like a setting: the queue was forgotten.
void require_queue(const Parsed& parsed);

}  // namespace spoolq::cli
