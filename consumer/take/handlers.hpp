// The handlers of Consumer::run(): threads that deal with claimed messages and finish them.
#pragma once

#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <thread>

#include "queue/store/open_queue.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq::detail {

/// Threads with one handler each. hand(), take_back() and error() are for the thread that made
/// them.
class Handlers {
 public:
  /// `on_end` is called by a handler's thread whenever a message is finished. `hard_stop` tells
  /// that a handler that throws has been interrupted. Throws std::system_error when a thread cannot
  /// be made.
  Handlers(OpenQueue& queue, std::function<void(Claim&)> handler, const RunOptions& options,
           std::stop_token hard_stop, std::function<void()> on_end);
  Handlers(const Handlers&) = delete;
  Handlers& operator=(const Handlers&) = delete;
  /// Waits for the handlers that run.
  ~Handlers() = default;

  /// One more message to deal with.
  void hand(Claim claim);
  /// Messages that were handed and are not finished.
  [[nodiscard]] std::size_t unfinished() const;
  /// Gives back, uncounted, those whose turn has not come.
  void give_back_waiting();
  /// What finishing a message threw first, if anything: the disk fails.
  [[nodiscard]] std::exception_ptr error() const;

 private:
  void serve(const std::stop_token& end);
  [[nodiscard]] bool has_expired(const Claim& claim) const;
  void deal_with(Claim& claim);
  void finish_after(Claim& claim, const std::string& what);
  /// Runs what ends a claim. A lost claim is logged. Any other error means that the disk failed.
  void settle(const std::function<void()>& end);
  void note_error();

  OpenQueue& queue_;
  std::function<void(Claim&)> handler_;
  Sync ack_;
  std::stop_token hard_stop_;
  std::function<void()> on_end_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Claim> waiting_;
  std::size_t unfinished_ = 0;
  std::exception_ptr error_;
  std::vector<std::jthread> threads_;  // Last: they end before what they use.
};

}  // namespace spoolq::detail
