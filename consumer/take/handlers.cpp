// Threads that deal with messages.
#include "consumer/take/handlers.hpp"

#include <algorithm>
#include <csignal>

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

/// While it lives, threads that are made block all signals: those are for the program's own.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Handlers::Handlers(OpenQueue& queue, std::function<void(Claim&)> handler, const RunOptions& options,
                   std::stop_token hard_stop, std::function<void()> on_end)
    : queue_{queue},
      handler_{std::move(handler)},
      ack_{options.ack},
      hard_stop_{std::move(hard_stop)},
      on_end_{std::move(on_end)} {
  const BlockedSignals blocked;
  const unsigned count = std::max(options.concurrency, 1U);
  threads_.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    threads_.emplace_back([this](const std::stop_token& end) { serve(end); });
  }
}

void Handlers::hand(Claim claim) {
  {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(claim));
    ++unfinished_;
  }
  changed_.notify_one();
}

std::size_t Handlers::unfinished() const {
  const std::lock_guard lock{mutex_};
  return unfinished_;
}

std::exception_ptr Handlers::error() const {
  const std::lock_guard lock{mutex_};
  return error_;
}

void Handlers::give_back_waiting() {
  std::list<Claim> waiting;
  {
    const std::lock_guard lock{mutex_};
    waiting.swap(waiting_);
    unfinished_ -= waiting.size();
  }
  for (Claim& claim : waiting) settle([&claim] { claim.undo(); });
}

void Handlers::serve(const std::stop_token& end) {
  for (;;) {
    std::optional<Claim> claim;
    {
      std::unique_lock lock{mutex_};
      if (!changed_.wait(lock, end, [this] { return !waiting_.empty(); })) return;
      claim.emplace(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (has_expired(*claim)) {
      // The next consumer that looks for a message moves it to failed/.
      settle([&claim] { claim->undo(); });
    } else {
      deal_with(*claim);
    }
    // What could not be finished is given back, or kept for later, before it counts as dealt with.
    claim.reset();
    {
      const std::lock_guard lock{mutex_};
      --unfinished_;
    }
    on_end_();
  }
}

/// Its turn may have come late.
bool Handlers::has_expired(const Claim& claim) const {
  const auto& expires = claim.info().expires;
  return expires && *expires <= queue_.now();
}

void Handlers::deal_with(Claim& claim) {
  try {
    handler_(claim);
  } catch (const std::exception& error) {
    return finish_after(claim, error.what());
  } catch (...) {
    return finish_after(claim, "the handler threw something that is not a std::exception");
  }
  if (claim.held()) settle([&] { claim.ack(ack_); });
}

void Handlers::finish_after(Claim& claim, const std::string& what) {
  if (!claim.held()) {
    // It was finished before the handler threw, or the claim was lost: only the log tells.
    return queue_.log(LogLevel::notice, escaped(what));
  }
  settle([&] {
    if (hard_stop_.stop_requested()) return claim.undo();
    Reason reason;
    reason.text = what;
    claim.retry_later(reason);
  });
}

void Handlers::settle(const std::function<void()>& end) {
  try {
    end();
  } catch (const Error& error) {
    if (error.code() != errc::claim_lost) return note_error();
    queue_.log(LogLevel::notice, escaped(error.what()));
  } catch (...) {
    note_error();
  }
}

void Handlers::note_error() {
  const std::lock_guard lock{mutex_};
  if (!error_) error_ = std::current_exception();
}

}  // namespace spoolq::detail
