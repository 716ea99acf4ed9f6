// Files taken from another folder: what they are called, what is refused, what is taken once.
#include "producer/adopt/transfer.hpp"

#include <fcntl.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "queue/store/foreign_files.hpp"
#include "queue/store/open_queue.hpp"
#include "spoolq/consumer.hpp"
#include "tests/model/foreign_folder.hpp"
#include "tests/model/promises.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/mutant_sys.hpp"
#include "tests/support/simulated_sys.hpp"
#include "tests/support/two_mounts.hpp"

namespace spoolq::test {
namespace {

using detail::Arrival;
using detail::Transfer;
using detail::Transferred;
using Outcome = Transferred::Outcome;

/// A queue at /q, a folder at /q-inbox, and the seam between them and the test.
class Place {
 public:
  explicit Place(bool two_mounts = false) : two_{disk} {
    make_story_queue(disk, "/q");
    disk.plant_directory(kFolder);
    if (two_mounts) two_.put_away(kFolder);
  }

  SimulatedSys disk;
  static constexpr const char* kFolder = "/q-folder";

  void drop(const std::string& name, const std::string& content) {
    disk.plant_file(std::string{kFolder} + "/" + name, content);
  }
  [[nodiscard]] std::vector<std::string> left() const { return disk.list(kFolder); }
  std::shared_ptr<detail::OpenQueue> queue() {
    return std::make_shared<detail::OpenQueue>(
        two_, "/q", [this](LogLevel, std::string_view text) { said += std::string{text} + "\n"; });
  }
  /// Takes all that is there.
  std::vector<Transferred> take(detail::TransferOptions options = {},
                                FolderKind kind = FolderKind::plain) {
    const auto open = queue();
    Transfer transfer{*open, kFolder, options};
    return transfer.take(arrivals_in(transfer, kind));
  }
  /// Payloads by original name, as a consumer gets them.
  std::map<std::string, std::string> drain() {
    Consumer consumer{handle(queue())};
    std::map<std::string, std::string> messages;
    while (auto claim = consumer.try_take()) {
      CHECK(messages.emplace(claim->info().name, claim->payload()).second);
      claim->ack();
    }
    return messages;
  }

  std::string said;

 private:
  TwoMounts two_;
};

using Messages = std::map<std::string, std::string>;

/// A folder with second links to the files.
constexpr const char* kLinks = "/links";

/// A program that writes to a file of the folder just before a call: opens it and goes on later, or
/// has done with it at once.
class LateWriter final : public ForwardingSys {
 public:
  LateWriter(SimulatedSys& disk, Call moment, std::string file = "a.txt", std::string at_once = {})
      : ForwardingSys{disk},
        disk_{disk},
        moment_{moment},
        file_{std::move(file)},
        at_once_{std::move(at_once)} {}

  /// From now on.
  void arm() { armed_ = true; }
  [[nodiscard]] bool has_opened() const { return opened_; }
  /// Renames since then.
  [[nodiscard]] int renames() const { return renames_; }
  void write_and_close(const std::string& bytes) {
    CHECK(disk_.write(writer_.get(), bytes.data(), bytes.size()).ok());
    writer_.reset();
  }

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (opened_ && info.call == Call::renameat2) ++renames_;
    if (info.call == moment_ && armed_ && !opened_ && (moment_ != Call::read || is_copied())) {
      opened_ = true;
      writer_ = open();
      if (!at_once_.empty()) write_and_close(at_once_);
    }
    return std::nullopt;
  }

