// Seizing and removing second names.
#include "queue/lifecycle/other_names.hpp"

#include <fmt/core.h>

#include "queue/lifecycle/transitions.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/mover.hpp"

namespace spoolq::detail {

namespace {

/// One run of drop_other_names().
class Dropping {
 public:
  Dropping(OpenQueue& queue, const StoredMessage& kept, ino_t inode)
      : queue_{queue}, kept_{kept}, inode_{inode} {}

  bool run() {
    const bool is_held = run(SecondNames::Look::cached);
    // Where a name has moved on, only another look tells where to.
    return is_stale_ ? run(SecondNames::Look::fresh) : is_held;
  }

 private:
  bool run(SecondNames::Look look) {
    bool is_held = false;
    is_stale_ = false;
    for (const Location& place : queue_.second_names().names_of(queue_, inode_, look)) {
      if (place == kept_.at) continue;
      const auto other = queue_.store().find(place);
      if (!other || other->name.id != kept_.name.id) {
        // Another id is another message, even where somebody linked both names to one file. A
        // foreign file that is gone has no id.
        is_stale_ = is_stale_ || (!other && place.state() == State::ready);
        continue;
      }
      is_held = drop(*other) || is_held;
    }
    return is_held;
  }

  /// True when it is a claim that holds.
  bool drop(const StoredMessage& other) {
    if (other.at.state() == State::claimed && is_holding(other.name)) {
      if (queue_.store().is_at(other.at, inode_)) return true;
      is_stale_ = true;
      return false;
    }
    const auto seized = claim_for_move(queue_, other, queue_.mover()->next_claim());
    if (!seized) {
      is_stale_ = true;
      return false;
    }
    try {
      finish(other, *seized);
    } catch (const Error&) {
      // The reaper puts it back as soon as its owner is gone.
      queue_.drop_mover();
      throw;
    }
    return false;
  }

  void finish(const StoredMessage& other, const StoredMessage& seized) {
    // Another file may have had that name, or the kept name may have moved on, so that this is the
    // only one.
    if (!queue_.store().is_at(seized.at, inode_) || !queue_.store().is_at(kept_.at, inode_)) {
      put_back(queue_, seized, other.at);
      return;
    }
    static_cast<void>(queue_.store().remove(seized.at));
    queue_.log(LogLevel::notice, fmt::format("removed {}, a second name of {}",
                                             Store::shown(other.at), Store::shown(kept_.at)));
  }

  bool is_holding(const MessageName& claimed) {
    if (is_detached(claimed.claim)) {
      return !claimed.lease_until || *claimed.lease_until > queue_.now();
    }
    const std::string_view owner = claim_owner(claimed.claim);
    return owner == claim_owner(kept_.name.claim) || is_alive(queue_, owner);
  }

  OpenQueue& queue_;
  const StoredMessage& kept_;
  const ino_t inode_;
  bool is_stale_ = false;
};

}  // namespace

bool drop_other_names(OpenQueue& queue, const StoredMessage& kept, ino_t inode) {
  return Dropping{queue, kept, inode}.run();
}

bool drop_other_names(OpenQueue& queue, const StoredMessage& kept) {
  struct stat status = {};
  if (!queue.store().stat(kept.at, status).ok() || status.st_nlink < 2) return false;
  // A Maildir has no claims of ours, and no consumer to make them.
  if (queue.is_maildir()) return false;
  return drop_other_names(queue, kept, status.st_ino);
}

}  // namespace spoolq::detail
