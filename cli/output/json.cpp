// Making the JSON documents. The only file that knows the JSON library.
#include "cli/output/json.hpp"

#include <nlohmann/json.hpp>

#include "cli/output/print.hpp"
#include "cli/output/units.hpp"

namespace spoolq::cli {
namespace {

using Json = nlohmann::ordered_json;

Json document(std::string_view schema) {
  Json json;
  json["schema"] = schema;
  return json;
}

/// Bytes that are not UTF-8 become U+FFFD here; put_text() keeps them.
std::string line_of(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

template <typename Value>
Json value_or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json{};
}

Json time_or_null(const std::optional<Time>& time) {
  return time ? Json(format_time(*time)) : Json{};
}

Json seconds_or_null(const std::optional<Duration>& duration) {
  return duration ? Json(to_seconds(*duration)) : Json{};
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t j) -> std::uint32_t {
      return j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U;
    };
    const std::uint32_t group = (byte(i) << 16) | (byte(i + 1) << 8) | byte(i + 2);
    result += kDigits[group >> 18];
    result += kDigits[(group >> 12) & 63U];
    result += i + 1 < bytes.size() ? kDigits[(group >> 6) & 63U] : '=';
    result += i + 2 < bytes.size() ? kDigits[group & 63U] : '=';
  }
  return result;
}

/// Sets a text that may hold any bytes. JSON holds only Unicode, so where it is not UTF-8 the bytes
/// stand in FIELD_b64 too.
void put_text(Json& json, const std::string& field, const std::string& text) {
  json[field] = text;
  if (!is_utf8(text)) json[field + "_b64"] = base64(text);
}

/// The same, null for an empty text.
void put_text_or_null(Json& json, const std::string& field, const std::string& text) {
  put_text(json, field, text);
  if (text.empty()) json[field] = nullptr;
}

/// Sets the headers by name, and in headers_b64 those that are not UTF-8.
void put_headers(Json& json, const Headers& headers) {
  json["headers"] = Json::object();
  for (const auto& [name, value] : headers) json["headers"][name] = value;
  for (const auto& [name, value] : headers) {
    if (!is_utf8(value)) json["headers_b64"][name] = base64(value);
  }
}

Json reason_or_null(const std::optional<Reason>& reason) {
  if (!reason) return {};
  Json json;
  put_text_or_null(json, "text", reason->text);
  json["exit_code"] = value_or_null(reason->exit_code);
  json["signal"] = value_or_null(reason->signal);
  put_text_or_null(json, "stderr", reason->error_output);
  put_text_or_null(json, "host", reason->host);
  put_text_or_null(json, "consumer", reason->consumer);
  return json;
}

}  // namespace

std::string message_document(const MessageDetails& message, Time at) {
  const MessageInfo& info = message.info;
  Json json = document("spoolq.message/1");
  json["id"] = info.id.to_string();
  json["state"] = to_string(info.state);
  json["priority"] = info.priority;
  json["attempts"] = info.attempts;
  json["size"] = value_or_null(info.size);
  json["enqueued_at"] = format_time(info.enqueued());
  json["age_seconds"] = to_seconds(info.age(at));
  json["due_at"] = time_or_null(info.due);
  json["expires_at"] = time_or_null(info.expires);
  put_text_or_null(json, "key", info.key);
  put_text_or_null(json, "type", info.type);
  put_text_or_null(json, "name", info.name);
  put_headers(json, message.headers);
  put_text_or_null(json, "consumer", info.consumer);
  json["lease_until"] = time_or_null(info.lease_until);
  json["reason"] = reason_or_null(message.reason);
  put_text(json, "path", info.path);
  return line_of(json);
}

std::string stats_document(const Stats& stats, Time at) {
  Json json = document("spoolq.stats/1");
  put_text(json, "queue", stats.path);
  json["at"] = format_time(at);
  json["oldest_ready_seconds"] = seconds_or_null(stats.oldest_ready);
  json["ready"] = stats.ready;
  json["claimed"] = stats.claimed;
  json["delayed"] = stats.delayed;
  json["failed"] = stats.failed;
  json["done"] = stats.done;
  json["bad"] = stats.bad;
  json["bytes"] = stats.bytes;
  json["consumers"] = stats.consumers;
  json["paused"] = stats.paused;
  return line_of(json);
}

std::string event_document(const Event& event) {
  Json json = document("spoolq.event/1");
  json["at"] = format_time(event.at);
  json["event"] = to_string(event.kind);
  json["id"] = event.id.to_string();
  json["state"] = event.state ? Json(to_string(*event.state)) : Json{};
  json["attempts"] = event.attempts;
  put_text_or_null(json, "key", event.key);
  put_text_or_null(json, "name", event.name);
  return line_of(json);
}

std::string appraisal_document(const Appraisal& appraisal) {
  Json json = document("spoolq.appraisal/1");
  put_text(json, "file", appraisal.file);
  json["verdict"] = to_string(appraisal.verdict);
  put_text_or_null(json, "reason", appraisal.reason);
  json["id"] = appraisal.id == MessageId{} ? Json{} : Json(appraisal.id.to_string());
  put_text_or_null(json, "error", appraisal.error ? appraisal.error.message() : std::string{});
  return line_of(json);
}

std::string settings_document(const std::string& queue,
                              const std::vector<SettingChange>& settings) {
  Json json = document("spoolq.settings/1");
  put_text(json, "queue", queue);
  json["settings"] = Json::object();
  for (const auto& [name, value] : settings) json["settings"][name] = value;
  return line_of(json);
}

std::string reap_document(const std::string& queue, const ReapCounts& counts) {
  Json json = document("spoolq.reap/1");
  put_text(json, "queue", queue);
  json["returned"] = counts.returned;
  json["failed"] = counts.failed;
  json["due"] = counts.due;
  json["swept"] = counts.swept;
  json["pruned"] = counts.pruned;
  return line_of(json);
}

std::string work_event_document(const WorkEvent& event, Time at) {
  Json json = document("spoolq.log/1");
  json["at"] = format_time(at);
  json["level"] = event.level == LogLevel::warning ? "warning" : "notice";
  json["event"] = event.event;
  const MessageInfo* message = event.message;
  json["id"] = message != nullptr ? Json(message->id.to_string()) : Json{};
  put_text_or_null(json, "name", message != nullptr ? message->name : std::string{});
  json["attempt"] = message != nullptr ? Json(message->attempts) : Json{};
  json["seconds"] = seconds_or_null(event.runtime);
  json["exit_code"] = value_or_null(event.exit_code);
  json["signal"] = value_or_null(event.signal);
  json["due_at"] = time_or_null(event.due);
  put_text_or_null(json, "text", event.text);
  return line_of(json);
}

std::string version_document(const std::string& version) {
  Json json = document("spoolq.version/1");
  json["version"] = version;
  json["format"] = 1;
  return line_of(json);
}

}  // namespace spoolq::cli
