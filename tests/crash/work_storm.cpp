// Workers (`spoolq work`) are killed and stopped at random instants while their jobs succeed, fail,
// crash and leave children behind; in the end every message and every start of a job is accounted
// for.
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <vector>

#include "spoolq/consumer.hpp"
#include "spoolq/producer.hpp"
#include "spoolq/queue.hpp"
#include "tests/crash/program.hpp"
#include "tests/crash/work_job.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kHelp = R"(Usage: work_storm [OPTION]...
Kills and stops workers at random instants and accounts for every message and every start of a job.

  --seconds=N      how long the storm lasts (5)
  --workers=N      (3), each with two jobs at a time
  --seed=N         of the random choices (random)
  --naive          workers that run their jobs without supervision: the control
  --expect-caught  succeed when a promise is found broken, and only then
Exit: 0 all promises were kept, 1 one was not, 2 usage.
)";

constexpr unsigned kAttemptsMax = 4;
constexpr unsigned kJobsEach = 2;
constexpr double kPauseMax = 60;
constexpr std::size_t kBacklogMax = 60;
constexpr std::uint64_t kEmptyMax = 60'000;
constexpr std::uint64_t kEndMax = 20'000;

/// A worker that knows nothing of supervision: what one writes in ten minutes.
int naive_work(const std::string& path, const std::vector<std::string>& command) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  Consumer consumer{path};
  while (auto claim = consumer.take()) {
    ::setenv("SPOOLQ_ID", claim->id().to_string().c_str(), 1);
    ::setenv("SPOOLQ_ATTEMPT", fmt::format("{}", claim->info().attempts).c_str(), 1);
    const int input = ::open(claim->path().c_str(), O_RDONLY | O_CLOEXEC);
    const pid_t job = ::fork();
    if (job == 0) {
      ::dup2(input, STDIN_FILENO);
      ::execv(words[0], words.data());
      ::_exit(127);
    }
    ::close(input);
    int status = 0;
    ::waitpid(job, &status, 0);
    if (status == 0) {
      claim->ack(Sync::none);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 65) {
      claim->fail({.text = "rejected", .exit_code = 65});
    } else {
      claim->retry_later({.text = "failed", .exit_code = 3});
    }
  }
  return 0;
}

/// Ends whatever still descends from this process, which is a subreaper.
void end_descendants() {
  const std::string list = fmt::format("/proc/self/task/{}/children", ::gettid());
  do {
    std::ifstream children{list};
    for (pid_t child = 0; children >> child;) ::kill(child, SIGKILL);
  } while (::waitpid(-1, nullptr, 0) > 0);
}

/// What the storm keeps in mind.
class Storm {
 public:
  Storm(std::uint64_t seed, bool naive)
      : random_{seed}, naive_{naive}, book_{scratch_ / "jobs"}, path_{scratch_ / "queue"} {
    book_.make();
  }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;
  ~Storm() {
    for (const pid_t worker : workers_) ::kill(worker, SIGKILL);
    end_descendants();
  }

  void start(std::uint64_t workers) {
    for (std::uint64_t i = 0; i < workers; ++i) workers_.push_back(spawn());
  }

  void rage(std::uint64_t seconds) {
    const auto end = Clock::now() + std::chrono::seconds{seconds};
    Producer producer{path_};
    while (Clock::now() < end) {
      put_some(producer);
      let_run(std::uniform_real_distribution<double>{0, kPauseMax}(random_));
      replace(pick(random_, 0, workers_.size() - 1));
    }
  }

  /// Lets the workers finish everything, and end. Also retries what has failed.
  void calm_down() {
    empty("after the storm");
    const auto failed = queue_.list(State::failed);
    for (const MessageInfo& message : failed) {
      queue_.retry(message, Sync::none);
    }
    retried_ = failed.size();
    empty("after a retry of what had failed");
    for (const pid_t worker : workers_) ::kill(worker, SIGTERM);
    for (const pid_t worker : workers_) {
      const int code = wait_for(worker);
      if (!naive_ && code != 0) find("a worker ended with {} at TERM", code);
    }
    workers_.clear();
    // A naive worker ends by the signal, and leaves what it has.
    if (naive_) queue_.reap();
  }

