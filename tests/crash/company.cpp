// Many programs at a time on a few queues, each stopped at random moments: every payload is
// accounted for.
#include <fmt/core.h>
#include <stdlib.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "spoolq/queue.hpp"
#include "tests/crash/company_account.hpp"
#include "tests/crash/company_actor.hpp"
#include "tests/crash/company_kinds.hpp"
#include "tests/crash/company_places.hpp"
#include "tests/crash/program.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kHelp = R"(Usage: company [OPTION]...
Lets six actors at a time work on three queues on two mounts, an inbox and a Maildir. Each is stopped
at random moments for a random time. In the end the queues are emptied, and every payload is looked
up: one whose put has returned must be in a place, or an actor has ended it.

  --seconds=N      how long the actors work (10)
  --seed=N         of the random choices (random)
  --kill           kills actors too: a message may then be delivered twice
  --fs=ext4|xfs|btrfs  the two mounts are disk images; needs root (a temporary folder and /dev/shm)
  --only=A,B       only actors of these kinds
  --skip=A,B       all kinds but these
  --expect-caught  succeed when a promise is found broken, and only then
  --keep           keep the folders (without --fs)
)";
constexpr const char* kExits =
    "Exit: 0 all promises were kept, 1 one was not, 2 usage, 77 cannot run here.\n";

constexpr std::size_t kActors = 6;
constexpr std::uint64_t kPercent = 100;
constexpr std::uint64_t kStopPercent = 60;
constexpr std::uint64_t kKillPercent = 15;
constexpr milliseconds kStopAgeMax{3000};
constexpr std::uint64_t kEndMax = 30'000;
constexpr std::uint64_t kEmptyMax = 30'000;
constexpr double kLeaseMs = 2500;
constexpr double kRoundMs = 200;
constexpr std::size_t kShownMax = 5;

struct Setup {
  std::uint64_t seconds = 0;
  std::uint64_t seed = 0;
  std::optional<FileSystem> type;
  std::set<std::string> only;
  std::set<std::string> skip;
  bool kill = false;
  bool expect_caught = false;
  bool keep = false;
};

class Company {
 public:
  explicit Company(const Setup& setup)
      : setup_{setup}, random_{setup.seed}, places_{setup.type, setup.keep} {
    // What the actors themselves make is removed with the rest.
    ::setenv("TMPDIR", places_.scratch().c_str(), 1);
    if (!setup.only.empty()) kinds_.only(setup.only);
    if (!setup.skip.empty()) kinds_.skip(setup.skip);
  }

  int run() {
    work();
    end_actors();
    empty_queues();
    look_around();
    return report();
  }

 private:
  struct Member {
    std::unique_ptr<Actor> actor;
    std::function<void(const Actor::End&)> note;
  };

  void work() {
    const auto end = Clock::now() + std::chrono::seconds{setup_.seconds};
    while (Clock::now() < end) {
      collect(/*all_go_on=*/false);
      if (members_.size() < kActors) start();
      if (!members_.empty() && pick(random_, 1, kPercent) <= kStopPercent) disturb();
      let_run(std::array{0.0, 1.0, 3.0, 8.0}[pick(random_, 0, 3)]);
    }
  }

  void start() {
    Kinds::Started started = kinds_.start();
    if (!started.actor) return;
    members_.push_back({std::move(started.actor), std::move(started.note)});
  }

  /// Stops an actor, and sometimes kills it there.
  void disturb() {
    Actor& actor = *members_[pick(random_, 0, members_.size() - 1)].actor;
    if (actor.is_stopped() || actor.age() > kStopAgeMax) return;
    actor.stop(milliseconds{std::array{5, 20, 100, 400}[pick(random_, 0, 3)]});
    if (setup_.kill && pick(random_, 1, kPercent) <= kKillPercent) actor.kill();
  }

  /// Writes down the ends of those that have ended.
  void collect(bool all_go_on) {
    std::erase_if(members_, [&](const Member& member) {
      member.actor->go_on(all_go_on);
      const auto end = member.actor->poll();
      if (!end) return false;
      if (member.note) member.note(*end);
      ++ends_[member.actor->kind()][end->code];
      return true;
    });
  }

  void end_actors() {
    const bool ended = wait_until(kEndMax, [this] {
      collect(/*all_go_on=*/true);
      return members_.empty();
    });
    if (ended) return;
    for (const Member& member : members_) hanging_.push_back(member.actor->describe());
    for (const Member& member : members_) member.actor->kill();
    wait_until(kEndMax, [this] {
      collect(/*all_go_on=*/true);
      return members_.empty();
    });
  }

  /// Takes all that is left, as a user would.
  void empty_queues() {
    let_run(kLeaseMs);
    wait_until(kEmptyMax, [this] {
      bool empty = true;
      for (std::size_t i = 0; i < kQueues; ++i) {
        const std::string& queue = places_.queue(i);
        // Each finishes what one of its kind has begun that was killed.
        spoolq({"adopt", places_.inbox(), queue});
        spoolq({"import", "--from=maildir", places_.maildir(), queue});
        spoolq({"resume", queue});
        spoolq({"reap", queue});
        spoolq({"retry", queue, "--all"});
        account_.found(spoolq({"take", queue, "-n", "0", "--ack=none"}).out, "taken at the end");
        const Stats stats = Queue::open(queue).stats();
        empty = empty && stats.ready + stats.claimed + stats.delayed + stats.failed == 0;
      }
      if (!empty) let_run(kRoundMs);
      return empty;
    });
  }

