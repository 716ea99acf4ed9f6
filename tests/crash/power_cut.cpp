// The power is cut at random instants, on a real file system, and every promise is looked up.
#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <random>

#include "queue/os/sys.hpp"
#include "spoolq/queue.hpp"
#include "tests/crash/crew.hpp"
#include "tests/crash/cuttable_disk.hpp"
#include "tests/crash/judge.hpp"
#include "tests/crash/program.hpp"
#include "tests/crash/worker.hpp"
#include "tests/support/mutant_sys.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp = R"(Usage: power_cut [OPTION]...
Lets producers and consumers work in a queue on a disk image, cuts the power at a random instant
(a shutdown of the file system that drops what is not on the device), mounts the image again and
compares what is there with what was promised. The queue goes on from cut to cut. Needs root.

  --fs=ext4|xfs|btrfs  (ext4; btrfs is a file on xfs, which is shut down)
  --cuts=N         (50)
  --survivors      the workers go on after the disk has gone: what they are promised then counts
  --sync-between=half|always|never
                   in these cuts everything is synced between the first puts and what follows (half)
  --longest=N      milliseconds from the start of the workers to a cut, at most (60; btrfs 250)
  --producers=N    (2)
  --consumers=N    (2)
  --mutant=NAME    leave a call out, as tests/support/mutant_sys.hpp lists them (none)
  --expect-caught  succeed when, and as soon as, a promise is broken
  --go-on          after a broken promise too
  --seed=N         of the random choices (random)
  --keep           keep the image
Exit: 0 all promises were kept, 1 one was not, 2 usage, 77 cannot run here.
)";

/// The queue is emptied and made anew after so many cuts.
constexpr std::uint64_t kCutsOfQueue = 20;
constexpr double kRunMin = 5;
constexpr std::uint64_t kRunMax = 60;
constexpr std::uint64_t kRunMaxBtrfs = 250;  // Syncs of the whole file system take their time.
constexpr double kAfterlifeMax = 20;

Mutant parse_mutant(const std::string& text) {
  for (int i = 0; i <= static_cast<int>(Mutant::no_sync_at_all); ++i) {
    const auto mutant = static_cast<Mutant>(i);
    if (text == to_string(mutant)) return mutant;
  }
  throw Usage{"no such mutant: " + text};
}

struct Setup {
  FileSystem type = FileSystem::ext4;
  std::uint64_t cuts = 0;
  std::uint64_t producers = 0;
  std::uint64_t consumers = 0;
  std::uint64_t longest = 0;
  std::uint64_t seed = 0;
  std::string sync_between;
  Mutant mutant = Mutant::none;
  bool survivors = false;
  bool expect_caught = false;
  bool go_on = false;
  bool keep = false;
};

class PowerCuts {
 public:
  explicit PowerCuts(const Setup& setup)
      : setup_{setup}, random_{setup.seed}, image_{setup.type, setup.keep} {
    ledger_.set_survivors(setup.survivors);
    plan_.seed = setup.seed;
    plan_.sys = setup.mutant == Mutant::none ? &detail::real_sys() : &mutant_;
  }

