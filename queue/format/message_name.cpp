// Message file names: the grammar of docs/format.md in code.
#include "queue/format/message_name.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "spoolq/fmt.hpp"

namespace spoolq::detail {
namespace {

constexpr std::size_t kPrefixSize = 38;  // priority, dot, uuid
constexpr std::size_t kUuidSize = 36;
constexpr std::size_t kDueSize = 13;
constexpr std::size_t kCopyFieldSize = 7;    // ",U=0000"
constexpr std::size_t kFieldPrefixSize = 3;  // ",N="
constexpr std::string_view kPlain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-";
constexpr std::string_view kUpperHexDigits = "0123456789ABCDEF";

bool is_plain(char c) { return kPlain.find(c) != std::string_view::npos; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (is_plain(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kUpperHexDigits[byte >> 4];
      encoded += kUpperHexDigits[byte & 0xfU];
    }
  }
  return encoded;
}

/// The bytes that `text` spells; nullopt for a character that may not stand in a value, a broken
/// or NUL escape, or nothing at all.
std::optional<std::string> decode(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0 || (high | low) == 0) return std::nullopt;
      decoded += static_cast<char>(high << 4 | low);
      i += 2;
    } else if (is_plain(text[i])) {
      decoded += text[i];
    } else {
      return std::nullopt;
    }
  }
  return decoded;
}

/// A number without sign or leading zero that fits in 63 bits.
std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

/// Exactly `digits` lower-case hex digits.
std::optional<std::uint64_t> parse_hex(std::string_view text, std::size_t digits) {
  if (text.size() != digits) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0 || (c >= 'A' && c <= 'F')) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  return value;
}

std::optional<Time> parse_time(std::string_view text) {
  const auto value = parse_decimal(text);
  if (!value) return std::nullopt;
  return Time{std::chrono::milliseconds{static_cast<std::int64_t>(*value)}};
}

/// `<16 hex>.<1 to 8 hex>` or `detached.<16 hex>`.
bool is_claim(std::string_view text) {
  if (is_detached(text)) return is_consumer_name(text.substr(kDetachedClaim.size()));
  if (text.size() < 18 || text[16] != '.' || !is_consumer_name(text.substr(0, 16))) return false;
  const std::string_view counter = text.substr(17);
  return counter.size() <= 8 && parse_hex(counter, counter.size()).has_value();
}

/// Exactly 13 digits of milliseconds.
std::optional<Time> parse_due(std::string_view text) {
  if (text.size() != kDueSize || text[0] == '-') return std::nullopt;
  std::int64_t due = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + kDueSize, due);
  if (error != std::errc{} || end != text.data() + kDueSize) return std::nullopt;
  return Time{std::chrono::milliseconds{due}};
}

/// `new`, `failed`, `done`, or a due time.
bool is_return(std::string_view text) {
  return text == "new" || text == "failed" || text == "done" || parse_due(text);
}

/// Stores the field; false when the value is not one that the key can have.
bool store_field(MessageName& name, char key, std::string_view value) {
  switch (key) {
    case 'S':
      return (name.size = parse_decimal(value)).has_value();
    case 'H':
      return (name.checksum = parse_hex(value, 16)).has_value();
    case 'A': {
      const auto attempts = parse_decimal(value);
      if (!attempts || *attempts == 0 || *attempts > kAttemptsMax) return false;
      name.attempts = static_cast<unsigned>(*attempts);
      return true;
    }
    case 'X':
      return (name.expires = parse_time(value)).has_value();
    case 'U': {
      const auto copy = parse_hex(value, 4);
      if (copy) name.copy = static_cast<std::uint16_t>(*copy);
      return copy.has_value();
    }
    case 'L':
      return (name.lease_until = parse_time(value)).has_value();
    case 'C':
      name.claim = value;
      return is_claim(value);
    case 'R':
      name.return_to = value;
      return is_return(value);
    case 'K':
    case 'T':
    case 'N': {
      auto text = decode(value);
      if (!text) return false;
      (key == 'K' ? name.key : key == 'T' ? name.type : name.original) = std::move(*text);
      return true;
    }
    case 'B':
      name.others[key] = value;
      return parse_decimal(value).has_value();
    default:
      name.others[key] = value;
      return decode(value).has_value();
  }
}

/// Takes the fields apart; `passing` gets the bytes of those that come and go with a message's
/// states: A, C, L and R.
bool parse_fields(MessageName& name, std::string_view fields, std::size_t& passing) {
  std::uint32_t seen = 0;
  while (!fields.empty()) {
    // Each turn reads ",K=value".
    if (fields.size() < 4 || fields[0] != ',' || fields[2] != '=') return false;
    const char key = fields[1];
    if (key < 'A' || key > 'Z') return false;
    const std::uint32_t bit = 1U << (key - 'A');
    if ((seen & bit) != 0) return false;
    seen |= bit;
    const std::size_t end = std::min(fields.find(',', 3), fields.size());
    if (!store_field(name, key, fields.substr(3, end - 3))) return false;
    if (key == 'A' || key == 'C' || key == 'L' || key == 'R') passing += end;
    fields.remove_prefix(end);
  }
  return true;
}

