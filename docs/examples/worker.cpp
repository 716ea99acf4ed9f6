// Takes jobs from a queue and writes the result of each into a folder, under the id of the job.
//
//   worker QUEUE RESULTS
//
// Ends at SIGTERM or SIGINT, between two jobs. The work done here is counting words.
//
// A job is delivered at least once: whoever dies between the result and the ack leaves the job to
// the next one. The effect is exactly-once nevertheless, because the id stays the same: a result
// appears whole, under the id, and a job whose result is there needs only its ack.
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <spoolq/consumer.hpp>
#include <sstream>
#include <string>
#include <system_error>

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::atomic<spoolq::Consumer*> stoppable = nullptr;
extern "C" void on_signal(int) {
  if (spoolq::Consumer* consumer = stoppable) consumer->stop();
}

[[noreturn]] void fail(const char* operation) {
  throw std::system_error{errno, std::generic_category(), operation};
}

/// Syncs a file or folder. Without it a power cut could take the result after the job was
/// acknowledged.
void sync(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("open");
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  errno = error;
  if (result != 0) fail("fsync");
}

std::string count_words(const std::string& text) {
  std::istringstream words{text};
  std::size_t count = 0;
  for (std::string word; words >> word;) ++count;
  return std::to_string(count) + '\n';
}

void work(spoolq::Claim& job, const fs::path& results) {
  const fs::path result = results / job.id().to_string();
  if (!fs::exists(result)) {
    // Hidden until it is whole. Only one consumer has the job, so the name is ours; what a dead one
    // left there is overwritten.
    const fs::path draft = results / ("." + job.id().to_string());
    const std::string text = count_words(job.payload());
    const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) fail("open");
    const bool written = ::write(fd, text.data(), text.size()) == std::ssize(text);
    if (::close(fd) != 0 || !written) fail("write");
    sync(draft);
    fs::rename(draft, result);
  }
  sync(results);
  job.ack();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: worker QUEUE RESULTS\n";
    return EX_USAGE;
  }
  const fs::path results = argv[2];
  spoolq::Consumer jobs{spoolq::Queue::init(argv[1])};
  stoppable = &jobs;
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);

  while (std::optional<spoolq::Claim> job = jobs.take()) {
    try {
      work(*job, results);
    } catch (const std::system_error& error) {
      std::cerr << "worker: " << job->id().to_string() << ": " << error.what() << '\n';
      // Perhaps it works later: after the queue's max_attempts the job goes to failed/. A job that
      // is damaged, or was taken from us, is no longer held.
      if (job->held()) job->release(1s);
    }
  }
  stoppable = nullptr;
  return EX_OK;
} catch (const std::system_error& error) {
  std::cerr << "worker: " << error.what() << '\n';
  return EX_IOERR;
}
