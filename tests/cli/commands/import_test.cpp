// import: queues that the other programs have really made.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// A queue, and room for the queue of another program.
class Place {
 public:
  Place() { run_well({"init", queue()}); }

  [[nodiscard]] std::string queue() const { return scratch_ / "q"; }
  [[nodiscard]] std::string other() const { return scratch_ / "other"; }
  /// Runs a script of Debian's python3, which has the library dirq. Returns what it prints.
  [[nodiscard]] std::vector<std::string> python(const std::string& script) const {
    const Outcome outcome =
        run(Invocation{.arguments = {"-c", script, other()}, .program = "/usr/bin/python3"});
    INFO(outcome.err);
    REQUIRE(outcome.exit == 0);
    return lines_of(outcome.out);
  }
  [[nodiscard]] Outcome import(const std::string& format,
                               const std::vector<std::string>& options = {}) const {
    std::vector<std::string> arguments = {"import", "--from=" + format, other(), queue()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(arguments);
  }
  /// The payloads in the order of delivery, each with a newline.
  [[nodiscard]] std::string payloads() const {
    return run({"take", queue(), "-n0", "--lines"}).out;
  }
  [[nodiscard]] std::vector<std::string> files_of_other() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator{other()}) {
      if (!entry.is_directory()) files.push_back(entry.path().lexically_relative(other()));
    }
    std::sort(files.begin(), files.end());
    return files;
  }

 private:
  Scratch scratch_;
};

constexpr const char* kThreeElements = R"(
import sys
from dirq.QueueSimple import QueueSimple
queue = QueueSimple(sys.argv[1])
for text in ('first', 'second', 'third'): print(queue.add(text))
)";

}  // namespace

TEST_CASE("a simple directory queue is imported in its order, with the names of its elements",
          "[cli][import]") {
  const Place place;
  const auto elements = place.python(kThreeElements);
  const Outcome outcome = place.import("dirq");
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  const auto lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(lines[i].substr(36) == "\t" + elements[i]);
  CHECK(place.files_of_other().empty());
  // Seconds since 1970, in hex, are the beginning of an element's name.
  const std::string listed = run_well({"show", place.queue(), lines[0].substr(0, 36), "--json"});
  CHECK(has(listed, "\"name\":\"" + elements[0] + "\""));
  const auto milliseconds = std::stoull(lines[0].substr(0, 8) + lines[0].substr(9, 4), nullptr, 16);
  CHECK(milliseconds / 1000 == std::stoull(elements[0].substr(9, 8), nullptr, 16));
  CHECK(place.payloads() == "first\nsecond\nthird\n");
}

TEST_CASE("an element that a consumer has locked is left", "[cli][import]") {
  const Place place;
  const auto elements = place.python(std::string{kThreeElements} + "queue.lock(queue.first())\n");
  const Outcome outcome = place.import("dirq");
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.err, "left " + elements[0] + ": locked: one of its consumers has it"));
  CHECK(place.files_of_other() == std::vector<std::string>{elements[0], elements[0] + ".lck"});
  CHECK(place.payloads() == "second\nthird\n");
}

