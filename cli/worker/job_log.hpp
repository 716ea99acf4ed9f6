// `--joblog FILE`: a line for each job that has ended, in the columns of GNU parallel.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "cli/files/file.hpp"
#include "cli/worker/job.hpp"
#include "spoolq/message.hpp"

namespace spoolq::cli {

/// Any thread. Several workers may write to one file.
class JobLog {
 public:
  /// Opens the file, and writes the headings when it is empty. Throws Failure.
  explicit JobLog(const std::string& path);

  /// Adds a line. False with errno when that failed.
  bool add(Time started, const JobEnd& end, std::uint64_t sent, std::uint64_t received,
           const std::vector<std::string>& command);

 private:
  File file_;
  std::mutex mutex_;
  unsigned long jobs_ = 0;
  bool torn_ = false;  ///< The last line was not written as a whole.
};

}  // namespace spoolq::cli
