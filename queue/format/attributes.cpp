// Extended attributes user.spoolq.*, see xattr(7) for what file systems take.
#include "queue/format/attributes.hpp"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kReason = "user.spoolq.reason";
constexpr const char* kName = "user.spoolq.name";
constexpr std::size_t kHeaderNameMax = 64;
// A reason is cut to these lengths in turn until the file system takes it.
constexpr std::array<std::size_t, 4> kReasonLimits{2048, 512, 128, 0};

bool is_header_name(std::string_view name) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kRest = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= kHeaderNameMax &&
         kFirst.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of(kRest) == std::string_view::npos;
}

std::optional<std::string> get_attribute(Sys& sys, int fd, const char* name) {
  const SysResult size = sys.fgetxattr(fd, name, nullptr, 0);
  if (!size.ok()) return std::nullopt;
  std::string value(static_cast<std::size_t>(size.value()), '\0');
  const SysResult got = sys.fgetxattr(fd, name, value.data(), value.size());
  if (!got.ok()) return std::nullopt;
  value.resize(static_cast<std::size_t>(got.value()));
  return value;
}

/// The names of the attributes that hold headers. Returns an errno, 0 for success.
int list_header_attributes(Sys& sys, int fd, std::vector<std::string>& attributes) {
  const SysResult size = sys.flistxattr(fd, nullptr, 0);
  if (!size.ok() || size.value() == 0) return size.error();
  std::string names(static_cast<std::size_t>(size.value()), '\0');
  const SysResult got = sys.flistxattr(fd, names.data(), names.size());
  if (!got.ok()) return got.error();
  names.resize(static_cast<std::size_t>(got.value()));
  for (std::size_t start = 0; start < names.size();) {
    std::string attribute{names.c_str() + start};
    start += attribute.size() + 1;
    if (!attribute.starts_with(kAttributePrefix) || attribute == kReason || attribute == kName)
      continue;
    // Somebody may have set any name by hand; one that is no header's name is not a header.
    if (!is_header_name(std::string_view{attribute}.substr(kAttributePrefix.size()))) continue;
    attributes.push_back(std::move(attribute));
  }
  return 0;
}

std::string format_reason(const Reason& reason, std::size_t text_max) {
  Json json{{"text", reason.text.substr(0, text_max)}};
  if (reason.exit_code) json["exit_code"] = *reason.exit_code;
  if (reason.signal) json["signal"] = *reason.signal;
  if (!reason.error_output.empty() && text_max > 0) {
    const std::size_t cut =
        reason.error_output.size() - std::min(reason.error_output.size(), text_max);
    json["stderr"] = reason.error_output.substr(cut);
  }
  if (!reason.host.empty() && text_max > 0) json["host"] = reason.host;
  if (!reason.consumer.empty() && text_max > 0) json["consumer"] = reason.consumer;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void require_valid_headers(const Headers& headers) {
  std::size_t total = 0;
  for (const auto& [name, value] : headers) {
    if (!is_header_name(name)) {
      throw_errc(errc::bad_value, "put header", escaped(name),
                 "a name is up to 64 of a-z 0-9 . _ - and begins with a letter or digit");
    }
    if (name == "name" || name == "reason") {
      throw_errc(errc::bad_value, "put header", name, "this name is spoolq's own");
    }
    total += name.size() + value.size();
  }
  if (total > kHeadersMax) {
    throw_errc(errc::bad_value, "put", "headers",
               fmt::format("{} bytes of headers, at most {} fit", total, kHeadersMax));
  }
}

void set_headers(Sys& sys, int fd, const Headers& headers, const std::string& path) {
  for (const auto& [name, value] : headers) {
    const std::string attribute = std::string{kAttributePrefix} + name;
    const SysResult set = sys.fsetxattr(fd, attribute.c_str(), value.data(), value.size());
    switch (set.error()) {
      case 0:
        break;
      // ENOSPC here is a full attribute block, not a full disk.
      case ENOSPC:
      case EDQUOT:
      case E2BIG:
      case ERANGE:
        throw_errc(errc::headers_refused, "set header", name, "no room beside the others");
      case ENOTSUP:
        throw_errc(errc::headers_refused, "set header", name, "it has no user extended attributes");
      default:
        throw_errno(set.error(), "set header", path);
    }
  }
}

void set_whole_name(Sys& sys, int fd, const std::string& name) {
  static_cast<void>(sys.fsetxattr(fd, kName, name.data(), name.size()));
}

Headers get_headers(Sys& sys, int fd) {
  Headers headers;
  std::vector<std::string> attributes;
  static_cast<void>(list_header_attributes(sys, fd, attributes));
  for (const std::string& attribute : attributes) {
    if (auto value = get_attribute(sys, fd, attribute.c_str())) {
      headers[attribute.substr(kAttributePrefix.size())] = std::move(*value);
    }
  }
  return headers;
}

void copy_attributes(Sys& from, int from_fd, Sys& to, int to_fd, const std::string& path) {
  std::vector<std::string> attributes;
  const int error = list_header_attributes(from, from_fd, attributes);
  if (error != 0 && error != ENOTSUP) throw_errno(error, "read headers of", path);
  Headers headers;
  for (const std::string& attribute : attributes) {
    auto value = get_attribute(from, from_fd, attribute.c_str());
    // It was there a moment ago.
    if (!value) throw_errno(EIO, "read header", escaped(attribute));
    headers[attribute.substr(kAttributePrefix.size())] = std::move(*value);
  }
  set_headers(to, to_fd, headers, path);
  if (const auto name = get_whole_name(from, from_fd)) set_whole_name(to, to_fd, *name);
  if (const auto reason = get_reason(from, from_fd)) set_reason(to, to_fd, *reason);
}

std::optional<std::string> get_whole_name(Sys& sys, int fd) {
  return get_attribute(sys, fd, kName);
}

void set_reason(Sys& sys, int fd, const Reason& reason) {
  for (const std::size_t limit : kReasonLimits) {
    const std::string text = format_reason(reason, limit);
    if (sys.fsetxattr(fd, kReason, text.data(), text.size()).ok()) return;
  }
}

void remove_reason(Sys& sys, int fd) { static_cast<void>(sys.fremovexattr(fd, kReason)); }

std::optional<Reason> get_reason(Sys& sys, int fd) {
  const auto text = get_attribute(sys, fd, kReason);
  if (!text) return std::nullopt;
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  Reason reason;
  if (!json.is_object()) {
    // Somebody set it by hand with setfattr: shown as it is.
    reason.text = *text;
    return reason;
  }
  const auto text_field = [&json](const char* name) {
    return json.contains(name) && json[name].is_string() ? json[name].get<std::string>()
                                                         : std::string{};
  };
  const auto number_field = [&json](const char* name) -> std::optional<int> {
    if (!json.contains(name) || !json[name].is_number_integer()) return std::nullopt;
    const Json& number = json[name];
    const bool fits = number.is_number_unsigned() ? std::in_range<int>(number.get<std::uint64_t>())
                                                  : std::in_range<int>(number.get<std::int64_t>());
    return fits ? std::optional{number.get<int>()} : std::nullopt;
  };
  reason.text = text_field("text");
  reason.error_output = text_field("stderr");
  reason.host = text_field("host");
  reason.consumer = text_field("consumer");
  reason.exit_code = number_field("exit_code");
  reason.signal = number_field("signal");
  return reason;
}

}  // namespace spoolq::detail