TEST_CASE("the elements of a normal directory queue become messages with headers",
          "[cli][import]") {
  const Place place;
  const auto elements = place.python(R"(
import sys
from dirq.queue import Queue
queue = Queue(sys.argv[1], schema={'body': 'binary', 'header': 'table?', 'Text': 'string?'})
print(queue.add({'body': b'payload', 'header': {'Destination': '/q/x', 'odd': 'a\tb\\c\nd'},
                 'Text': 'yes'}))
print(queue.add({'body': b'only a body'}))
queue.add({'body': b'b', 'header': {'not a name': 'x'}})
queue.add({'body': b'b', 'header': {'A': '1', 'a': '2'}})
queue.add({'body': b'b', 'header': {'text': '1'}, 'Text': '2'})
)");
  const Outcome outcome = place.import("dirq");
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.err, "its fields cannot be headers: put header not a name"));
  CHECK(has(outcome.err, "two of them have one name"));
  REQUIRE(lines_of(outcome.out).size() == 2);
  const std::string shown = run_well({"show", place.queue(), outcome.out.substr(0, 36), "--json"});
  CHECK(has(shown, R"("destination":"/q/x")"));
  CHECK(has(shown, R"("odd":"a\tb\\c\nd")"));
  CHECK(has(shown, R"("text":"yes")"));
  CHECK(has(shown, "\"name\":\"" + elements[0] + "\""));
  CHECK(place.payloads() == "payload\nonly a body\n");
  // What was taken is gone as if a consumer had removed it; the others are whole.
  CHECK(place.files_of_other().size() == 7);
  CHECK(place.python(R"(
import sys
from dirq.queue import Queue
print(Queue(sys.argv[1], schema={'body': 'binary', 'header': 'table?'}).count())
)") == std::vector<std::string>{"3"});
}

TEST_CASE("a Maildir's new/ is imported, and cur/ left", "[cli][import]") {
  const Place place;
  const auto names = place.python(R"(
import sys, mailbox
box = mailbox.Maildir(sys.argv[1])
for text in ('first', 'second'): print(box.add('Subject: x\n\n' + text))
seen = mailbox.MaildirMessage('Subject: x\n\nseen'); seen.set_subdir('cur'); box.add(seen)
)");
  const Outcome outcome = place.import("maildir");
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.err, "left 1: in cur/: somebody has seen it"));
  CHECK(has(outcome.out, "\t" + names[0] + "\n"));
  CHECK(has(outcome.out, "\t" + names[1] + "\n"));
  CHECK(place.payloads() == "Subject: x\n\nfirst\nSubject: x\n\nsecond\n");
  CHECK(place.files_of_other().size() == 1);
}

TEST_CASE("jobs of nq that were not run are imported, the others left", "[cli][import]") {
  const Place place;
  fs::create_directory(place.other());
  const auto nq = [&](const std::vector<std::string>& arguments) {
    const Outcome outcome = run(Invocation{.arguments = arguments,
                                           .environment = {{"NQDIR", place.other()}},
                                           .program = "/usr/bin/nq"});
    REQUIRE(outcome.exit == 0);
    return lines_of(outcome.out).at(0);
  };
  const std::string ended = nq({"true"});
  REQUIRE(eventually([&] {
    return has(read_file(place.other() + "/" + ended), "exited") ||
           place.import("nq", {"--dry-run"}).out.starts_with("ignore");
  }));
  // It runs until the test lets it end.
  const std::string fifo = place.other() + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const std::string running = nq({"cat", fifo});
  const std::string waiting = nq({"echo", "a b"});
  // One whose nq has died, as after a reboot.
  const std::string orphan = ",1a2091fcb4d.1520";
  write_file(place.other() + "/" + orphan, "exec nq echo 'c'\\''d\ne'");
  // One that was killed together with the machine, when its output had begun.
  const std::string killed = ",1a2091fcb4e.1521";
  write_file(place.other() + "/" + killed, "exec nq echo 'e'\\''f\ng'\n\ne'f\n");
  const Outcome outcome = place.import("nq");
  CHECK(outcome.exit == 0);
  CHECK(lines_of(outcome.out).size() == 1);
  CHECK(has(outcome.out, "\t" + orphan + "\n"));
  CHECK(has(outcome.err, "left " + killed + ": it was begun, and did not come to its end"));
  CHECK(has(outcome.err, "left " + running + ": nq runs it, or it waits to be run"));
  CHECK(has(outcome.err, "left " + waiting + ": nq runs it, or it waits to be run"));
  CHECK(has(outcome.err, "left 1: it has been run"));
  CHECK(place.payloads() == "exec nq echo 'c'\\''d\ne'\n");
  write_file(fifo, "");
  CHECK(eventually([&] { return has(read_file(place.other() + "/" + waiting), "exited"); }));
}

