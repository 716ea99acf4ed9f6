// Making, reading and writing message ids.
#include "queue/format/message_id.hpp"

#define XXH_INLINE_ALL
#include <fmt/core.h>
#include <sys/random.h>
#include <xxhash.h>

#include <algorithm>
#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "spoolq/error.hpp"

namespace spoolq {
namespace {

constexpr std::size_t kTextSize = 36;

boost::uuids::uuid to_boost(const std::array<std::uint8_t, 16>& bytes) {
  boost::uuids::uuid uuid;
  std::copy(bytes.begin(), bytes.end(), uuid.begin());
  return uuid;
}

/// The 36 characters 8-4-4-4-12, lower case. Boost's reader takes more spellings than one.
bool is_canonical(std::string_view text) {
  if (text.size() != kTextSize) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

}  // namespace

std::optional<MessageId> MessageId::parse(std::string_view text) {
  if (!is_canonical(text)) return std::nullopt;
  const char version = text[14];
  const char variant = text[19];
  if (version != '7' && version != '8') return std::nullopt;
  if (variant != '8' && variant != '9' && variant != 'a' && variant != 'b') return std::nullopt;
  const boost::uuids::uuid uuid = boost::uuids::string_generator{}(text.begin(), text.end());
  MessageId id;
  std::copy(uuid.begin(), uuid.end(), id.bytes_.begin());
  return id;
}

std::string MessageId::to_string() const { return boost::uuids::to_string(to_boost(bytes_)); }

std::ostream& operator<<(std::ostream& out, const MessageId& id) { return out << id.to_string(); }

Time MessageId::time() const {
  std::int64_t milliseconds = 0;
  for (std::size_t i = 0; i < 6; ++i) milliseconds = milliseconds << 8 | bytes_[i];
  return Time{std::chrono::milliseconds{milliseconds}};
}

namespace detail {
namespace {

constexpr unsigned kCounterMax = 0xfff;

/// Fills `size` bytes from the kernel's random numbers.
void fill_random(void* bytes, std::size_t size) {
  if (::getrandom(bytes, size, 0) != static_cast<ssize_t>(size)) {
    throw Error{std::error_code{EIO, std::generic_category()}, "getrandom", "the kernel"};
  }
}

void store_time(std::array<std::uint8_t, 16>& bytes, std::int64_t milliseconds) {
  for (std::size_t i = 0; i < 6; ++i) {
    bytes[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
  }
}

void store_version(std::array<std::uint8_t, 16>& bytes, unsigned version) {
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0fU) | version << 4);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3fU) | 0x80U);
}

void append_little_endian(std::vector<std::uint8_t>& to, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

Time to_milliseconds(std::int64_t nanoseconds) {
  return Time{std::chrono::floor<Duration>(std::chrono::nanoseconds{nanoseconds})};
}

std::array<std::uint8_t, 16> derived_bytes(const MessageId& queue_id, const FileIdentity& file,
                                           std::string_view name, Time time) {
  std::vector<std::uint8_t> input{queue_id.bytes().begin(), queue_id.bytes().end()};
  append_little_endian(input, file.inode);
  if (file.born_ns) append_little_endian(input, static_cast<std::uint64_t>(*file.born_ns));
  append_little_endian(input, file.size);
  input.insert(input.end(), name.begin(), name.end());
  const XXH128_hash_t hash = XXH3_128bits(input.data(), input.size());

  std::array<std::uint8_t, 16> bytes{};
  store_time(bytes, std::max<std::int64_t>(time.time_since_epoch().count(), 0));
  bytes[6] = static_cast<std::uint8_t>(hash.high64 >> 8);
  bytes[7] = static_cast<std::uint8_t>(hash.high64);
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[8 + i] = static_cast<std::uint8_t>(hash.low64 >> (56 - 8 * i));
  }
  store_version(bytes, 8);
  return bytes;
}

}  // namespace

MessageId MessageIdSource::next(Time now) {
  std::array<std::uint8_t, 16> bytes{};
  fill_random(bytes.data() + 6, bytes.size() - 6);
  const std::lock_guard lock{mutex_};
  const std::int64_t now_ms = now.time_since_epoch().count();
  if (now_ms > last_ms_) {
    last_ms_ = now_ms;
    // A random start with the top bit clear leaves at least 2,048 ids of headroom.
    counter_ = (static_cast<unsigned>(bytes[6]) << 8 | bytes[7]) & (kCounterMax >> 1);
  } else if (counter_ == kCounterMax) {
    // More ids than the counter holds, or a clock that stands still: borrow from the future.
    ++last_ms_;
    counter_ = 0;
  } else {
    ++counter_;
  }
  store_time(bytes, last_ms_);
  bytes[6] = static_cast<std::uint8_t>(counter_ >> 8);
  bytes[7] = static_cast<std::uint8_t>(counter_);
  store_version(bytes, 7);
  return MessageId{bytes};
}

MessageIdSource& process_message_ids() {
  static MessageIdSource source;
  return source;
}

MessageId random_queue_id() {
  std::array<std::uint8_t, 16> bytes{};
  fill_random(bytes.data(), bytes.size());
  store_version(bytes, 8);
  return MessageId{bytes};
}

std::string random_token() {
  std::uint64_t value = 0;
  fill_random(&value, sizeof value);
  return fmt::format("{:016x}", value);
}

MessageId derive_message_id(const MessageId& queue_id, const FileIdentity& file,
                            std::string_view name) {
  const Time time =
      file.born_ns ? std::min(file.modified, to_milliseconds(*file.born_ns)) : file.modified;
  return MessageId{derived_bytes(queue_id, file, name, time)};
}

MessageId derive_message_id(const MessageId& queue_id, const FileIdentity& file,
                            std::string_view name, Time time, unsigned microseconds) {
  std::array<std::uint8_t, 16> bytes = derived_bytes(queue_id, file, name, time);
  bytes[6] = static_cast<std::uint8_t>(microseconds >> 8);
  bytes[7] = static_cast<std::uint8_t>(microseconds);
  store_version(bytes, 8);
  return MessageId{bytes};
}

}  // namespace detail
}  // namespace spoolq
