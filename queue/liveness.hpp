// Who is alive: one locked file in consumers/ for each living consumer (docs/format.md,
// "Consumers"). The kernel drops the lock when the process ends, however it ends, before anybody
// can see it dead; so there is no clock in it and no process id that could be used again.
#pragma once

#include <string>
#include <string_view>

#include "queue/folders.hpp"
#include "queue/fork_guard.hpp"
#include "queue/open_queue.hpp"

namespace spoolq::detail {

/// This process's proof of life for one consumer, from construction to destruction.
class Registration {
 public:
  /// Takes a spare file, or makes one, locks it and gives it a fresh name. Throws the errno.
  explicit Registration(OpenQueue& queue);
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  /// Makes the file a spare again, or removes it. In a forked child nothing happens.
  ~Registration();

  /// The 16 hex digits that claims carry.
  [[nodiscard]] const std::string& consumer() const { return consumer_; }

  /// Another descriptor for the lock: it is held until this one and all of them are closed. The
  /// caller closes it. Throws the errno.
  [[nodiscard]] int duplicate() const;

 private:
  bool take_spare();
  void make_spare();
  void describe_process();

  OpenQueue& queue_;
  ProcessMark process_;
  LockFd lock_;
  std::string consumer_;
};

/// The name of this machine, empty when it has none.
std::string host_name();

/// Fills consumers/ up to the usual number of spares, files of that mode. A full disk may stop it;
/// that is no error.
void make_spares(Sys& sys, const Folders& folders, mode_t mode);

/// Whether the consumer of that name lives: its file exists and its lock is held. True also when it
/// cannot be found out: a claim is taken back only from the certainly dead.
bool is_alive(OpenQueue& queue, std::string_view consumer);

/// Visits the names of consumers/ that are consumers, dead or alive.
void scan_consumers(OpenQueue& queue, const std::function<void(std::string_view)>& visit);

/// Removes the file of a dead consumer whose claims have all been taken back.
void bury_consumer(OpenQueue& queue, std::string_view consumer);

}  // namespace spoolq::detail
