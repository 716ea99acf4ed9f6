// Message file names: what holds for every name that is read, and for every name that is made.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "queue/format/message_name.hpp"
#include "tests/fuzz/require.hpp"

using namespace spoolq::detail;
using spoolq::Time;
using spoolq::fuzz::require;

namespace {

constexpr std::size_t kInCurMax = 251;    // docs/format.md, "Length"
constexpr std::size_t kInLaterMax = 221;  // likewise
constexpr std::int64_t kThirteenDigits = 9'999'999'999'999;

Time time_from(std::int64_t milliseconds) { return Time{std::chrono::milliseconds{milliseconds}}; }

/// It can stand in a folder, and in a terminal.
void require_plain(const std::string& text) {
  require(!text.empty() && text.front() != '.', "a name does not begin with a dot");
  require(std::all_of(text.begin(), text.end(),
                      [](char c) { return c > ' ' && c < '\x7f' && c != '/'; }),
          "a name has only printable characters and no slash");
}

/// Holds for every name that parse_name() accepts.
void check_name(const MessageName& name) {
  const std::string text = format_name(name);
  require_plain(text);
  require(text.size() <= kNameMax, "a name fits NAME_MAX");
  const std::optional<MessageName> again = parse_name(text);
  require(again.has_value(), "what is written can be read");
  require(*again == name, "what is written is read as the same value");
  require(format_name(*again) == text, "the canonical form is stable");

  MessageName lasting = name;
  lasting.attempts = 0;
  lasting.claim.clear();
  lasting.lease_until.reset();
  lasting.return_to.clear();
  require(format_name(lasting).size() <= kOwnNameMax, "200 bytes without A, C, L and R");

  MessageName claimed = lasting;
  claimed.attempts = kAttemptsMax;
  claimed.claim = std::string{kDetachedClaim} + "0123456789abcdef";
  claimed.lease_until = time_from(kThirteenDigits);
  require(format_name(claimed).size() <= kInCurMax, "every name fits when it is claimed");
  require(parse_name(format_name(claimed)) == claimed, "a claimed name is read");
  claimed.claim = "0123456789abcdef.ffffffff";
  require(format_name(claimed).size() <= kInCurMax, "the claim of a consumer is no longer");
  require(parse_name(format_name(claimed)) == claimed, "a consumer's claim is read");
  require(claim_owner(claimed.claim) == "0123456789abcdef", "a claim names its owner");

  MessageName moving = claimed;
  moving.lease_until.reset();
  moving.return_to = format_return(time_from(kThirteenDigits));
  require(format_name(moving).size() <= kInCurMax, "every name fits when it is claimed for a move");
  require(parse_name(format_name(moving)) == moving, "the name of a claim for a move is read");

  MessageName returned = lasting;
  returned.attempts = kAttemptsMax;
  const Time due = time_from(kThirteenDigits);
  const std::string delayed_text = format_delayed_name(due, returned);
  require(delayed_text.size() <= kInLaterMax, "every name fits when it is delayed");
  const std::optional<DelayedName> delayed = parse_delayed_name(delayed_text);
  require(delayed && delayed->due == due && delayed->name == returned, "a delayed name is read");
}

void check_delayed_name(const DelayedName& delayed) {
  const std::string text = format_delayed_name(delayed.due, delayed.name);
  require_plain(text);
  const std::optional<DelayedName> again = parse_delayed_name(text);
  require(again && again->due == delayed.due && again->name == delayed.name,
          "a delayed name is written and read as the same value");
  check_name(delayed.name);
}

/// A name as put makes it, with `text` cut into key, type and original name.
void check_put(std::string text) {
  // NUL cannot stand in a text value; put refuses it.
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  MessageName name;
  name.id = *spoolq::MessageId::parse("01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60");
  name.size = INT64_MAX;
  name.checksum = UINT64_MAX;
  name.expires = time_from(kThirteenDigits);
  const std::size_t key_size = std::min<std::size_t>(text.size() / 8, 40);
  name.key = text.substr(0, key_size);
  name.type = text.substr(key_size, key_size);
  name.original = text.substr(2 * key_size);
  const std::string whole = name.original;

  if (!fit_name(name)) {
    require(name.original.empty(), "only a key or type is refused");
    return;
  }
  require(whole.starts_with(name.original), "the original name is only cut");
  require(name.original.empty() || name.original.size() == whole.size() ||
              (static_cast<unsigned char>(whole[name.original.size()]) & 0xc0U) != 0x80U,
          "the cut is at the border of a character");
  require(name_size_at_put(name) <= kOwnNameMax, "a name at put fits");
  name.copy = UINT16_MAX;
  check_name(name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto name = parse_name(text)) check_name(*name);
  if (const auto delayed = parse_delayed_name(text)) check_delayed_name(*delayed);
  check_put(std::string{text});
  return 0;
}
