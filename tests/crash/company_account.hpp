// What became of every payload.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace spoolq::test {

/// Each payload is a line of its own and is made once. A put that returned promises it.
class Account {
 public:
  /// A new payload, with its newline.
  std::string make();
  /// All payloads in a text.
  static std::vector<std::string> payloads_in(const std::string& text);

  /// The put of these has returned.
  void promised(const std::string& text);
  /// `actor` has ended these messages for good: acknowledged or removed them.
  void ended(const std::string& text, std::string_view actor);
  /// An actor that was killed or has failed may have ended these.
  void may_have_ended(const std::string& text);
  /// Found at `place` when all actors were gone: taken from a queue, or in another folder.
  void found(const std::string& text, std::string_view place);
  /// Still in a queue although it was emptied.
  void left(const std::string& text, std::string_view place);
  /// In done/: its end was reported by the actor that brought it there.
  void done(const std::string& text);

  /// Promised, and in no place, and no actor may have ended it.
  [[nodiscard]] std::vector<std::string> lost() const;
  /// Ended or found more than once. Once an actor was killed, this is allowed.
  [[nodiscard]] std::vector<std::string> doubled() const;
  /// Left in a queue.
  [[nodiscard]] std::vector<std::string> stuck() const;

  /// "1200 put, 900 ended, …".
  [[nodiscard]] std::string counts() const;
  /// What is known of one payload.
  [[nodiscard]] std::string history(const std::string& payload) const;

 private:
  struct Fate {
    bool promised = false;
    bool may_have_ended = false;
    bool done = false;
    std::vector<std::string> ended;
    std::vector<std::string> found;
    std::vector<std::string> left;
  };
  template <typename Change>
  void for_each(const std::string& text, Change change);
  template <typename Condition>
  [[nodiscard]] std::vector<std::string> those(Condition condition) const;

  std::uint64_t made_ = 0;
  std::map<std::string, Fate> fates_;
};

}  // namespace spoolq::test
