// The baton between the two threads, and the points at which it may change hands.
#include "tests/support/schedule.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

namespace spoolq::test {
namespace {

/// An actor that has not given the baton back by then waits for something else than the scheduler.
constexpr std::chrono::seconds kRunMax{60};

char name_of(std::size_t actor) { return static_cast<char>('A' + actor); }

bool opens(Call call) { return call == Call::openat || call == Call::openat2; }

/// Where the library may hold its mutex for lock files.
bool is_guarded(const CallInfo& info) {
  return info.call == Call::openat || info.call == Call::close;
}

bool writes(const CallInfo& info) {
  return info.call == Call::openat && (info.flags & static_cast<std::uint64_t>(O_ACCMODE)) != 0;
}

}  // namespace

std::string to_string(const Schedule& schedule) {
  std::string text;
  for (const Turn& turn : schedule.turns) {
    text += turn.dies ? fmt::format("{} dies, ", name_of(turn.actor))
                      : fmt::format("{} to {}, ", name_of(turn.actor), turn.until);
  }
  return text + "then " + name_of(schedule.last);
}

bool ScheduledSys::is_shared(const CallInfo& info) const {
  switch (info.call) {
    case Call::clock_gettime:
    case Call::mount_id:
    case Call::file_system:
    case Call::fsync:
    case Call::syncfs:
    case Call::fchmod:
    case Call::fallocate:
    case Call::fsetxattr:
    case Call::fgetxattr:
    case Call::flistxattr:
    case Call::fremovexattr:
      return false;
    case Call::close:
      return notable_.contains(info.fd);
    default:
      return true;
  }
}

void ScheduledSys::offer_point() {
  if (point_offered_ || dead_ || !scheduler_.running_) return;
  point_offered_ = true;
  scheduler_.reach_point(actor_);
}

std::optional<SysResult> ScheduledSys::before(const CallInfo& info) {
  if (info.call == Call::clock_gettime) return std::nullopt;
  if (is_shared(info) && !is_guarded(info)) offer_point();
  // The actor may have died at that point.
  if (dead_) return SysResult::failure(EIO);
  return std::nullopt;
}

SysResult ScheduledSys::after(const CallInfo& info, SysResult result) {
  const bool shared = is_shared(info);
  if (result.ok()) {
    if (opens(info.call)) {
      open_.insert(result.fd());
      if (writes(info)) notable_.insert(result.fd());
    }
    if (info.call == Call::close) open_.erase(info.fd);
    if (info.call == Call::set_lease || info.call == Call::lock_byte) {
      notable_.insert(info.fd);
      if (info.flags == static_cast<std::uint64_t>(F_UNLCK)) scheduler_.let_go(actor_);
    }
    if (writes(info)) wait_for_lease(result.fd());
  }
  if (info.call == Call::close && notable_.erase(info.fd) != 0) scheduler_.let_go(actor_);
  if (!shared) return result;
  point_offered_ = false;
  if (!is_guarded(info)) offer_point();
  return result;
}

/// Who opens a file to write to it waits for the leases of others to end.
void ScheduledSys::wait_for_lease(int fd) {
  while (!dead_ && disk_.lease_is_in_the_way(fd)) {
    if (!wait_for_other()) return;
  }
}

SysResult ScheduledSys::flock(int fd, int operation) {
  offer_point();
  for (;;) {
    if (dead_) return SysResult::failure(EIO);
    const SysResult result = disk_.flock(fd, operation | LOCK_NB);
    const bool waits = result.error() == EWOULDBLOCK && (operation & LOCK_NB) == 0;
    if (waits && wait_for_other()) continue;
    if (waits) return SysResult::failure(EDEADLK);
    if (result.ok()) notable_.insert(fd);
    if (result.ok() && (operation & LOCK_UN) != 0) scheduler_.let_go(actor_);
    point_offered_ = false;
    offer_point();
    return result;
  }
}

SysResult ScheduledSys::lock_within(int fd, std::chrono::milliseconds /*limit*/) {
  return flock(fd, LOCK_EX);
}

void ScheduledSys::step(const std::function<void(SimulatedSys&)>& act) {
  offer_point();
  if (dead_) return;
  act(disk_);
  point_offered_ = false;
}

void ScheduledSys::own(int fd) {
  open_.insert(fd);
  notable_.insert(fd);
}

bool ScheduledSys::wait_for_other() { return scheduler_.wait_for_other(actor_); }

void ScheduledSys::die() {
  if (dead_) return;
  dead_ = true;
  for (const int fd : open_) static_cast<void>(disk_.close(fd));
  open_.clear();
  notable_.clear();
  scheduler_.let_go(actor_);
}

Scheduler::Scheduler(SimulatedSys& disk, Schedule schedule)
    : schedule_{std::move(schedule)},
      sys_{ScheduledSys{*this, disk, 0}, ScheduledSys{*this, disk, 1}},
      current_{schedule_.turns.empty() ? schedule_.last : schedule_.turns.front().actor} {}

const Turn* Scheduler::turn_of(std::size_t actor) const {
  if (turns_ended_ == schedule_.turns.size()) return nullptr;
  const Turn& turn = schedule_.turns[turns_ended_];
  return turn.actor == actor ? &turn : nullptr;
}

/// Gives the other actor the turn, unless it has ended, and returns when this one has it again.
void Scheduler::hand_over(std::unique_lock<std::mutex>& lock, std::size_t from) {
  const std::size_t other = 1 - from;
  if (ended_[other]) return;
  current_ = other;
  changed_.notify_all();
  if (!ended_[from]) changed_.wait(lock, [&] { return current_ == from; });
}

void Scheduler::reach_point(std::size_t actor) {
  if (!running_) return;
  std::unique_lock lock{mutex_};
  const std::size_t point = points_[actor]++;
  while (const Turn* const turn = turn_of(actor)) {
    if (!turn->dies && point < turn->until) return;
    const bool dies = turn->dies;
    ++turns_ended_;
    if (dies) {
      if (notice_) notice_(actor);
      lock.unlock();
      sys_[actor].die();
      return;
    }
    if (turn_of(actor) != nullptr) continue;
    const bool stays = turns_ended_ == schedule_.turns.size() && schedule_.last == actor;
    if (stays || ended_[1 - actor]) return;
    ++switches_;
    hand_over(lock, actor);
  }
}

bool Scheduler::wait_for_other(std::size_t actor) {
  std::unique_lock lock{mutex_};
  if (!running_ || ended_[1 - actor] || waiting_[1 - actor]) {
    deadlocked_ = running_;
    return false;
  }
  waiting_[actor] = true;
  hand_over(lock, actor);
  waiting_[actor] = false;
  return true;
}

/// Whatever the other actor waits for may be free now.
void Scheduler::let_go(std::size_t actor) {
  const std::lock_guard lock{mutex_};
  waiting_[1 - actor] = false;
}

void Scheduler::act(std::size_t actor, const std::function<void()>& body) {
  {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return current_ == actor; });
  }
  try {
    sys_[actor].offer_point();
    body();
  } catch (...) {
    errors_[actor] = std::current_exception();
  }
  end(actor);
}

void Scheduler::end(std::size_t actor) {
  std::unique_lock lock{mutex_};
  ended_[actor] = true;
  waiting_[1 - actor] = false;
  hand_over(lock, actor);
  changed_.notify_all();
}

void Scheduler::run(const std::array<std::function<void()>, kActors>& actors) {
  running_ = true;
  std::thread first{[&] { act(0, actors[0]); }};
  std::thread second{[&] { act(1, actors[1]); }};
  {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, kRunMax, [&] { return ended_[0] && ended_[1]; })) {
      std::fprintf(stderr, "Scheduler: an actor waits outside the seam: %s\n",
                   to_string(schedule_).c_str());
      std::abort();
    }
  }
  first.join();
  second.join();
  running_ = false;
  for (const std::exception_ptr& error : errors_) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace spoolq::test