 private:
  /// It has its private name while it is copied.
  [[nodiscard]] bool is_copied() const {
    return !disk_.exists(std::string{Place::kFolder} + "/" + file_);
  }
  detail::UniqueFd open() {
    const detail::UniqueFd folder =
        detail::open_directory(disk_, is_copied() ? kLinks : Place::kFolder);
    const SysResult opened =
        disk_.openat(folder.get(), file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    CHECK(opened.ok());
    return detail::UniqueFd{disk_, opened.fd()};
  }

  SimulatedSys& disk_;
  Call moment_;
  std::string file_;
  std::string at_once_;
  bool armed_ = false;
  bool opened_ = false;
  int renames_ = 0;
  detail::UniqueFd writer_;
};

}  // namespace

TEST_CASE("files of another folder become messages, once, under their names", "[transfer]") {
  const bool two_mounts = GENERATE(false, true);
  Place place{two_mounts};
  place.drop("a.txt", "first");
  place.drop("b c.txt", "second");
  for (const Transferred& each : place.take()) CHECK(each.outcome == Outcome::taken);
  CHECK(place.left().empty());
  CHECK(place.take().empty());
  CHECK(place.drain() == Messages{{"a.txt", "first"}, {"b c.txt", "second"}});
}

TEST_CASE("an adopted file has the id that it would have in new/", "[transfer]") {
  const bool two_mounts = GENERATE(false, true);
  Place place{two_mounts};
  place.drop("a.txt", "first");
  struct stat status = {};
  struct timespec born = {};
  const auto queue = place.queue();
  {
    const detail::UniqueFd folder = detail::open_directory(queue->sys(), Place::kFolder);
    REQUIRE(queue->sys().statx(folder.get(), "a.txt", status, born).ok());
  }
  const MessageId wanted =
      detail::derive_name(*queue, "a.txt", detail::identity_of(status, born)).id;
  const auto results = place.take();
  REQUIRE(results.size() == 1);
  CHECK(results[0].id == wanted);
  const auto listed = handle(queue).list(State::ready);
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].id == wanted);
  CHECK(listed[0].size == 5U);
}

TEST_CASE("a kept file is taken once, over restarts, and again when it is another one",
          "[transfer]") {
  Place place;
  place.drop("a.txt", "first");
  CHECK(place.take({.keep = true})[0].outcome == Outcome::taken);
  CHECK(place.take({.keep = true})[0].outcome == Outcome::forgotten);
  CHECK(place.drain() == Messages{{"a.txt", "first"}});
  CHECK(place.take({.keep = true})[0].outcome == Outcome::forgotten);
  CHECK(place.drain().empty());
  CHECK(place.left() == std::vector<std::string>{"a.txt"});

  place.disk.unlink("/q-folder/a.txt");
  place.disk.advance(std::chrono::seconds{1});
  place.drop("a.txt", "other");
  CHECK(place.take({.keep = true})[0].outcome == Outcome::taken);
  CHECK(place.drain() == Messages{{"a.txt", "other"}});
}

TEST_CASE("what was kept before is only removed by a run that does not keep", "[transfer]") {
  Place place;
  place.drop("a.txt", "first");
  place.take({.keep = true});
  CHECK(place.take()[0].outcome == Outcome::forgotten);
  CHECK(place.left().empty());
  CHECK(place.drain() == Messages{{"a.txt", "first"}});
}

TEST_CASE("a file that has changed since it was found complete is left", "[transfer]") {
  const bool two_mounts = GENERATE(false, true);
  Place place{two_mounts};
  place.drop("a.txt", "first");
  const auto queue = place.queue();
  Transfer transfer{*queue, Place::kFolder, {}};
  const auto arrivals = arrivals_in(transfer, FolderKind::plain);
  place.disk.unlink("/q-folder/a.txt");
  SECTION("it is gone") {}
  SECTION("another one has its name") { place.drop("a.txt", "longer than before"); }
  CHECK(transfer.take(arrivals)[0].outcome == Outcome::changed);
  CHECK(place.drain().empty());
}

TEST_CASE("one file that is too large does not keep the others back", "[transfer]") {
  const bool two_mounts = GENERATE(false, true);
  Place place{two_mounts};
  place.queue()->configure({{"max_size", "10"}});
  place.drop("a.txt", "a payload of more than ten bytes");
  place.drop("b.txt", "small");
  const auto results = place.take();
  CHECK(results[0].outcome == Outcome::refused);
  CHECK(results[0].error == errc::too_large);
  CHECK(results[1].outcome == Outcome::taken);
  CHECK(place.left() == std::vector<std::string>{"a.txt"});
}

TEST_CASE("a full queue takes what it has room for, and says so of the others", "[transfer]") {
  const bool two_mounts = GENERATE(false, true);
  Place place{two_mounts};
  place.queue()->configure({{"max_messages", "1"}});
  place.drop("a.txt", "first");
  place.drop("b.txt", "second");
  const auto results = place.take();
  CHECK(results[0].outcome == Outcome::taken);
  CHECK(results[1].outcome == Outcome::refused);
  CHECK(results[1].error == errc::queue_full);
  CHECK(place.left() == std::vector<std::string>{"b.txt"});
  CHECK(place.drain() == Messages{{"a.txt", "first"}});
}

