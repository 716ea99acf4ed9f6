// Files of others that we may not rename, or not read; and how a stranger's file is made safe.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "queue/format/message_id.hpp"
#include "queue/store/listing.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/mutant_sys.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobodyElse = 61'234;

bool is_root() { return ::geteuid() == 0; }

/// Gives the queue to a user who is not root.
void give_away(const RealQueue& queue) {
  for (const auto& entry : fs::recursive_directory_iterator{queue.around().path()}) {
    REQUIRE(::lchown(entry.path().c_str(), kNobodyElse, kNobodyElse) == 0);
  }
  REQUIRE(::chown(queue.around().path().c_str(), kNobodyElse, kNobodyElse) == 0);
}

/// Runs in a process of that user, and gives what it reports.
std::string as_nobody_else(const std::function<std::string()>& body) {
  Pipe report;
  ChildProcess child{[&] {
    if (::setgid(kNobodyElse) != 0 || ::setuid(kNobodyElse) != 0) return 1;
    report.send(body());
    return 0;
  }};
  report.close_sender();
  std::string text = report.receive_all();
  return child.wait() == 0 ? text : "failed: " + text;
}

/// Counts the lines that have a text in them.
class LineCount {
 public:
  explicit LineCount(std::string text) : text_{std::move(text)} {}
  LogHandler handler() {
    return [this](LogLevel, std::string_view line) {
      if (line.find(text_) != std::string_view::npos) ++count_;
    };
  }
  [[nodiscard]] int count() const { return count_; }

 private:
  std::string text_;
  int count_ = 0;
};

/// A name in new/ that may not be renamed: EPERM, as in a sticky folder.
class ForbiddingSys final : public ForwardingSys {
 public:
  ForbiddingSys(Sys& inner, std::string part) : ForwardingSys{inner}, part_{std::move(part)} {}

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call == Call::renameat2 &&
        std::string_view{info.name}.find(part_) != std::string::npos)
      return SysResult::failure(EPERM);
    return std::nullopt;
  }

 private:
  std::string part_;
};

std::size_t index_of(const std::vector<CallRecord>& calls, Call call, std::string_view path) {
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].call == call && calls[i].path.find(path) != std::string::npos) return i;
  }
  return calls.size();
}

}  // namespace

TEST_CASE("a message that we may not read is left, reported once, and the rest is delivered",
          "[consumer][strange][forbidden]") {
  if (!is_root()) {
    WARN("not root: no file of another user can be made");
    return;
  }
  RealQueue queue{{{"settle", "10ms"}}};
  const bool ours = GENERATE(false, true);
  const bool while_waiting = GENERATE(false, true);
  CAPTURE(ours, while_waiting);
  give_away(queue);
  const std::string name = ours ? "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=6" : "stranger";
  const auto plant = [&] {
    write_file(queue.path(Folder::ready, name), "secret");
    ::chmod(queue.path(Folder::ready, name).c_str(), 0600);
  };
  if (!while_waiting) plant();
  Pipe started;
  Pipe planted;
  ChildProcess root{[&] {
    if (while_waiting && started.receive(1) == "+") plant();
    planted.send("+");
    return 0;
  }};
  const std::string report = as_nobody_else([&]() -> std::string {
    LineCount lines{"left for later"};
    Consumer consumer{queue.path(), lines.handler()};
    if (while_waiting && consumer.take(Duration{0})) return "taken";
    started.send("+");
    static_cast<void>(planted.receive(1));
    Producer{queue.path()}.put("hello");
    auto claim = take_before_tick(consumer);
    if (!claim || claim->payload() != "hello") return "not delivered";
    claim->ack();
    if (consumer.take(Duration{300})) return "taken";
    return "reported " + std::to_string(lines.count());
  });
  CHECK(report == "reported 1");
  CHECK(root.wait() == 0);
  CHECK(queue.names(Folder::ready) == std::vector<std::string>{name});
  CHECK(queue.count(Folder::bad) == 0);
}

TEST_CASE("what a sticky folder keeps from us is left, reported once, and the rest is delivered",
          "[consumer][strange][forbidden]") {
  if (!is_root()) {
    WARN("not root: no file of another user can be made");
    return;
  }
  RealQueue queue{{{"mode", "0770"}}};
  give_away(queue);
  REQUIRE(::chown(queue.path(Folder::ready).c_str(), 0, kNobodyElse) == 0);
  REQUIRE(::chmod(queue.path(Folder::ready).c_str(), 01770) == 0);
  for (int i = 0; i < 3; ++i) {
    queue.put("theirs");
    const std::string file = queue.path(Folder::ready, queue.names(Folder::ready).back());
    REQUIRE(::chmod(file.c_str(), 0644) == 0);
  }
  ::symlink("nowhere", queue.path(Folder::ready, "link").c_str());
  const std::string report = as_nobody_else([&]() -> std::string {
    LineCount lines{"Operation not permitted"};
    Consumer consumer{queue.path(), lines.handler()};
    for (int i = 0; i < 3; ++i) {
      Producer{queue.path()}.put("hello");
      auto claim = take_before_tick(consumer);
      if (!claim || claim->payload() != "hello") return "not delivered";
      claim->ack();
    }
    return "reported " + std::to_string(lines.count());
  });
  CHECK(report == "reported 4");
  CHECK(queue.count(Folder::ready) == 4);
}

