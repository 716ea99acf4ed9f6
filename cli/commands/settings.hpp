// Settings as init and config are given them.
#pragma once

#include <string>

#include "cli/args/command.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// NAME=VALUE, taken apart. Throws UsageError.
SettingChange parse_setting(const Command& command, const std::string& word);

/// Throws UsageError for a queue's name that looks like a setting: the queue was forgotten.
void require_queue(const Command& command);

}  // namespace spoolq::cli