  int run() {
    const auto start = std::chrono::steady_clock::now();
    while (cuts_ < setup_.cuts && go_on()) {
      if (cuts_ % kCutsOfQueue == 0) begin_queue();
      ++cuts_;
      cut();
    }
    if (go_on()) end_queue();
    if (setup_.survivors && ledger_.errors() == 0 && go_on()) {
      judge_.add(Fault::unexpected, {}, "no survivor was told that the disk is gone");
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    fmt::print("power cut, {}{}: seed {}, {} cuts in {:.1f} s ({} with a sync between), {}",
               to_string(setup_.type), setup_.survivors ? ", survivors" : "", setup_.seed, cuts_,
               time.count(), synced_, judge_.counts());
    if (setup_.survivors) fmt::print(", {} errors reported", ledger_.errors());
    if (setup_.mutant != Mutant::none) {
      fmt::print(", {} broke promises in {} cuts", to_string(setup_.mutant), bad_cuts_);
    }
    fmt::print(": {}\n", judge_.verdict());
    const bool broken = !judge_.findings().empty();
    if (setup_.expect_caught) {
      fmt::print("{} {} cuts\n", broken ? "caught after" : "NOT caught in", cuts_);
      return broken ? kHeld : kBroken;
    }
    return broken ? kBroken : kHeld;
  }

 private:
  [[nodiscard]] bool go_on() const { return setup_.go_on || judge_.findings().empty(); }

  /// Says what has come to light since the last time.
  void report() {
    if (judge_.findings().size() == said_) return;
    ++bad_cuts_;
    said_ = judge_.findings().size();
    if (setup_.go_on || setup_.expect_caught) return;
    fmt::print("BROKEN at cut {} of seed {}:\n{}", cuts_, setup_.seed, judge_.describe());
  }

  void begin_queue() {
    if (!plan_.queue.empty()) end_queue();
    ledger_.clear();
    judge_.forget();
    plan_.queue = image_.mount_point() / fmt::format("queue{}", cuts_ / kCutsOfQueue);
    Queue::init(plan_.queue, {{"max_attempts", "9999"}, {"min_free", "0"}});
    ledger_.set_power(false);
    lose_and_recover();
    try {
      const Queue queue = Queue::open(plan_.queue);
      for (const auto& [name, value] : queue.settings()) {
        if (name == "max_attempts" && value != "9999") {
          judge_.add(Fault::lost, {}, "a setting, after init() had returned");
        }
      }
    } catch (const Error& error) {
      judge_.add(Fault::lost, {}, fmt::format("the queue, after init(): {}", error.what()));
    }
    report();
  }

  void end_queue() {
    empty_queue(plan_.queue, ledger_, judge_, /*expect_reasons=*/true);
    report();
    fs::remove_all(plan_.queue);
  }

  void lose_and_recover() {
    image_.shut_down();
    if (setup_.survivors && crew_.size() > 0) {
      let_run(std::uniform_real_distribution<double>{0, kAfterlifeMax}(random_));
    }
    crew_.kill_all();
    image_.restart();
    ledger_.set_power(true);
  }

  void cut() {
    std::uniform_real_distribution<double> length{kRunMin, static_cast<double>(setup_.longest)};
    const bool synced =
        setup_.sync_between == "always" || (setup_.sync_between == "half" && cuts_ % 2 == 0);
    for (std::uint64_t i = 0; i < setup_.producers; ++i) {
      crew_.start([&](std::uint32_t worker) { produce(plan_, ledger_, worker); });
    }
    if (synced) {
      ++synced_;
      let_run(length(random_) / 2);
      image_.sync();
    }
    for (std::uint64_t i = 0; i < setup_.consumers; ++i) {
      crew_.start([&](std::uint32_t worker) { consume(plan_, ledger_, worker); });
    }
    let_run(synced ? length(random_) / 2 : length(random_));
    ledger_.set_power(false);
    lose_and_recover();

    judge_.read();
    judge_.power_was_cut();
    const Snapshot snapshot = look_at(plan_.queue);
    judge_.compare(snapshot);
    judge_.settle(snapshot);
    report();
  }

  const Setup setup_;
  std::mt19937_64 random_;
  CuttableDisk image_;
  MutantSys mutant_{detail::real_sys(), setup_.mutant};
  Plan plan_;
  Ledger ledger_;
  Judge judge_{ledger_};
  Crew crew_{ledger_};
  std::uint64_t cuts_ = 0;
  std::uint64_t synced_ = 0;
  std::uint64_t bad_cuts_ = 0;
  std::size_t said_ = 0;
};

int power_cut(Options& options) {
  Setup setup;
  setup.type = parse_file_system(options.text("--fs", "ext4"));
  setup.longest =
      options.number("--longest", setup.type == FileSystem::btrfs ? kRunMaxBtrfs : kRunMax);
  setup.cuts = options.number("--cuts", 50);
  setup.producers = options.number("--producers", 2);
  setup.consumers = options.number("--consumers", 2);
  setup.seed = options.number("--seed", random_seed());
  setup.sync_between = options.text("--sync-between", "half");
  setup.mutant = parse_mutant(options.text("--mutant", "none"));
  setup.survivors = options.flag("--survivors");
  setup.expect_caught = options.flag("--expect-caught");
  setup.go_on = options.flag("--go-on");
  setup.keep = options.flag("--keep");
  options.finish();
  if (setup.sync_between != "half" && setup.sync_between != "always" &&
      setup.sync_between != "never") {
    throw Usage{"--sync-between is half, always or never"};
  }
  if (static_cast<double>(setup.longest) < kRunMin) throw Usage{"--longest is 5 at least"};
  make_mounts_private();
  return PowerCuts{setup}.run();
}

}  // namespace
}  // namespace spoolq::test

int main(int argc, char** argv) {
  return spoolq::test::run_program(argc, argv, spoolq::test::kHelp, spoolq::test::power_cut);
}
