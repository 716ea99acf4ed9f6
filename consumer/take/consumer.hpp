// The inside of a Consumer: finding messages, claiming them, waiting, and upkeep on the way.
//
// consumer.cpp looks and waits, claiming.cpp makes a claim of a name, run.cpp has the handlers.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_set>

#include "consumer/take/candidates.hpp"
#include "consumer/take/claim.hpp"
#include "consumer/take/handlers.hpp"
#include "consumer/wait/arrivals.hpp"
#include "consumer/wait/leader_election.hpp"
#include "consumer/wait/poll_fd.hpp"
#include "consumer/wait/watcher.hpp"
#include "queue/maintenance/reap.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq {

class [[gnu::visibility("hidden")]] Consumer::Impl {
 public:
  explicit Impl(Queue queue);

  std::optional<Claim> try_take();
  std::optional<Claim> take(std::optional<Duration> timeout);
  void run(const std::function<void(Claim&)>& handler, const RunOptions& options);
  void stop(Stop how) noexcept {
    watcher_.stop(how == Stop::hard ? detail::StopRequest::hard : detail::StopRequest::drain);
  }
  void wake() noexcept { watcher_.wake(); }
  [[nodiscard]] std::stop_token stop_token() const { return hard_stop_.get_token(); }
  int fd();
  [[nodiscard]] const Queue& queue() const { return queue_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kWindowCapacity = 1024;

  static Queue require_takeable(Queue queue);
  detail::OpenQueue& open() { return *queue_.internals(); }
  std::optional<Claim> take_now();
  /// Sleeps until there may be something to take, something is due, or `limit` is over.
  void rest(Duration limit);
  /// The same without relying on another consumer.
  void rest_alone(Duration limit);
  /// The same while another consumer watches.
  void follow(Duration limit);
  /// Until the leader hands on to us, or there is something that it does not do for us. True when
  /// everything is to be looked at then.
  bool sleep_beside_leader(Duration limit);
  [[nodiscard]] bool anything_ready();
  /// Begins to watch, once.
  void watch();
  void look_at_events();
  void keep_up();
  void give_back_abandoned();
  void scan();
  void offer(std::string_view file, unsigned char type, bool complete);
  std::optional<Claim> claim_next();
  std::optional<Claim> attempt(detail::Candidate candidate);
  std::optional<Claim> accept(const detail::Candidate& candidate, detail::StoredMessage message);
  void expire(const detail::Candidate& candidate);
  [[nodiscard]] bool is_complete(const detail::Candidate& candidate);
  [[nodiscard]] bool was_seen_to_arrive(const std::string& file);
  void tell_arrivals() noexcept;
  bool may_still_grow(const detail::StoredMessage& message, const struct stat& status);
  void put_back_to_settle(const detail::Candidate& candidate, const detail::StoredMessage& message,
                          const std::string& why);
  void put_back(const detail::Candidate& candidate, const detail::StoredMessage& message,
                Duration retry, const std::string& why);
  [[nodiscard]] Duration until_next_look(Clock::time_point now);
  /// When a file that is not complete is looked at again.
  [[nodiscard]] Duration unsettled_retry();

  class Run;

  Queue queue_;
  std::shared_ptr<detail::ConsumerIdentity> identity_;
  detail::ProcessMark process_;
  detail::Watcher watcher_;
  detail::Arrivals arrivals_;
  detail::LeaderElection leader_election_;
  std::stop_source hard_stop_;
  std::optional<detail::PollFd> poll_fd_;  ///< Once fd() was called.
  detail::Candidates candidates_{kWindowCapacity};
  bool paused_ = false;
  bool scan_needed_ = true;
  bool window_filled_ = false;             ///< By a scan, since it was cleared.
  std::size_t names_seen_ = 0;             ///< By the last scan.
  std::size_t races_lost_ = 0;             ///< Since then.
  std::unordered_set<std::string> taken_;  ///< Names that we claimed since then.
  bool reap_needed_ = true;
  bool bury_needed_ = true;  ///< A consumer may have died since the last time.
  /// Until then a file that was not complete at the last look may be so.
  Clock::time_point settling_until_{};
  Clock::time_point next_tick_{};
  Clock::time_point last_tick_{};
  Clock::time_point next_cleaning_{};
  Clock::time_point next_touch_{};
  std::optional<Time> next_due_;
  std::optional<Time> next_lease_end_;
  detail::Observations observations_;
  std::optional<Clock::time_point> next_observed_end_;
  Duration due_jitter_;
};

}  // namespace spoolq