TEST_CASE("one process at a time copies from a folder into a queue", "[transfer]") {
  Place place{true};
  const auto queue = place.queue();
  const Transfer first{*queue, Place::kFolder, {.keep = true}};
  try {
    const Transfer second{*queue, Place::kFolder, {.keep = true}};
    FAIL("a second one");
  } catch (const Error& error) {
    CHECK(error.code() == std::errc::resource_unavailable_try_again);
  }
}

TEST_CASE("a file that cannot be removed from its folder is not copied", "[transfer][seize]") {
  /// A folder whose names cannot be changed.
  class ReadOnlyFolder final : public ForwardingSys {
   public:
    ReadOnlyFolder(SimulatedSys& disk, int error) : ForwardingSys{disk}, error_{error} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      const bool changes = info.call == Call::unlinkat || info.call == Call::renameat2;
      const bool removes = changes && std::string_view{info.name} == "a.txt";
      return removes ? std::optional{SysResult::failure(error_)} : std::nullopt;
    }

   private:
    int error_;
  };
  Place place{true};
  place.drop("a.txt", "first");
  {
    ReadOnlyFolder sys{place.disk, EACCES};
    detail::OpenQueue queue{sys, "/q", {}};
    Transfer transfer{queue, Place::kFolder, {.always_copy = true}};
    const auto results = transfer.take(arrivals_in(transfer, FolderKind::plain));
    CHECK(results[0].outcome == Outcome::refused);
    CHECK(results[0].error == std::errc::permission_denied);
    CHECK(results[0].reason.find("--keep") != std::string::npos);
  }
  {
    ReadOnlyFolder sys{place.disk, EROFS};
    detail::OpenQueue queue{sys, "/q", {}};
    Transfer transfer{queue, Place::kFolder, {.always_copy = true}};
    const auto arrivals = arrivals_in(transfer, FolderKind::plain);
    std::string reason;
    try {
      transfer.take(arrivals);
    } catch (const Error& error) {
      reason = error.what();
    }
    CHECK(reason.find("--keep") != std::string::npos);
  }
  CHECK(place.drain().empty());
  CHECK(place.left() == std::vector<std::string>{"a.txt"});
}

TEST_CASE("a file that got the name of one that is copied meanwhile is taken as well",
          "[transfer]") {
  /// A producer that drops another file under that name as soon as the copy is published.
  class QuickProducer final : public ForwardingSys {
   public:
    explicit QuickProducer(SimulatedSys& disk) : ForwardingSys{disk}, disk_{disk} {}

   protected:
    SysResult after(const CallInfo& info, SysResult result) override {
      const bool publishes = info.call == Call::renameat2 && disk_.list("/q/new").size() == 1;
      if (publishes && !dropped_) {
        dropped_ = true;
        disk_.plant_file("/q-folder/a.txt", "second");
      }
      return result;
    }

   private:
    SimulatedSys& disk_;
    bool dropped_ = false;
  };
  Place place;
  place.drop("a.txt", "first");
  QuickProducer sys{place.disk};
  detail::OpenQueue queue{sys, "/q", {}};
  Transfer transfer{queue, Place::kFolder, {.always_copy = true}};
  CHECK(transfer.take(arrivals_in(transfer, FolderKind::plain))[0].outcome == Outcome::taken);
  REQUIRE(place.left() == std::vector<std::string>{"a.txt"});
  CHECK(place.drain() == Messages{{"a.txt", "first"}});
  CHECK(transfer.take(arrivals_in(transfer, FolderKind::plain))[0].outcome == Outcome::taken);
  CHECK(place.drain() == Messages{{"a.txt", "second"}});
}

TEST_CASE("a file that took the place of one just before its rename is left", "[transfer]") {
  /// Another program replaces the file between the look at it and the rename.
  class QuickProducer final : public ForwardingSys {
   public:
    explicit QuickProducer(SimulatedSys& disk) : ForwardingSys{disk}, disk_{disk} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (info.call == Call::renameat2 && !replaced_) {
        replaced_ = true;
        // The old one is still open: the new one has another inode.
        disk_.unlink("/q-folder/a.txt");
        disk_.plant_file("/q-folder/a.txt", "other");
      }
      return std::nullopt;
    }

   private:
    SimulatedSys& disk_;
    bool replaced_ = false;
  };
  Place place;
  place.drop("a.txt", "first");
  QuickProducer sys{place.disk};
  detail::OpenQueue queue{sys, "/q", {}};
  Transfer transfer{queue, Place::kFolder, {}};
  CHECK(transfer.take(arrivals_in(transfer, FolderKind::plain))[0].outcome == Outcome::changed);
  CHECK(place.left() == std::vector<std::string>{"a.txt"});
  CHECK(place.drain().empty());
  CHECK(transfer.take(arrivals_in(transfer, FolderKind::plain))[0].outcome == Outcome::taken);
  CHECK(place.drain() == Messages{{"a.txt", "other"}});
}

