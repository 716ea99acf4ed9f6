// The spelling of message file names (docs/format.md, "Names"): the only place that knows it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "spoolq/message.hpp"

namespace spoolq::detail {

/// A message's file name, taken apart. A value.
struct MessageName {
  int priority = 5;
  MessageId id;
  std::optional<std::uint64_t> size;      ///< S
  std::optional<std::uint64_t> checksum;  ///< H: XXH3-64 of the payload
  unsigned attempts = 0;                  ///< A
  std::optional<Time> expires;            ///< X
  std::optional<std::uint16_t> copy;      ///< U
  std::string key;                        ///< K, decoded
  std::string type;                       ///< T, decoded
  std::string original;                   ///< N, decoded
  std::string claim;                      ///< C: who holds it, as written
  std::optional<Time> lease_until;        ///< L
  std::string return_to;                  ///< R: where the reaper puts it back, as written
  std::map<char, std::string> others;     ///< fields we do not know, as written

  bool operator==(const MessageName&) const = default;
};

constexpr unsigned kAttemptsMax = 9999;
constexpr std::size_t kNameMax = 255;     ///< NAME_MAX of every supported file system.
constexpr std::size_t kOwnNameMax = 200;  ///< Without A, C, L and R, see docs/format.md "Length".
/// File names shorter than this hold the whole original name.
constexpr std::size_t kCutNameMin = 180;
constexpr std::string_view kDetachedClaim = "detached.";

/// Takes a name apart; nullopt when it is not one of ours.
std::optional<MessageName> parse_name(std::string_view text);
/// The name as it stands in new/, cur/, failed/ and done/.
std::string format_name(const MessageName& name);

/// The latest due time: 13 digits of milliseconds, in the year 2286.
constexpr Time kDueMax{Duration{9'999'999'999'999}};

/// A name in later/: the due time and the message's name.
struct DelayedName {
  Time due;
  MessageName name;
};
std::optional<DelayedName> parse_delayed_name(std::string_view text);
std::string format_delayed_name(Time due, const MessageName& name);

/// R as it is written for a message of later/, and the due time that it says; nullopt for another
/// R.
std::string format_return(Time due);
/// R of a message that was ready, failed or done.
std::string format_return(State state);
std::optional<Time> parse_return(std::string_view text);

/// Bytes of the name at put: without A, C, L and R, with room for U.
std::size_t name_size_at_put(const MessageName& name);
/// Shortens N at a character border until the name fits kOwnNameMax. False when the name does not
/// fit even without N, because of K and T.
bool fit_name(MessageName& name);

/// A claim's owner: the 16 hex digits before the dot. Empty for detached claims.
std::string_view claim_owner(std::string_view claim);
bool is_detached(std::string_view claim);

/// True for 16 lower-case hex digits, the name of a consumer.
bool is_consumer_name(std::string_view text);

}  // namespace spoolq::detail
