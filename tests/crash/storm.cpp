// Producers and consumers are killed at random instants, others take their places, and in the end
// every message is accounted for.
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <random>

#include "queue/os/sys.hpp"
#include "spoolq/queue.hpp"
#include "tests/crash/crew.hpp"
#include "tests/crash/judge.hpp"
#include "tests/crash/program.hpp"
#include "tests/crash/worker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp = R"(Usage: storm [OPTION]...
Kills producers and consumers at random instants and accounts for every message.

  --seconds=N     how long the storm lasts (5)
  --kills=N       end it after so many kills (0: only by time)
  --producers=N   (3)
  --consumers=N   (4)
  --priority=N    percentage of puts with a random priority: 0 or 100 (100)
  --delay=N       percentage of puts with a delay (10)
  --seed=N        of the random choices (random)
  --dir=PATH      make the queue below it ($TMPDIR or /tmp)
  --keep          do not remove the queue
Exit: 0 all promises were kept, 1 one was not, 2 usage, 77 cannot run here.
)";

constexpr double kPauseMax = 20;
constexpr std::int64_t kBacklogMax = 500;
constexpr std::uint64_t kEmptyMax = 60'000;
constexpr double kSecondStormMs = 300;

/// A directory of our own, removed at the end.
class Scratch {
 public:
  Scratch(const std::string& parent, bool keep) : keep_{keep} {
    std::string name = parent + "/spoolq-storm-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"cannot make " + name};
    path_ = fs::canonical(name);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (keep_) {
      fmt::print("kept: {}\n", path_.string());
    } else {
      fs::remove_all(path_, ignored);
    }
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  const bool keep_;
  fs::path path_;
};

/// Whether reasons can be kept with a message there.
bool takes_attributes(const fs::path& directory) {
  const fs::path probe = directory / "probe";
  const int fd = ::open(probe.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  const bool taken = fd >= 0 && ::fsetxattr(fd, "user.spoolq.probe", "x", 1, 0) == 0;
  if (fd >= 0) ::close(fd);
  fs::remove(probe);
  return taken;
}

bool is_empty(const std::string& queue) {
  for (const char* const folder : {"new", "cur", "later"}) {
    if (!fs::is_empty(fs::path{queue} / folder)) return false;
  }
  return true;
}

/// Kills and starts again until the time, or the number of kills, is over. Gives the kills.
std::uint64_t rage(Crew& crew, std::mt19937_64& random, std::uint64_t seconds,
                   std::uint64_t kills_max) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{seconds};
  std::uint64_t kills = 0;
  while (std::chrono::steady_clock::now() < end && (kills_max == 0 || kills < kills_max)) {
    let_run(std::uniform_real_distribution<double>{0, kPauseMax}(random));
    crew.replace(pick(random, 0, crew.size() - 1));
    ++kills;
  }
  return kills;
}

int storm(Options& options) {
  const std::uint64_t seconds = options.number("--seconds", 5);
  const std::uint64_t kills_max = options.number("--kills", 0);
  const std::uint64_t producers = options.number("--producers", 3);
  const std::uint64_t consumers = options.number("--consumers", 4);
  const std::uint64_t seed = options.number("--seed", random_seed());
  const char* const variable = ::getenv("TMPDIR");
  const std::string parent = options.text("--dir", variable == nullptr ? "/tmp" : variable);
  Plan plan;
  plan.seed = seed;
  plan.sys = &detail::real_sys();
  plan.priorities = options.number("--priority", 100) > 0;
  plan.delayed = static_cast<unsigned>(options.number("--delay", 10));
  // A kill does not harm the disk: without syncs more happens in the time.
  plan.unsynced = 60;
  plan.backlog = kBacklogMax;
  const bool keep = options.flag("--keep");
  options.finish();
  if (producers == 0 || consumers == 0) throw Usage{"a storm needs producers and consumers"};

  const Scratch scratch{parent, keep};
  const bool reasons = takes_attributes(scratch.path());
  plan.queue = scratch.path() / "queue";
  Queue::init(plan.queue, {{"max_attempts", "9999"}, {"min_free", "0"}});

  std::mt19937_64 random{seed};
  Ledger ledger;
  Judge judge{ledger};
  Crew crew{ledger};
  for (std::uint64_t i = 0; i < producers; ++i) {
    crew.start([&](std::uint32_t worker) { produce(plan, ledger, worker); });
  }
  for (std::uint64_t i = 0; i < consumers; ++i) {
    crew.start([&](std::uint32_t worker) { consume(plan, ledger, worker); });
  }
  std::uint64_t kills = rage(crew, random, seconds, kills_max);

  // The consumers that live take back what the dead had, without any help.
  for (std::uint64_t i = 0; i < producers; ++i) crew.kill(0);
  crew.kill(0);
  kills += producers + 1;
  crew.start([&](std::uint32_t worker) { consume(plan, ledger, worker); });
  ledger.set_emptying(true);
  const bool emptied = wait_until(kEmptyMax, [&] { return is_empty(plan.queue); });
  ledger.set_emptying(false);

  // Then all die at once, and a fresh consumer finds everything.
  for (std::uint64_t i = 0; i < producers; ++i) {
    crew.start([&](std::uint32_t worker) { produce(plan, ledger, worker); });
  }
  let_run(kSecondStormMs);
  kills += crew.size();
  crew.kill_all();
  judge.read();
  if (!emptied) {
    for (const Sighting& sighting : look_at(plan.queue).files) {
      if (sighting.folder == "failed") continue;
      judge.add(Fault::unexpected, sighting.id.value_or(MessageId{}),
                fmt::format("{}/{}: living consumers did not take it in {} s", sighting.folder,
                            sighting.file, kEmptyMax / 1000));
    }
  }
  judge.compare(look_at(plan.queue));
  empty_queue(plan.queue, ledger, judge, reasons);

  fmt::print("storm: seed {}, {} kills, {}: {}\n", seed, kills, judge.counts(), judge.verdict());
  if (judge.findings().empty()) return kHeld;
  fmt::print("{}", judge.describe());
  return kBroken;
}

}  // namespace
}  // namespace spoolq::test

int main(int argc, char** argv) {
  return spoolq::test::run_program(argc, argv, spoolq::test::kHelp, spoolq::test::storm);
}