  /// Looks for payloads in everything that is not a queue, then in what the queues still have.
  void look_around() {
    for (const char* const folder : {"new", "cur"}) {
      for_each_file(fs::path{places_.maildir()} / folder,
                    [&](const std::string& text) { account_.found(text, "the Maildir"); });
    }
    for (const char* const folder : {".", ".rejected"}) {
      for_each_file(fs::path{places_.inbox()} / folder,
                    [&](const std::string& text) { account_.found(text, "the inbox"); });
    }
    for (std::size_t i = 0; i < kQueues; ++i) {
      const fs::path queue{places_.queue(i)};
      for (const char* const folder : {"new", "cur", "later", "failed", "bad"}) {
        const std::string place = fmt::format("{}/{}", queue.filename().string(), folder);
        for_each_file(queue / folder, [&](const std::string& text) { account_.left(text, place); });
      }
      for_each_file(queue / "done", [&](const std::string& text) { account_.done(text); });
    }
  }

  static void for_each_file(const fs::path& folder,
                            const std::function<void(const std::string&)>& visit) {
    if (!fs::exists(folder)) return;
    for (const auto& entry : fs::directory_iterator{folder}) {
      if (entry.is_regular_file()) visit(read_file(entry.path()));
    }
  }

  static Outcome spoolq(const std::vector<std::string>& words) {
    check_interrupted();
    return test::run(words);
  }

  int report() {
    const auto lost = account_.lost();
    const auto doubled = account_.doubled();
    const auto stuck = account_.stuck();
    std::size_t actors = 0;
    for (const auto& [kind, codes] : ends_) {
      for (const auto& [code, count] : codes) actors += count;
    }
    fmt::print(
        "company{}: seed {}, {} actors, {}: lost {}, twice {}{}, stuck {}, actors that hang {}\n",
        setup_.kill ? " with kills" : "", setup_.seed, actors, account_.counts(), lost.size(),
        doubled.size(), setup_.kill ? " (allowed)" : "", stuck.size(), hanging_.size());
    const bool broken =
        !lost.empty() || !stuck.empty() || !hanging_.empty() || (!doubled.empty() && !setup_.kill);
    if (setup_.expect_caught) {
      fmt::print("{}\n", broken ? "caught" : "NOT caught");
      return broken ? kHeld : kBroken;
    }
    if (!broken) return kHeld;
    describe("lost", lost);
    if (!setup_.kill) describe("twice", doubled);
    describe("stuck", stuck);
    for (const std::string& command : hanging_) fmt::print("  hangs: {}\n", command);
    for (const auto& [kind, codes] : ends_) {
      fmt::print("  {}:", kind);
      for (const auto& [code, count] : codes) fmt::print(" {} x exit {},", count, code);
      fmt::print("\n");
    }
    return kBroken;
  }

  void describe(const char* what, const std::vector<std::string>& payloads) const {
    for (std::size_t i = 0; i < payloads.size() && i < kShownMax; ++i) {
      fmt::print("  {}: {}\n", what, account_.history(payloads[i]));
    }
  }

  const Setup setup_;
  Kinds::Random random_;
  Places places_;
  Account account_;
  Kinds kinds_{places_, account_, random_};
  std::vector<Member> members_;
  std::map<std::string, std::map<int, std::size_t>> ends_;
  std::vector<std::string> hanging_;
};

std::set<std::string> list_of(const std::string& text) {
  std::set<std::string> words;
  std::istringstream stream{text};
  for (std::string word; std::getline(stream, word, ',');) words.insert(word);
  return words;
}

int company(Options& options) {
  Setup setup;
  setup.seconds = options.number("--seconds", 10);
  setup.seed = options.number("--seed", random_seed());
  setup.only = list_of(options.text("--only", ","));
  setup.skip = list_of(options.text("--skip", ","));
  const std::string type = options.text("--fs", "none");
  if (type != "none") setup.type = parse_file_system(type);
  setup.kill = options.flag("--kill");
  setup.expect_caught = options.flag("--expect-caught");
  setup.keep = options.flag("--keep");
  options.finish();
  setup.only.erase("");
  setup.skip.erase("");
  if (setup.type) make_mounts_private();
  return Company{setup}.run();
}

std::string help() {
  std::string text{kHelp};
  text += "The kinds:";
  for (const std::string& name : Kinds::names()) text += " " + name;
  return text + "\n(naive, the control, only with --only.)\n" + kExits;
}

}  // namespace
}  // namespace spoolq::test

int main(int argc, char** argv) {
  return spoolq::test::run_program(argc, argv, spoolq::test::help().c_str(), spoolq::test::company);
}