  void judge() {
    for (const std::string& id : book_.survivors()) find("{}: a job or its child lives on", id);
    auto histories = book_.read();
    std::map<std::string, MessageDetails> failed;
    for (const MessageInfo& message : queue_.list(State::failed)) {
      failed[message.id.to_string()] = queue_.details(message);
    }
    for (const auto& [id, kind] : put_) {
      const auto dead = failed.find(id);
      judge_one(id, kind, histories[id], dead == failed.end() ? nullptr : &dead->second);
      starts_ += histories[id].starts.size();
    }
    if (starts_ > put_.size() * kAttemptsMax * 2 + hard_stops_ * kJobsEach) {
      find("{} starts are more than the attempts allow", starts_);
    }
    if (successes_again_ > (kills_ + hard_stops_) * kJobsEach) {
      find("{} messages succeeded again after success, and there were only {} kills",
           successes_again_, kills_);
    }
    failed_ = failed.size();
  }

  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }
  [[nodiscard]] std::string counts() const {
    return fmt::format(
        "{} messages, {} kills, {} hard stops, {} drains, {} job starts, {} failed ({} were "
        "retried)",
        put_.size(), kills_, hard_stops_, drains_, starts_, failed_, retried_);
  }

 private:
  template <typename... Values>
  void find(fmt::format_string<Values...> format, Values&&... values) {
    findings_.push_back(fmt::format(format, std::forward<Values>(values)...));
  }

  pid_t spawn() {
    const std::string program = fs::read_symlink("/proc/self/exe");
    const std::vector<std::string> job{program, "--job=" + (scratch_ / "jobs")};
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, fd);
    if (naive_) {
      ::signal(SIGTERM, SIG_DFL);
      try {
        ::_exit(naive_work(path_, job));
      } catch (const Error&) {
        ::_exit(1);
      }
    }
    const std::string spoolq = program_path();
    const std::string width = fmt::format("-j{}", kJobsEach);
    ::execl(spoolq.c_str(), spoolq.c_str(), "work", path_.c_str(), width.c_str(), "--quiet", "--",
            job[0].c_str(), job[1].c_str(), nullptr);
    ::_exit(127);
  }

  void put_some(Producer& producer) {
    while (queue_.stats().ready < kBacklogMax) {
      const auto kind = static_cast<JobKind>(pick(random_, 0, kJobKinds - 1));
      PutOptions options;
      options.sync = Sync::none;
      if (pick(random_, 0, 9) == 0) options.delay = Duration{pick(random_, 1, 50)};
      put_.emplace(producer.put(to_string(kind), options).to_string(), kind);
    }
  }

  /// Ends a worker in one of three ways and starts another.
  void replace(std::size_t index) {
    const pid_t worker = workers_[index];
    const std::uint64_t way = pick(random_, 0, 9);
    if (way < 6 || naive_) {
      ::kill(worker, SIGKILL);
      ++kills_;
    } else if (way < 8) {
      ::kill(worker, SIGTERM);
      ::usleep(static_cast<useconds_t>(pick(random_, 0, 3000)));
      ::kill(worker, SIGTERM);
      ++hard_stops_;
    } else {
      ::kill(worker, SIGTERM);
      ++drains_;
    }
    const int code = wait_for(worker);
    const bool right =
        way < 6 || naive_ ? code == 128 + SIGKILL : code == 0 || code == 128 + SIGTERM;
    if (!right) find("a worker ended with {}", code);
    workers_[index] = spawn();
  }

  int wait_for(pid_t worker) {
    int status = 0;
    const bool ended =
        wait_until(kEndMax, [&] { return ::waitpid(worker, &status, WNOHANG) == worker; });
    if (!ended) {
      find("a worker did not end within {} s", kEndMax / 1000);
      ::kill(worker, SIGKILL);
      ::waitpid(worker, &status, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  void empty(const char* when) {
    const bool emptied = wait_until(kEmptyMax, [this] {
      const Stats stats = queue_.stats();
      return stats.ready + stats.claimed + stats.delayed == 0;
    });
    if (!emptied) find("{} the queue does not become empty", when);
  }

  void judge_one(const std::string& id, JobKind kind, const JobHistory& history,
                 const MessageDetails* failed) {
    const char* const name = to_string(kind);
    if (history.overlaps > 0) find("{} ({}): two of its runs overlapped", id, name);
    for (const unsigned attempt : history.starts) {
      if (attempt < 1 || attempt > kAttemptsMax) find("{} ({}): attempt {}", id, name, attempt);
    }
    if (history.successes > 1) successes_again_ += history.successes - 1;
    const bool never_succeeds = kind == JobKind::fail_always || kind == JobKind::reject;
    if (failed == nullptr) {
      if (history.successes == 0) find("{} ({}): it is gone and no job of it succeeded", id, name);
      if (never_succeeds) find("{} ({}): it is gone", id, name);
      return;
    }
    const Reason reason = failed->reason.value_or(Reason{});
    if (kind == JobKind::reject && reason.exit_code == 65) return;
    // Whatever else it is to do: it may have been killed each time.
    if (failed->info.attempts != kAttemptsMax) {
      find("{} ({}): failed after {} attempts: {}", id, name, failed->info.attempts, reason.text);
    }
  }

  std::mt19937_64 random_;
  bool naive_;
  Scratch scratch_;
  JobBook book_;
  std::string path_;
  Queue queue_{Queue::init(path_, {{"max_attempts", fmt::format("{}", kAttemptsMax)},
                                   {"backoff", "5ms..40ms"},
                                   {"min_free", "0"}})};
  std::vector<pid_t> workers_;
  std::map<std::string, JobKind> put_;
  std::vector<std::string> findings_;
  std::uint64_t kills_ = 0, hard_stops_ = 0, drains_ = 0;
  std::uint64_t starts_ = 0, successes_again_ = 0, failed_ = 0, retried_ = 0;
};

int work_storm(Options& options) {
  const std::string job = options.text("--job", "");
  if (!job.empty()) {
    options.finish();
    return JobBook{job}.run_job();
  }
  const std::uint64_t seconds = options.number("--seconds", 5);
  const std::uint64_t workers = options.number("--workers", 3);
  const std::uint64_t seed = options.number("--seed", random_seed());
  const bool naive = options.flag("--naive");
  const bool expect_caught = options.flag("--expect-caught");
  options.finish();
  if (workers == 0) throw Usage{"a storm needs workers"};

  // What workers and jobs leave behind becomes ours.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) throw std::runtime_error{"cannot be a subreaper"};
  Storm storm{seed, naive};
  storm.start(workers);
  storm.rage(seconds);
  storm.calm_down();
  storm.judge();
  const bool held = storm.findings().empty();
  fmt::print("work_storm: seed {}, {}: {}\n", seed, storm.counts(),
             held ? "all promises were kept" : "BROKEN");
  for (std::size_t i = 0; i < storm.findings().size() && i < 20; ++i) {
    fmt::print("  {}\n", storm.findings()[i]);
  }
  return held != expect_caught ? kHeld : kBroken;
}

}  // namespace
}  // namespace spoolq::test

int main(int argc, char** argv) {
  return spoolq::test::run_program(argc, argv, spoolq::test::kHelp, spoolq::test::work_storm);
}
