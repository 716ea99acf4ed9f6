// Strange but possible: closed descriptors, full disks, odd paths, arguments of any size, queues
// that belong to somebody else.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

std::string new_queue(const Scratch& scratch, const std::string& name = "q") {
  run_well({"init", scratch / name});
  return scratch / name;
}

}  // namespace

TEST_CASE("where no queue can be, no command is offered to make one", "[cli][strange]") {
  const Scratch scratch;
  write_file(scratch / "file", "");
  fs::create_symlink("nowhere", scratch / "dangling");
  fs::create_symlink("loop", scratch / "loop");
  for (const auto& [path, why] : std::vector<std::pair<std::string, std::string>>{
           {scratch / "file", "what is there is not a folder"},
           {scratch / "file/q", "Not a directory"},
           {scratch / "dangling", "what is there is a link that leads nowhere"},
           {scratch / "loop", "Too many levels of symbolic links"},
           {scratch / std::string(300, 'x'), "File name too long"},
           {std::string(5000, 'x'), "File name too long"}}) {
    CAPTURE(path);
    const Outcome outcome = run({"ls", path});
    CHECK(outcome.exit == 66);
    CHECK(outcome.err == "spoolq: no queue at " + path + ": " + why + "\n");
    CHECK(run({"init", path}).exit == 73);
  }
}

TEST_CASE("an empty argument is shown as one", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string verb : {"ls", "put", "take", "init", "stats"}) {
    CAPTURE(verb);
    CHECK(run({verb, ""}).exit == 64);
  }
  CHECK(has(run({""}).err, "no verb ''"));
  CHECK(has(run({"put", q, ""}).err, "spoolq: '': No such file"));
  CHECK(has(run({"take", q, "-o", ""}).err, "spoolq: '': No such file"));
  CHECK(has(run({"show", q, ""}).err, "''"));
  CHECK(names_in(q + "/new").empty());
}

TEST_CASE("a selector that does not exist is a bad value", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string text : {"@", "@olddest", "@OLDEST", "@newest "}) {
    CAPTURE(text);
    const Outcome outcome = run({"show", q, text});
    CHECK(outcome.exit == 65);
    CHECK(has(outcome.err, "@oldest and @newest"));
  }
}

}  // namespace spoolq::test