std::int64_t milliseconds(Time time) { return time.time_since_epoch().count(); }

/// What a name carries without the fields that come and go with its states: A, C, L and R.
std::size_t lasting_size(MessageName name) {
  name.attempts = 0;
  name.claim.clear();
  name.lease_until.reset();
  name.return_to.clear();
  return format_name(name).size();
}

/// How much of `text` fits `room` when it is encoded, cut at the border of a UTF-8 character.
std::size_t fitting_size(std::string_view text, std::size_t room) {
  std::size_t border = 0;
  std::size_t used = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool continuation = (static_cast<unsigned char>(text[i]) & 0xc0U) == 0x80U;
    if (!continuation) border = i;
    used += is_plain(text[i]) ? 1 : 3;
    if (used > room) return border;
  }
  return text.size();
}

}  // namespace

std::optional<MessageName> parse_name(std::string_view text) {
  if (text.size() < kPrefixSize || text.size() > kNameMax) return std::nullopt;
  if (text[0] < '0' || text[0] > '9' || text[1] != '.') return std::nullopt;
  const auto id = MessageId::parse(text.substr(2, kUuidSize));
  if (!id) return std::nullopt;
  MessageName name;
  name.priority = text[0] - '0';
  name.id = *id;
  std::size_t passing = 0;
  if (!parse_fields(name, text.substr(kPrefixSize), passing)) return std::nullopt;
  // As it is written, which may be longer than we would write it: escapes that need not be.
  if (text.size() - passing > kOwnNameMax) return std::nullopt;
  return name;
}

std::string format_name(const MessageName& name) {
  std::string text = fmt::format("{}.{}", name.priority, name.id);
  if (name.size) text += fmt::format(",S={}", *name.size);
  if (name.checksum) text += fmt::format(",H={:016x}", *name.checksum);
  if (name.attempts > 0) text += fmt::format(",A={}", name.attempts);
  if (name.expires) text += fmt::format(",X={}", milliseconds(*name.expires));
  if (name.copy) text += fmt::format(",U={:04x}", *name.copy);
  if (!name.key.empty()) text += ",K=" + encode(name.key);
  if (!name.type.empty()) text += ",T=" + encode(name.type);
  if (!name.original.empty()) text += ",N=" + encode(name.original);
  // B comes before C, L and R; it is among the fields we keep without knowing them.
  for (const auto& [key, value] : name.others) {
    if (key == 'B') text += fmt::format(",B={}", value);
  }
  if (!name.claim.empty()) text += ",C=" + name.claim;
  if (name.lease_until) text += fmt::format(",L={}", milliseconds(*name.lease_until));
  if (!name.return_to.empty()) text += ",R=" + name.return_to;
  for (const auto& [key, value] : name.others) {
    if (key != 'B') text += fmt::format(",{}={}", key, value);
  }
  return text;
}

std::optional<DelayedName> parse_delayed_name(std::string_view text) {
  if (text.size() <= kDueSize || text[kDueSize] != '.') return std::nullopt;
  const auto due = parse_due(text.substr(0, kDueSize));
  if (!due) return std::nullopt;
  auto name = parse_name(text.substr(kDueSize + 1));
  if (!name) return std::nullopt;
  return DelayedName{*due, std::move(*name)};
}

std::string format_delayed_name(Time due, const MessageName& name) {
  return fmt::format("{:013}.{}", milliseconds(due), format_name(name));
}

std::string format_return(Time due) { return fmt::format("{:013}", milliseconds(due)); }

std::string format_return(State state) {
  if (state == State::failed) return "failed";
  return state == State::done ? "done" : "new";
}

std::optional<Time> parse_return(std::string_view text) { return parse_due(text); }

std::size_t name_size_at_put(const MessageName& name) {
  return lasting_size(name) + (name.copy ? 0 : kCopyFieldSize);
}

bool fit_name(MessageName& name) {
  const std::string original = std::exchange(name.original, {});
  const std::size_t size = name_size_at_put(name) + kFieldPrefixSize;
  if (size < kOwnNameMax) {
    name.original = original.substr(0, fitting_size(original, kOwnNameMax - size));
  }
  return size - kFieldPrefixSize <= kOwnNameMax;
}

std::string_view claim_owner(std::string_view claim) {
  return is_detached(claim) ? std::string_view{} : claim.substr(0, claim.find('.'));
}

bool is_detached(std::string_view claim) { return claim.starts_with(kDetachedClaim); }

bool is_consumer_name(std::string_view text) { return parse_hex(text, 16).has_value(); }

}  // namespace spoolq::detail

namespace spoolq {

std::optional<MessageId> MessageId::from_path(std::string_view path) {
  const std::string_view file = path.substr(path.rfind('/') + 1);
  if (const auto name = detail::parse_name(file)) return name->id;
  const auto delayed = detail::parse_delayed_name(file);
  return delayed ? std::optional{delayed->name.id} : std::nullopt;
}

}  // namespace spoolq