TEST_CASE("a file that its writer opens at the last moment is left until it is closed",
          "[transfer][writers]") {
  const bool two_mounts = GENERATE(false, true);
  // While it is copied (by its second link), while it is synced, just before it is seized.
  const Call moment = GENERATE(Call::read, Call::fsync, Call::renameat2);
  if (moment == Call::read && !two_mounts) return;
  CAPTURE(two_mounts, to_string(moment));
  Place place{two_mounts};
  place.drop("a.txt", "first");
  if (moment == Call::read) place.disk.plant_hard_link("/q-folder/a.txt", "/links/a.txt");
  LateWriter writer{place.disk, moment};
  {
    TwoMounts two{writer};
    if (two_mounts) two.put_away(Place::kFolder);
    detail::OpenQueue queue{two, "/q", {}};
    Transfer transfer{queue, Place::kFolder, {.always_copy = two_mounts}};
    const auto arrivals = arrivals_in(transfer, FolderKind::plain);
    writer.arm();
    transfer.take(arrivals);
  }
  REQUIRE(writer.has_opened());
  // While it is synced it is seen in time; later it has to be brought back.
  if (moment == Call::fsync) CHECK(writer.renames() == 0);
  CHECK(place.left() == std::vector<std::string>{"a.txt"});
  CHECK(place.drain().empty());
  writer.write_and_close(" and the rest");
  CHECK(place.take()[0].outcome == Outcome::taken);
  CHECK(place.left().empty());
  CHECK(place.drain() == Messages{{"a.txt", "first and the rest"}});
}

TEST_CASE("a file that grows while the one before it is synced is left, and taken whole",
          "[transfer][writers]") {
  const bool two_mounts = GENERATE(false, true);
  Place place{two_mounts};
  place.drop("a.txt", "first");
  place.drop("b.txt", "second");
  LateWriter writer{place.disk, Call::fsync, "b.txt", " and the rest"};
  {
    TwoMounts two{writer};
    if (two_mounts) two.put_away(Place::kFolder);
    detail::OpenQueue queue{two, "/q", {}};
    Transfer transfer{queue, Place::kFolder, {}};
    const auto arrivals = arrivals_in(transfer, FolderKind::plain);
    writer.arm();
    const auto results = transfer.take(arrivals);
    CHECK(results[0].outcome == Outcome::taken);
    CHECK(results[1].outcome == Outcome::changed);
  }
  place.take();
  CHECK(place.drain() == Messages{{"a.txt", "first"}, {"b.txt", "second and the rest"}});
}

TEST_CASE("a kept file that is removed by the next one is told", "[transfer]") {
  Place place;
  place.drop("a.txt", "first");
  place.take({.keep = true});
  CHECK(place.take()[0].outcome == Outcome::forgotten);
  CHECK(place.left().empty());
  CHECK(place.said.find("a.txt was taken before; removed") != std::string::npos);
}

TEST_CASE("a marker that cannot be removed keeps its own file back and no other", "[transfer]") {
  /// A marker of another user in a sticky folder.
  class StickyMarker final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      const bool is_it = info.call == Call::renameat2 && std::string{info.name} == "a.txt.done";
      return is_it ? std::optional{SysResult::failure(EPERM)} : std::nullopt;
    }
  };
  const bool copies = GENERATE(false, true);
  Place place;
  for (const char* name : {"a.txt", "b.txt"}) {
    place.drop(name, "first");
    place.drop(std::string{name} + ".done", "");
  }
  StickyMarker sticky{place.disk};
  detail::OpenQueue queue{sticky, "/q", {}};
  Transfer transfer{queue, Place::kFolder, {.always_copy = copies}};
  const auto results = transfer.take(arrivals_in(transfer, FolderKind::marked));
  REQUIRE(results.size() == 2);
  CHECK(results[1].outcome == Outcome::taken);
  CHECK(place.left() == std::vector<std::string>{"a.txt", "a.txt.done"});
  CHECK(results[0].outcome == Outcome::refused);
  CHECK(results[0].error == std::errc::operation_not_permitted);
  CHECK(place.drain() == Messages{{"b.txt", "first"}});
}

