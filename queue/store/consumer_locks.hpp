// Who is alive: each living consumer has locked a file in consumers/ and a byte of that folder
// (docs/format.md, "Consumers"). The kernel drops the locks when the process ends, however it ends,
// before anybody can see it dead; so there is no clock in it and no process id that could be used
// again. The byte is for programs that remove old files: they cannot remove it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "queue/os/fork_guard.hpp"
#include "queue/store/folders.hpp"
#include "queue/store/open_queue.hpp"

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

  /// Other descriptors for the locks of the file and of the byte: each is held until this one and
  /// all of its kind are closed. The caller closes them. Throws the errno.
  [[nodiscard]] std::array<int, 2> duplicate() const;

 private:
  void lock_byte();
  bool take_spare();
  void make_spare();
  void describe_process();

  OpenQueue& queue_;
  ProcessMark process_;
  LockFd lock_;
  LockFd byte_lock_;  ///< On consumers/.
  std::string consumer_;
};

/// A consumer's name that was not used before, and what its proof of life is made from.
struct NewConsumer {
  std::string name;
  std::string spare;  ///< The name that its file has until it is locked.
  mode_t mode = 0;

  static NewConsumer prepare(mode_t mode);
  /// Locks its byte of the folder consumers/ and a file, and gives the file its name; the two
  /// descriptors, which are not closed in a forked child. On a full disk the byte alone has to do.
  /// Allocates nothing. Empty when neither could be had.
  std::optional<std::array<int, 2>> prove_life(Sys& sys, int consumers) const noexcept;
};

/// The name of this machine, empty when it has none.
std::string host_name();

/// Fills consumers/ up to the usual number of spares, files of that mode. A full disk may stop it;
/// that is no error.
void make_spares(Sys& sys, const Folders& folders, mode_t mode);

/// Whether the consumer of that name lives: its file or its byte is locked. True also when it
/// cannot be found out: a claim is taken back only from the certainly dead.
bool is_alive(OpenQueue& queue, std::string_view consumer);

/// Whether the consumer of that name has its file still. A dead consumer loses it to the reaper,
/// after its claims.
bool has_consumer_file(OpenQueue& queue, const std::string& consumer);

/// Sets the times of the consumer's file and, when spoolq.json has not been touched for an hour, of
/// all else in the queue that is there for long: programs that remove old files leave it alone
/// then. What was removed is not made again, and what may not be touched is left.
void keep_young(OpenQueue& queue, std::string_view consumer);

/// Visits the names of consumers/ that are consumers, dead or alive.
void scan_consumers(OpenQueue& queue, const std::function<void(std::string_view)>& visit);

/// Removes the file of a dead consumer whose claims have all been taken back.
void bury_consumer(OpenQueue& queue, std::string_view consumer);

}  // namespace spoolq::detail