TEST_CASE("five thousand names that cannot be claimed do not hide twenty that can",
          "[consumer][strange][forbidden]") {
  World world;
  constexpr int kForbidden = 5000;
  constexpr std::size_t kGood = 20;
  world.disk.record_calls(false);
  for (int i = 0; i < kForbidden; ++i) {
    MessageName name;
    name.priority = 0;
    name.id = *MessageId::parse("01935a7b-8c3d-7e21-9f4a-" + detail::random_token().substr(0, 12));
    name.type = "forbidden";
    world.disk.plant_file(world.path(Folder::ready, detail::format_name(name)), "no",
                          SimulatedSys::Planted::unsynced);
  }
  for (std::size_t i = 0; i < kGood; ++i) put(world.queue, std::to_string(i));
  ForbiddingSys sys{world.disk, "T=forbidden"};
  Consumer consumer{handle(world.open(sys))};
  std::size_t delivered = 0;
  while (auto claim = consumer.try_take()) {
    CHECK(claim->payload() == std::to_string(delivered));
    claim->ack(Sync::none);
    ++delivered;
  }
  CHECK(delivered == kGood);
  CHECK(world.count(Folder::ready) == kForbidden);
}

TEST_CASE("a stranger's file and its claim are synced before anybody has it",
          "[consumer][strange][sync]") {
  World world;
  world.disk.plant_file(world.path(Folder::ready, "1795403405.P1Q1.vm"), "mail",
                        SimulatedSys::Planted::unsynced);
  Consumer consumer{handle(world.queue)};
  const MessageId id = handle(world.queue).list(State::ready).at(0).id;
  world.disk.clear_calls();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  CHECK(claim->id() == id);
  const auto calls = world.disk.calls();
  const std::size_t renamed = index_of(calls, Call::renameat2, "1795403405.P1Q1.vm");
  const std::size_t file = index_of(calls, Call::fsync, "/q/cur/5.");
  REQUIRE(renamed < calls.size());
  REQUIRE(file < calls.size());
  CHECK(renamed < file);
  bool folder_synced = false;
  for (std::size_t i = renamed; i < calls.size(); ++i) {
    if (calls[i].call == Call::fsync && calls[i].path == "/q/cur") folder_synced = true;
  }
  CHECK(folder_synced);
}

namespace {

/// What is wrong in the states that a power cut may leave while a stranger's file, which its writer
/// has not synced, is with a handler.
std::string wrong_after_a_cut(Mutant mutant, CrashModel model) {
  World world{{}, model};
  world.disk.plant_file(world.path(Folder::ready, "1795403405.P1Q1.vm"), "mail",
                        SimulatedSys::Planted::unsynced);
  MutantSys sys{world.disk, mutant};
  Consumer consumer{handle(world.open(sys))};
  const MessageId listed = consumer.queue().list(State::ready).at(0).id;
  const auto claim = consumer.try_take();
  REQUIRE(claim);
  CHECK(claim->id() == listed);
  std::string wrong;
  for (const CrashState& state : world.disk.crash_states()) {
    const auto crashed = world.disk.crash(state);
    Consumer other{handle(open_queue(*crashed, World::kPath))};
    auto again = other.try_take();
    const auto expect = [&](bool holds, const char* what) {
      if (!holds) wrong += state.description + ": " + what + "\n";
    };
    expect(again.has_value(), "it is gone");
    if (!again) continue;
    expect(again->payload() == "mail", "it is not whole");
    expect(again->id() == listed, "its id is another");
    expect(again->info().name == "1795403405.P1Q1.vm", "its name is another");
    expect(!other.try_take(), "it is there twice");
  }
  return wrong;
}

}  // namespace

TEST_CASE("a stranger's file that was handed out is whole after any power cut",
          "[consumer][strange][crash]") {
  CHECK(wrong_after_a_cut(Mutant::none, CrashModel::journal).empty());
  CHECK(wrong_after_a_cut(Mutant::none, CrashModel::per_directory).empty());
}

TEST_CASE("a stranger's file that is handed out without fsync is caught",
          "[consumer][strange][crash][mutant]") {
  CHECK(has(wrong_after_a_cut(Mutant::no_file_fsync, CrashModel::journal), "not whole"));
}

TEST_CASE("a stranger's file that is handed out before its claim is durable is caught",
          "[consumer][strange][crash][mutant]") {
  // With one journal for all, the fsync of the file takes the claim along.
  CHECK_FALSE(wrong_after_a_cut(Mutant::no_syncfs, CrashModel::per_directory).empty());
}

TEST_CASE("a foreign file that replaces another one just before its claim gets its own id",
          "[consumer][strange][id]") {
  constexpr const char* kName = "1795403405.P1Q1.vm";
  /// A writer that replaces the file just before it is claimed.
  class QuickWriter final : public ForwardingSys {
   public:
    QuickWriter(SimulatedSys& disk, std::string path)
        : ForwardingSys{disk}, disk_{disk}, path_{std::move(path)} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (info.call == Call::renameat2 && !replaced_ && std::string_view{info.name} == kName) {
        replaced_ = true;
        disk_.unlink(path_);
        disk_.plant_file(path_, "other");
      }
      return std::nullopt;
    }

   private:
    SimulatedSys& disk_;
    std::string path_;
    bool replaced_ = false;
  };
  World world;
  const std::string path = world.path(Folder::ready, kName);
  world.disk.plant_file(path, "first");
  QuickWriter writer{world.disk, path};
  Consumer consumer{handle(world.open(writer))};
  CHECK_FALSE(consumer.try_take());
  const MessageId listed = consumer.queue().list(State::ready).at(0).id;
  Consumer next{handle(world.open(world.disk))};
  auto claim = next.try_take();
  REQUIRE(claim);
  CHECK(claim->payload() == "other");
  CHECK(claim->id() == listed);
}

}  // namespace spoolq::test
