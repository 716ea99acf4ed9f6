// Where the names come from that a consumer tries to claim: scans of new/, and events.
#pragma once

#include <set>
#include <unordered_set>

#include "consumer/take/candidates.hpp"
#include "consumer/take/claim.hpp"
#include "consumer/wait/watcher.hpp"

namespace spoolq::detail {

/// Finds candidates in new/, and decides when only a scan can find more. One thread.
class CandidateSource {
 public:
  using Clock = std::chrono::steady_clock;

  explicit CandidateSource(ConsumerIdentity& identity);

  /// Takes in the names that events tell. An event is a hint: the name may be gone.
  void note(const Events& events);
  /// Reads the whole folder.
  void scan();
  /// Forgets all candidates. There are none until the next scan.
  void forget();
  void require_scan() { scan_needed_ = true; }
  /// To be called at each tick, after the settings were read.
  void tick();
  /// Requires a scan if deferred names may be tried again.
  void retry_deferred(Clock::time_point now);

  [[nodiscard]] bool empty() const { return candidates_.empty(); }
  /// Whether a scan would find no more, provided that events tell of all arrivals.
  [[nodiscard]] bool complete() const { return !scan_needed_ && !candidates_.truncated(); }
  /// Whether a file that was incomplete at the last look may be complete soon.
  [[nodiscard]] bool settling(Clock::time_point now) const { return now <= settling_until_; }
  /// How long until a deferred name may be tried again.
  [[nodiscard]] Duration until_retry(Clock::time_point now) const;

  /// The name to try next. None before the first scan, and when so many names were gone that a
  /// scan is cheaper than trying the rest.
  std::optional<Candidate> next();
  /// The name that next() gave was claimed by this consumer.
  void claimed(const std::string& file);
  /// It was gone.
  void lost(const std::string& file);
  /// Whether the last candidate that this consumer tried went to another one: it is not alone.
  [[nodiscard]] bool contended() const { return contended_; }
  /// It is not tried again for that long.
  void defer(const std::string& file, Duration span);
  /// It is not complete: it is tried again after the settle time.
  void defer_to_settle(const std::string& file);

 private:
  void offer(std::string_view file, unsigned char type, bool complete);

  ConsumerIdentity& identity_;
  OpenQueue& queue_;
  Candidates candidates_;
  std::set<std::string> arrived_;  ///< While a scan runs: Candidates::arrived() before it.
  bool scan_needed_ = true;
  bool scanned_ = false;        ///< Since the candidates were forgotten.
  std::size_t names_seen_ = 0;  ///< By the last scan.
  std::size_t races_lost_ = 0;  ///< Since the last scan.
  bool contended_ = true;
  std::unordered_set<std::string> claimed_;  ///< Claimed by this consumer since the last scan.
  Clock::time_point settling_until_{};
};

}  // namespace spoolq::detail