TEST_CASE("a marker that came with another file stays with it", "[transfer][seize]") {
  /// A producer that replaces the file and then touches its marker, just before `moment` happens to
  /// the marker.
  class QuickProducer final : public ForwardingSys {
   public:
    explicit QuickProducer(SimulatedSys& disk) : ForwardingSys{disk}, disk_{disk} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      const bool is_it = info.call == Call::renameat2 || info.call == Call::unlinkat;
      if (is_it && !replaced_ && std::string_view{info.name} == "a.txt.done") {
        replaced_ = true;
        disk_.unlink("/q-folder/a.txt");
        disk_.plant_file("/q-folder/a.txt", "second");
        disk_.unlink("/q-folder/a.txt.done");
        disk_.plant_file("/q-folder/a.txt.done", "");
      }
      return std::nullopt;
    }

   private:
    SimulatedSys& disk_;
    bool replaced_ = false;
  };
  const bool copies = GENERATE(false, true);
  const bool rejects = GENERATE(false, true);
  Place place;
  place.drop("a.txt", "first");
  place.drop("a.txt.done", "");
  QuickProducer sys{place.disk};
  detail::OpenQueue queue{sys, "/q", {}};
  Transfer transfer{queue, Place::kFolder, {.always_copy = copies}};
  const auto arrivals = arrivals_in(transfer, FolderKind::marked);
  if (rejects) {
    CHECK_FALSE(transfer.discard_markers(arrivals.at(0)));
  } else {
    CHECK(transfer.take(arrivals)[0].outcome == Outcome::changed);
  }
  CHECK(place.left() == std::vector<std::string>{"a.txt", "a.txt.done"});
  CHECK(transfer.take(arrivals_in(transfer, FolderKind::marked))[0].outcome == Outcome::taken);
  CHECK(place.left().empty());
  CHECK(place.drain() == Messages{{"a.txt", "second"}});
  // Nothing is kept of the file that is gone.
  const std::string journal =
      "/q/intake/" + detail::intake_folder_name(Place::kFolder) + "/journal";
  CHECK(place.disk.read_file(journal).empty());
}

TEST_CASE("a marker does not vouch for the next file of its name", "[transfer]") {
  const bool two_mounts = GENERATE(false, true);
  const auto mutant = GENERATE(Mutant::none, Mutant::keeps_markers);
  Place place{two_mounts};
  place.drop("a.txt", "first");
  place.drop("a.txt.done", "");
  TwoMounts two{place.disk};
  if (two_mounts) two.put_away(Place::kFolder);
  MutantSys sys{two, mutant};
  detail::OpenQueue queue{sys, "/q", {}};
  Transfer transfer{queue, Place::kFolder, {}};
  CHECK(transfer.take(arrivals_in(transfer, FolderKind::marked)).size() == 1);
  place.drop("a.txt", "the beginning of");
  const bool taken_again = !arrivals_in(transfer, FolderKind::marked).empty();
  CHECK(taken_again == (mutant == Mutant::keeps_markers));
}

