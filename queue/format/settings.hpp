// A queue's settings, and the text of the file spoolq.json that keeps them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spoolq/message.hpp"
#include "spoolq/queue.hpp"
#include "spoolq/units.hpp"

namespace spoolq::detail {

constexpr const char* kSettingsFile = "spoolq.json";
constexpr int kFormatVersion = 1;

/// The settings of docs/format.md with their defaults.
struct Settings {
  unsigned max_attempts = 5;
  Backoff backoff;
  std::optional<Duration> lease;
  bool durable_crash_count = false;
  Duration detached_lease = std::chrono::minutes{10};
  bool keep_done = false;
  std::optional<Duration> keep_done_for;  ///< Empty: for ever.
  Duration settle{500};
  bool strict_order = false;
  std::optional<std::uint64_t> max_messages;
  std::optional<std::uint64_t> max_bytes;
  std::optional<std::uint64_t> max_size;
  std::uint64_t min_free = std::uint64_t{64} << 20;
  mode_t mode = 0700;

  /// Files get the folders' mode without the x bits.
  [[nodiscard]] mode_t file_mode() const { return mode & 0666; }
};

/// All settings as text, in the order of docs/format.md.
std::vector<SettingChange> list_settings(const Settings& settings);
/// Applies all of `changes` or throws errc::bad_settings, naming what is wrong.
Settings change_settings(Settings settings, const std::vector<SettingChange>& changes);

/// Whether the folders' mode is among the changes.
bool names_mode(const std::vector<SettingChange>& changes);

/// What spoolq.json says.
struct QueueFile {
  MessageId queue_id;
  Settings settings;
  /// What was set, as text, including names this version does not know.
  std::map<std::string, std::string> set;
};

/// Reads the text of spoolq.json. Throws errc::unsupported_format or errc::bad_settings.
QueueFile parse_queue_file(std::string_view text, const std::string& path);
std::string format_queue_file(const QueueFile& file);

}  // namespace spoolq::detail
