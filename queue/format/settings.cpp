// Reading, checking and changing a queue's settings.
#include "queue/format/settings.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "queue/format/message_id.hpp"
#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

using Json = nlohmann::ordered_json;

/// One row of the settings table: how the value is read and written.
struct Setting {
  std::string_view name;
  std::string_view expected;
  std::function<bool(Settings&, std::string_view)> set;
  std::function<std::string(const Settings&)> get;
};

/// Stores what `parsed` holds; false when it holds nothing.
template <typename Target, typename Value>
bool store(Target& target, const std::optional<Value>& parsed) {
  if (parsed) target = *parsed;
  return parsed.has_value();
}

std::optional<unsigned> parse_number(std::string_view text, int base, unsigned least,
                                     unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < least || value > most) return std::nullopt;
  return value;
}

bool set_keep_done(Settings& settings, std::string_view text) {
  settings.keep_done_for.reset();
  settings.keep_done = text != "off";
  if (text == "off" || text == "on") return true;
  settings.keep_done_for = parse_duration(text);
  return settings.keep_done_for.has_value();
}

std::string get_keep_done(const Settings& settings) {
  if (!settings.keep_done) return "off";
  return settings.keep_done_for ? format_duration(*settings.keep_done_for) : "on";
}

bool set_lease(Settings& settings, std::string_view text) {
  settings.lease = parse_duration(text);
  return settings.lease ? *settings.lease > Duration{0} : text == "off";
}

bool set_crash_count(Settings& settings, std::string_view text) {
  settings.durable_crash_count = text == "durable";
  return text == "durable" || text == "relaxed";
}

bool set_order(Settings& settings, std::string_view text) {
  settings.strict_order = text == "strict";
  return text == "strict" || text == "relaxed";
}

/// A size, or `off`. 0 would refuse everything, and probably means off.
bool set_limit(std::optional<std::uint64_t>& limit, std::string_view text) {
  limit = parse_size(text);
  return limit ? *limit > 0 : text == "off";
}

std::string get_limit(const std::optional<std::uint64_t>& limit) {
  return limit ? format_size(*limit) : "off";
}

bool set_max_messages(Settings& settings, std::string_view text) {
  settings.max_messages.reset();
  if (text == "off") return true;
  settings.max_messages = parse_number(text, 10, 1, std::numeric_limits<unsigned>::max());
  return settings.max_messages.has_value();
}

bool set_mode(Settings& settings, std::string_view text) {
  const auto mode = parse_number(text, 8, 0700, 02775);
  // The owner needs everything; everybody writing is refused at open.
  return mode && (*mode & 0700) == 0700 && (*mode & 0002) == 0 && store(settings.mode, mode);
}

const std::array<Setting, 13>& table() {
  static const std::array<Setting, 13> settings{{
      {"max_attempts", "a number from 1 to 9999",
       [](Settings& s, std::string_view text) {
         return store(s.max_attempts, parse_number(text, 10, 1, 9999));
       },
       [](const Settings& s) { return fmt::format("{}", s.max_attempts); }},
      {"backoff", "off, a duration, or two such as 1s..1h",
       [](Settings& s, std::string_view text) { return store(s.backoff, parse_backoff(text)); },
       [](const Settings& s) { return format_backoff(s.backoff); }},
      {"lease", "off, or a duration such as 10m", set_lease,
       [](const Settings& s) { return s.lease ? format_duration(*s.lease) : std::string{"off"}; }},
      {"crash_count", "relaxed or durable", set_crash_count,
       [](const Settings& s) {
         return std::string{s.durable_crash_count ? "durable" : "relaxed"};
       }},
      {"detached_lease", "a duration such as 10m",
       [](Settings& s, std::string_view text) {
         return store(s.detached_lease, parse_duration(text)) && s.detached_lease > Duration{0};
       },
       [](const Settings& s) { return format_duration(s.detached_lease); }},
      {"keep_done", "off, on, or a duration such as 7d", set_keep_done, get_keep_done},
      {"settle", "a duration such as 500ms",
       [](Settings& s, std::string_view text) { return store(s.settle, parse_duration(text)); },
       [](const Settings& s) { return format_duration(s.settle); }},
      {"order", "relaxed or strict", set_order,
       [](const Settings& s) { return std::string{s.strict_order ? "strict" : "relaxed"}; }},
      {"max_messages", "off, or a number such as 10000", set_max_messages,
       [](const Settings& s) {
         return s.max_messages ? fmt::format("{}", *s.max_messages) : std::string{"off"};
       }},
      {"max_bytes", "off, or a size such as 1G",
       [](Settings& s, std::string_view text) { return set_limit(s.max_bytes, text); },
       [](const Settings& s) { return get_limit(s.max_bytes); }},
      {"max_size", "off, or a size such as 16M",
       [](Settings& s, std::string_view text) { return set_limit(s.max_size, text); },
       [](const Settings& s) { return get_limit(s.max_size); }},
      {"min_free", "a size such as 64M, 0 for none",
       [](Settings& s, std::string_view text) { return store(s.min_free, parse_size(text)); },
       [](const Settings& s) { return format_size(s.min_free); }},
      {"mode", "an octal mode such as 0700 or 2770, not writable by everybody", set_mode,
       [](const Settings& s) { return fmt::format("{:04o}", s.mode); }},
  }};
  return settings;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : table()) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

