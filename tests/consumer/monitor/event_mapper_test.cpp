// Which events a change in the folders is: files of other programs above all, whose ids are not in
// their names.
#include "consumer/monitor/event_mapper.hpp"

#include <fmt/core.h>

#include "queue/store/foreign_files.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using detail::EventMapper;
using detail::FolderChange;
using detail::Place;

/// A queue in memory, what is done to it, and what is told of it: KIND and the name, one a line.
struct Told {
  World world;
  std::optional<EventMapper> mapper{*world.queue};

  /// Begins to watch anew.
  void begin() { mapper.emplace(*world.queue); }
  /// Writes a file into new/, over another one if there is one.
  void write(const std::string& file, const std::string& content) {
    const std::string path = world.path(Folder::ready, file);
    if (world.disk.exists(path)) world.disk.unlink(path);
    world.disk.plant_file(path, content);
  }
  std::string after(const FolderChange& change) {
    std::deque<Event> events;
    mapper->map(change, events);
    std::string text;
    for (const Event& event : events) {
      text += fmt::format("{} {} {}\n", to_string(event.kind), event.name, event.attempts);
    }
    return text;
  }
};

Place in_new(const std::string& file) { return {State::ready, file}; }

/// What a claim calls the stranger's file.
Place claimed_as(World& world, const std::string& file) {
  auto name = world.queue->store().derive_name({Folder::ready, file}, file);
  REQUIRE(name);
  name->attempts = 1;
  name->claim = kDeadClaim;
  return {State::claimed, detail::format_name(*name)};
}

}  // namespace

TEST_CASE("a file that is written in place is put when its writer closes it",
          "[consumer][monitor][event_mapper]") {
  Told told;
  told.write("report.txt", "");
  CHECK(told.after({.to = in_new("report.txt"), .created = true}).empty());
  told.write("report.txt", "here");
  CHECK(told.after({.to = in_new("report.txt"), .written = true}) == "put report.txt 0\n");
  CHECK(told.after({.to = in_new("report.txt"), .written = true}).empty());
}

TEST_CASE("a file that is claimed before its put was told was put first",
          "[consumer][monitor][event_mapper]") {
  Told told;
  told.write("report.txt", "here");
  CHECK(told.after({.to = in_new("report.txt"), .created = true}).empty());
  const Place claimed = claimed_as(told.world, "report.txt");
  CHECK(told.after({.from = in_new("report.txt"), .to = claimed}) ==
        "put report.txt 0\nclaimed report.txt 1\n");
}

TEST_CASE("a file that goes away unfinished was never there", "[consumer][monitor][event_mapper]") {
  Told told;
  told.write("report.txt", "");
  told.after({.to = in_new("report.txt"), .created = true});
  CHECK(told.after({.from = in_new("report.txt")}).empty());
  // And the next one of that name is another one.
  told.write("report.txt", "here");
  CHECK(told.after({.to = in_new("report.txt")}) == "put report.txt 0\n");
}

TEST_CASE("a file that is written again is another message", "[consumer][monitor][event_mapper]") {
  Told told;
  told.write("report.txt", "one");
  CHECK(told.after({.to = in_new("report.txt")}) == "put report.txt 0\n");
  told.write("report.txt", "another");
  const bool renamed = GENERATE(true, false);
  CHECK(told.after({.to = in_new("report.txt"), .written = !renamed}) ==
        "gone report.txt 0\nput report.txt 0\n");
}

TEST_CASE("a file that was there before is known when it goes",
          "[consumer][monitor][event_mapper]") {
  Told told;
  told.write("report.txt", "one");
  told.begin();
  told.world.disk.unlink(told.world.path(Folder::ready, "report.txt"));
  CHECK(told.after({.from = in_new("report.txt")}) == "gone report.txt 0\n");
  CHECK(told.after({.from = in_new("report.txt")}).empty());
}

TEST_CASE("after an overflow the files that are there are known",
          "[consumer][monitor][event_mapper]") {
  Told told;
  told.write("old.txt", "one");
  told.begin();
  told.world.disk.unlink(told.world.path(Folder::ready, "old.txt"));
  told.write("new.txt", "two");
  FolderChange overflow;
  overflow.overflow = true;
  CHECK(told.after(overflow) == "overflow  0\n");
  CHECK(told.after({.from = in_new("old.txt")}).empty());
  CHECK(told.after({.from = in_new("new.txt")}) == "gone new.txt 0\n");
}

TEST_CASE("what is complete when it appears is put at once", "[consumer][monitor][event_mapper]") {
  Told told;
  SECTION("a link") {
    told.world.disk.plant_file("/elsewhere", "here");
    told.world.disk.plant_hard_link("/elsewhere", told.world.path(Folder::ready, "link"));
    CHECK(told.after({.to = in_new("link"), .created = true}) == "put link 0\n");
  }
  SECTION("what a delivery agent has made, unless it is empty yet") {
    const std::string file = "1795403405.P10625Q1.vm";
    told.write(file, "");
    CHECK(told.after({.to = in_new(file), .created = true}).empty());
    told.write(file, "here");
    told.after({.to = in_new(file), .written = true});
    const std::string next = "1795403406.P10625Q2.vm";
    told.write(next, "here");
    CHECK(told.after({.to = in_new(next), .created = true}) == "put " + next + " 0\n");
  }
  SECTION("not a link to something else") {
    told.world.disk.plant_symlink(told.world.path(Folder::ready, "symbolic"), "/elsewhere");
    CHECK(told.after({.to = in_new("symbolic"), .created = true}).empty());
  }
}

TEST_CASE("what is no message is not told", "[consumer][monitor][event_mapper]") {
  Told told;
  for (const char* file : {".hidden", "a.tmp", "b.part", "c~"}) {
    INFO(file);
    told.write(file, "here");
    CHECK(told.after({.to = in_new(file)}).empty());
    CHECK(told.after({.from = in_new(file)}).empty());
  }
  // Without C it is somebody's mail.
  put(told.world.queue, "x");
  const std::string ours = only(*told.world.queue, State::ready).at.file();
  CHECK(told.after({.to = Place{State::claimed, ours}}).empty());
}

TEST_CASE("a message of ours that somebody opens is not put again",
          "[consumer][monitor][event_mapper]") {
  Told told;
  put(told.world.queue, "x");
  const std::string file = only(*told.world.queue, State::ready).at.file();
  CHECK_FALSE(told.after({.to = in_new(file)}).empty());
  CHECK(told.after({.to = in_new(file), .written = true}).empty());
}

TEST_CASE("the end of a message is told once", "[consumer][monitor][event_mapper]") {
  Told told;
  const StoredMessage claimed = put_and_claim(*told.world.queue, "x");
  detail::MessageName done = claimed.name;
  done.claim.clear();
  const Place kept{State::done, detail::format_name(done)};
  CHECK(told.after({.from = Place{State::claimed, claimed.at.file()}, .to = kept}) == "gone  1\n");
  CHECK(told.after({.from = kept}).empty());
}

}  // namespace spoolq::test
