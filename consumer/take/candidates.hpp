// Which name a consumer tries next: a bounded window of the best names in new/.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>

#include "queue/format/message_name.hpp"

namespace spoolq::detail {

/// A name that may be claimed.
struct Candidate {
  std::string file;  ///< The name in new/.
  MessageName name;  ///< What it is as a message of ours.
  bool stranger = false;
  /// A foreign file of which no event told that it came by a rename.
  bool unsettled = false;
};

/// Keeps the best `capacity` names, never the whole backlog, and remembers the names that could not
/// be claimed, so that they do not stand in the way of those behind them. One thread.
///
/// A consumer that is alone takes names strictly in order. One that loses a race is not alone, and
/// goes on at a random place of the same priority: consumers that walked the same order would lose
/// P-1 renames for every message. With `strict` it always goes on at the best name.
class Candidates {
 public:
  using Clock = std::chrono::steady_clock;

  /// So many names can be put off at a time: a folder full of them stays bounded in memory.
  static constexpr std::size_t kDeferredMax = 65'536;

  explicit Candidates(std::size_t capacity, std::size_t deferred_max = kDeferredMax)
      : capacity_{capacity}, deferred_max_{deferred_max} {}

  void set_strict(bool strict) { strict_ = strict; }
  /// Forgets all names before a scan offers them again.
  void clear();
  /// Adds a name, unless it was put off or is worse than a full window's last.
  void offer(Candidate candidate);
  /// Takes out the name to try next.
  std::optional<Candidate> next();
  /// Another consumer claimed the name that next() gave last.
  void lost_race();
  /// Keeps the name that came out last out until `until`. Where there are too many to remember, all
  /// names up to this one stay out.
  void defer(const std::string& file, Clock::time_point until);

  /// The names as messages of the foreign files that came by rename.
  [[nodiscard]] std::set<std::string> arrived() const;

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// True when a name was dropped for lack of room: the folder holds more than the window.
  [[nodiscard]] bool truncated() const { return truncated_; }
  /// When the first name that was put off may be tried again.
  [[nodiscard]] std::optional<Clock::time_point> next_retry() const;
  /// Lets names whose time has come be offered again. True when there were any.
  bool retry_deferred(Clock::time_point now);

 private:
  std::size_t capacity_;
  std::size_t deferred_max_;
  bool strict_ = false;
  bool truncated_ = false;
  std::map<std::string, Candidate> entries_;  // by name as a message: the order of delivery
  std::string dropped_;                       // the best name that had no room, when truncated
  std::string cursor_;                        // where to go on; empty: at the best name
  std::string last_;                          // what next() gave last
  std::string passed_;                        // names up to this one are put off as well,
  Clock::time_point passed_until_{};          // until then; empty: none
  std::unordered_map<std::string, Clock::time_point> deferred_;  // and until when
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace spoolq::detail