TEST_CASE("an imported job of nq is run as the help says", "[cli][import]") {
  const Place place;
  fs::create_directory(place.other());
  write_file(place.other() + "/,1a2091fcb4d.1520", "exec nq echo 'c  d' 'e'\\''f'");
  REQUIRE(place.import("nq").exit == 0);
  const std::string help = run_well({"import", "--help"});
  const std::size_t begin = help.find("spoolq work Q -- ");
  REQUIRE(begin != std::string::npos);
  std::string command = help.substr(begin, help.find('\n', begin) - begin);
  command.replace(command.find(" Q "), 3, " " + place.queue() + " --drain --quiet ");
  command.replace(0, 6, program_path());
  const Outcome outcome = run(Invocation{.arguments = {"-c", command}, .program = "/bin/sh"});
  CHECK(outcome.out == "c  d e'f\n");
}

TEST_CASE("a repeated import doubles nothing, also when everything is kept", "[cli][import]") {
  const Place place;
  const auto elements = place.python(kThreeElements);
  CHECK(lines_of(place.import("dirq", {"--keep"}).out).size() == 3);
  CHECK(place.files_of_other() == elements);
  CHECK(place.payloads() == "first\nsecond\nthird\n");
  const Outcome again = place.import("dirq", {"--keep"});
  CHECK(again.exit == 0);
  CHECK(again.out.empty());
  CHECK(again.err.empty());
  CHECK(has(place.import("dirq", {"--keep", "--dry-run"}).out, "ignore\t" + elements[0]));
  // Without it they go now, and are no second messages.
  CHECK(place.import("dirq").exit == 0);
  CHECK(place.files_of_other().empty());
  CHECK(place.payloads().empty());
}

TEST_CASE("a dry run of an import changes nothing", "[cli][import]") {
  const Place place;
  const auto elements = place.python(kThreeElements);
  const Outcome outcome = place.import("dirq", {"--dry-run"});
  CHECK(outcome.exit == 0);
  CHECK(lines_of(outcome.out).at(0) == "take\t" + elements[0] + "\tnot locked");
  CHECK(place.files_of_other() == elements);
  CHECK(names_in(place.queue() + "/new").empty());
  CHECK_FALSE(fs::exists(place.queue() + "/intake"));
}

TEST_CASE("a folder of another kind is refused, and what is no queue at all", "[cli][import]") {
  const Place place;
  fs::create_directory(place.other());
  write_file(place.other() + "/report.txt", "x");
  CHECK(has(place.import("dirq").err, "no directory queue"));
  CHECK(place.import("dirq").exit == 65);
  CHECK(has(place.import("maildir").err, "no Maildir: no new/"));
  CHECK(place.import("maildir").exit == 65);
  CHECK(has(place.import("nq").err, "no folder of nq"));
  CHECK(place.import("nq").exit == 65);
  CHECK(run({"import", place.other(), place.queue()}).exit == 64);
  const Outcome queue = run({"import", "--from=maildir", place.queue(), place.queue()});
  CHECK(queue.exit == 65);
  CHECK(has(queue.err, "spoolq mv"));
  CHECK(run({"import", "--from=nq", place.other() + "/none", place.queue()}).exit == 66);
}

TEST_CASE("an import into a queue that is full says so, and goes on later", "[cli][import]") {
  const Place place;
  REQUIRE(place.python(kThreeElements).size() == 3);
  run_well({"config", place.queue(), "max_messages=2"});
  const Outcome outcome = place.import("dirq");
  CHECK(outcome.exit == 75);
  CHECK(lines_of(outcome.out).size() == 2);
  CHECK(place.files_of_other().size() == 1);
  CHECK(place.payloads() == "first\nsecond\n");
  CHECK(place.import("dirq").exit == 0);
  CHECK(place.payloads() == "third\n");
}

}  // namespace spoolq::test
