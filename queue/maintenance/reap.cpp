// Dead consumers and leases that are over.
#include "queue/maintenance/reap.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "queue/maintenance/attempt.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/store/consumer_locks.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::detail {
namespace {

/// A claim is looked at this many times before its lease is over.
constexpr int kLooksPerLease = 3;

/// Remembers who was found alive or dead during one pass, so that each owner is asked about once.
class Owners {
 public:
  Owners(OpenQueue& queue, std::string_view self) : queue_{queue} {
    if (!self.empty()) alive_.emplace(self, true);
  }
  bool alive(std::string_view consumer) {
    const auto known = alive_.find(consumer);
    if (known != alive_.end()) return known->second;
    return alive_.emplace(consumer, is_alive(queue_, consumer)).first->second;
  }

 private:
  OpenQueue& queue_;
  std::map<std::string, bool, std::less<>> alive_;
};

/// Why a detached claim is over, or nothing. Notes the end of a lease that is still to come.
std::optional<std::string> end_of_detached(OpenQueue& queue, const MessageName& name,
                                           TakenBack& result) {
  // One without an end is not ours to judge.
  if (!name.lease_until) return std::nullopt;
  if (*name.lease_until <= queue.now()) return "its lease ended";
  auto& next = result.next_lease_end;
  next = std::min(next.value_or(*name.lease_until), *name.lease_until);
  return std::nullopt;
}

/// The same of a living consumer's claim. The setting is for handlers that hang: a claim for a move
/// ends with its owner, as long as that can be seen.
std::optional<std::string> end_of_lease(OpenQueue& queue, const std::string& file, bool is_move,
                                        Observations& observations, TakenBack& result) {
  const auto lease = queue.settings()->lease;
  if (!lease || (is_move && queue.locks_prove_death())) return std::nullopt;
  const Duration step_max = (*lease + Duration{kLooksPerLease - 1}) / kLooksPerLease;
  const Duration seen = observations.seen_for(file, queue.since_boot(), step_max);
  if (seen >= *lease) {
    return fmt::format("not finished or extended within the lease of {}", format_duration(*lease));
  }
  const Duration next_look = std::min(*lease - seen, step_max);
  auto& next = result.next_observed_end;
  next = std::min(next.value_or(next_look), next_look);
  return std::nullopt;
}

/// Removes files of the dead from consumers/. Their claims have been taken back before; one that
/// could not be is taken back all the same by whoever finds no file of that name.
void bury_the_dead(OpenQueue& queue, Owners& owners) {
  std::vector<std::string> dead;
  scan_consumers(queue, [&](std::string_view consumer) {
    if (!owners.alive(consumer)) dead.emplace_back(consumer);
  });
  for (const std::string& consumer : dead) bury_consumer(queue, consumer);
}

}  // namespace

Duration Observations::seen_for(const std::string& file, Duration now, Duration step_max) {
  Observed& observed = files_.try_emplace(file, Observed{.last = now}).first->second;
  observed.again = true;
  observed.credited += std::clamp(now - observed.last, Duration{0}, step_max);
  observed.last = now;
  return observed.credited;
}

void Observations::forget_unseen() {
  std::erase_if(files_, [](const auto& file) { return !file.second.again; });
  for (auto& [file, observed] : files_) observed.again = false;
}

TakenBack reap(OpenQueue& queue, std::string_view self, Observations* observations, Bury bury) {
  TakenBack result;
  Owners owners{queue, self};
  const auto end_of_claim = [&](const std::string& file,
                                const MessageName& name) -> std::optional<std::string> {
    if (is_detached(name.claim)) return end_of_detached(queue, name, result);
    if (!owners.alive(claim_owner(name.claim))) return "its consumer died";
    if (observations == nullptr) return std::nullopt;
    return end_of_lease(queue, file, !name.return_to.empty(), *observations, result);
  };
  std::vector<std::pair<StoredMessage, std::string>> over;
  queue.store().scan(State::claimed, [&](const StoredMessage& message) {
    if (auto why = end_of_claim(message.at.file(), message.name)) over.emplace_back(message, *why);
    return true;
  });
  if (observations != nullptr) observations->forget_unseen();
  bool elsewhere = false;
  for (const auto& [message, why] : over) {
    attempt(queue, message.at.file(), [&] {
      // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): does not see captured bindings.
      const auto target = take_back(queue, message, why);
      if (!target) return;
      const bool is_move = !message.name.return_to.empty();
      ++(*target == State::failed && !is_move ? result.failed : result.returned);
      if (*target == State::delayed || *target == State::done) elsewhere = true;
      queue.log(LogLevel::notice, fmt::format("{} taken back: {}", message.name.id, why));
    });
  }
  // Before the syncs, which take long: other consumers look for that file first.
  if (bury == Bury::yes) bury_the_dead(queue, owners);
  if (elsewhere) {
    queue.store().sync({State::delayed, State::done, State::ready, State::failed, State::claimed});
  } else if (result.returned > 0 || result.failed > 0) {
    queue.store().sync({State::ready, State::failed, State::claimed});
  }
  return result;
}

}  // namespace spoolq::detail
