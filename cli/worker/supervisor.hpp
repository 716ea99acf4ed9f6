// The process between the worker and a job: nothing of a job outlives the job, or the worker.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>

#include "cli/files/file.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq::cli {

/// What a job is made of. All of it was prepared before: behind the fork nothing is allocated.
struct Launch {
  const char* const* paths = nullptr;  ///< The program, where it may be; NULL ends the list.
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  int input = -1;  ///< The job's descriptors 0 to 2.
  int output = -1;
  int error = -1;
  /// As long as the supervisor has it, no other consumer gets the message, so none does before all
  /// of the job is gone. Only the supervisor's copy of it is changed.
  ClaimHolder* holder = nullptr;
  const struct rlimit* descriptors = nullptr;  ///< The job's RLIMIT_NOFILE; NULL: ours.
};

/// A message from the supervisor.
struct Report {
  enum class Kind : int {
    started,         ///< `value` is the job's process.
    not_executable,  ///< `value` is the errno of the exec; `ended` follows.
    no_process,      ///< There was no room for it; `value` is the errno. The last report.
    no_proc,         ///< /proc cannot be read: what left the job's group is waited for, unkilled.
    waits,           ///< For `value`, a process that does not end; 0: for one that is not known.
    ended,           ///< `value` is the wait status, and nothing of the job is left. The last one.
  };
  Kind kind = Kind::ended;
  int value = 0;
};

/// A supervising process and the job in its care. One thread at a time.
class Supervisor {
 public:
  /// Starts both. Any thread. Throws std::system_error when there is no room for a process or its
  /// descriptors.
  explicit Supervisor(const Launch& launch);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  /// Kills what still runs, and waits for its end.
  ~Supervisor();

  /// Readable when report() has something.
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  /// The next report; empty: the supervisor is gone. Blocks until there is one.
  std::optional<Report> report();

  /// Lets it go on if it was stopped.
  void wake() const;
  /// SIGTERM to the job's process group.
  void terminate() const;
  /// SIGKILL to all that belongs to the job.
  void kill() const;

 private:
  File socket_;
  pid_t process_ = -1;
  pid_t job_ = -1;  ///< Once it is known.
};

}  // namespace spoolq::cli