TEST_CASE("a marker that cannot go back is no message", "[transfer][seize]") {
  /// A folder whose file is replaced, and in which two renames fail then.
  class ClosedFolder final : public ForwardingSys {
   public:
    explicit ClosedFolder(SimulatedSys& disk) : ForwardingSys{disk}, disk_{disk} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (info.call != Call::renameat2) return std::nullopt;
      if (std::string_view{info.name} == "a.txt.done") {
        disk_.unlink("/q-marked/a.txt");
        disk_.plant_file("/q-marked/a.txt", "second");
        seized_ = true;
        return std::nullopt;
      }
      if (!seized_ || ++failed_ > 2) return std::nullopt;
      return SysResult::failure(EACCES);
    }

   private:
    SimulatedSys& disk_;
    bool seized_ = false;
    int failed_ = 0;
  };
  SimulatedSys disk;
  make_story_queue(disk, "/q");
  disk.plant_file("/q-marked/a.txt", "first");
  disk.plant_file("/q-marked/a.txt.done", "the marker");
  {
    ClosedFolder closed{disk};
    detail::OpenQueue queue{closed, "/q", {}};
    Transfer transfer{queue, "/q-marked", {}};
    for (int i = 0; i < 2; ++i) transfer.take(arrivals_in(transfer, FolderKind::marked));
  }
  CHECK(disk.list("/q-marked") == std::vector<std::string>{"a.txt"});
  {
    detail::OpenQueue queue{disk, "/q", {}};
    Transfer transfer{queue, "/q-marked", {}};
    CHECK(disk.list("/q-marked") == std::vector<std::string>{"a.txt", "a.txt.done"});
    transfer.take(arrivals_in(transfer, FolderKind::marked));
  }
  Consumer consumer{handle(std::make_shared<detail::OpenQueue>(disk, "/q", LogHandler{}))};
  auto claim = consumer.try_take();
  REQUIRE(claim);
  CHECK(claim->payload() == "second");
  claim->ack();
  CHECK_FALSE(consumer.try_take());
}

TEST_CASE("what a power cut has left of a journal's last line is cut off", "[transfer]") {
  Place place;
  place.drop("a.txt", "first");
  place.take({.keep = true});
  const std::string folder = "/q/intake/" + place.disk.list("/q/intake").front() + "/journal";
  const std::string whole = place.disk.read_file(folder);
  REQUIRE(whole.ends_with("\n"));
  const std::string tail = GENERATE(as<std::string>{}, "0123", "\n",
                                    "00000000000000000000000000000000 -", "no such line\n");
  place.disk.unlink(folder);
  place.disk.plant_file(folder, whole + tail);
  CHECK(place.take({.keep = true})[0].outcome == Outcome::forgotten);
  CHECK(place.disk.read_file(folder) == whole);
  place.drop("b.txt", "second");
  CHECK(place.take({.keep = true})[1].outcome == Outcome::taken);
  CHECK(place.take({.keep = true})[1].outcome == Outcome::forgotten);
}

TEST_CASE("a file that got the inode number of a kept one is taken", "[transfer][journal]") {
  /// All files have one inode number and one time of modification.
  class OneInode final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;
    bool has_births = true;

    SysResult statx(int dir, const char* name, struct stat& status,
                    struct timespec& born) override {
      const SysResult result = ForwardingSys::statx(dir, name, status, born);
      change(status);
      if (!has_births) born = {};
      return result;
    }
    SysResult fstat(int fd, struct stat& status) override {
      const SysResult result = ForwardingSys::fstat(fd, status);
      if (S_ISREG(status.st_mode)) change(status);
      return result;
    }

   private:
    static void change(struct stat& status) {
      status.st_ino = 12;
      status.st_mtim = {1'700'000'000, 0};
    }
  };
  const bool has_births = GENERATE(true, false);
  Place place;
  OneInode sys{place.disk};
  sys.has_births = has_births;
  detail::OpenQueue queue{sys, "/q", {}};
  Transfer transfer{queue, Place::kFolder, {.keep = true}};
  place.drop("a.txt", "first");
  CHECK(transfer.take(arrivals_in(transfer, FolderKind::plain))[0].outcome == Outcome::taken);
  place.disk.unlink("/q-folder/a.txt");
  place.drop("a.txt", "other");
  // The control: without times of birth it counts as the one that was kept.
  CHECK(transfer.take(arrivals_in(transfer, FolderKind::plain))[0].outcome ==
        (has_births ? Outcome::taken : Outcome::forgotten));
}

TEST_CASE("the journal is emptied when nothing it tells of is there", "[transfer]") {
  Place place{true};
  place.drop("a.txt", "first");
  place.take();
  const std::string folder = "/q/intake/" + place.disk.list("/q/intake").front() + "/journal";
  CHECK(place.disk.read_file(folder).empty());
}

TEST_CASE("a long name of an adopted file comes back whole", "[transfer]") {
  const bool two_mounts = GENERATE(false, true);
  Place place{two_mounts};
  const std::string name(255, 'n');
  place.drop(name, "first");
  place.take();
  const Queue queue = handle(place.queue());
  const auto listed = queue.list(State::ready);
  REQUIRE(listed.size() == 1);
  CHECK(queue.details(listed[0]).info.name == name);
}

}  // namespace spoolq::test