std::string known_names() {
  std::string names;
  for (const Setting& setting : table()) names += fmt::format(" {}", setting.name);
  return names;
}

}  // namespace

std::vector<SettingChange> list_settings(const Settings& settings) {
  std::vector<SettingChange> list;
  for (const Setting& setting : table()) list.emplace_back(setting.name, setting.get(settings));
  return list;
}

Settings change_settings(Settings settings, const std::vector<SettingChange>& changes) {
  for (const auto& [name, value] : changes) {
    const Setting* setting = find_setting(name);
    if (setting == nullptr) {
      throw_errc(errc::bad_settings, "set", escaped(name),
                 fmt::format("no such setting; there are:{}", known_names()));
    }
    if (!setting->set(settings, value)) {
      throw_errc(errc::bad_settings, "set", escaped(fmt::format("{}={}", name, value)),
                 fmt::format("{} takes {}", name, setting->expected));
    }
  }
  return settings;
}

bool names_mode(const std::vector<SettingChange>& changes) {
  return std::any_of(changes.begin(), changes.end(),
                     [](const SettingChange& change) { return change.first == "mode"; });
}

QueueFile parse_queue_file(std::string_view text, const std::string& path) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("format") || !json["format"].is_number_integer()) {
    throw_errc(errc::bad_settings, "read", path,
               "not the settings file of a queue; restore it, or remove it and 'spoolq init' makes "
               "one with default settings");
  }
  if (json["format"] != kFormatVersion) {
    throw_errc(errc::unsupported_format, "read", path,
               fmt::format("format {}, this spoolq knows format {}", json["format"].dump(),
                           kFormatVersion));
  }
  QueueFile file;
  const Json id_text = json.value("queue_id", Json{});
  const auto id = id_text.is_string() ? MessageId::parse(id_text.get<std::string>()) : std::nullopt;
  if (!id) throw_errc(errc::bad_settings, "read", path, "queue_id is not a UUID");
  file.queue_id = *id;
  const Json settings = json.value("settings", Json::object());
  if (!settings.is_object()) {
    throw_errc(errc::bad_settings, "read", path, "settings is not an object");
  }
  for (const auto& [name, value] : settings.items()) {
    if (!value.is_string()) {
      throw_errc(errc::bad_settings, "read", path, fmt::format("{} is not text", escaped(name)));
    }
    file.set[name] = value.get<std::string>();
    // A newer version may have settings of its own: kept, not understood.
    if (find_setting(name) == nullptr) continue;
    try {
      file.settings = change_settings(file.settings, {{name, file.set[name]}});
    } catch (const Error& error) {
      throw_errc(errc::bad_settings, "read", path, error.detail());
    }
  }
  return file;
}

std::string format_queue_file(const QueueFile& file) {
  Json json{{"format", kFormatVersion}, {"queue_id", file.queue_id.to_string()}};
  json["settings"] = Json::object();
  for (const auto& [name, value] : file.set) json["settings"][name] = value;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace spoolq::detail
