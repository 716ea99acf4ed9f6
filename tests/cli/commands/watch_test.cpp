// watch.
#include <atomic>
#include <chrono>
#include <csignal>
#include <regex>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

/// `spoolq watch`, which has begun to watch.
class Watch {
 public:
  explicit Watch(const std::string& q, const std::vector<std::string>& options = {})
      : program_{Invocation{.arguments = arguments(q, options)}} {
    REQUIRE(eventually([this] { return program_.sleeps(); }));
  }
  Running& program() { return program_; }
  /// What happened next, and what is told besides: the line without its time and id.
  std::string next() {
    const std::string line = program_.read_line();
    std::smatch match;
    const std::regex form{
        R"((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)  ([a-z]+) +([0-9a-f]{8})(?:  (.*))?\n)"};
    if (!std::regex_match(line, match, form)) return "no event: " + line;
    id_ = match[3];
    return match[4].matched ? match[2].str() + " " + match[4].str() : match[2].str();
  }
  /// The end of the id in the line before.
  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  static std::vector<std::string> arguments(const std::string& q,
                                            std::vector<std::string> options) {
    options.insert(options.begin(), {"watch", q});
    return options;
  }
  Running program_;
  std::string id_;
};

std::string new_queue(const Scratch& scratch) {
  run_well({"init", scratch / "q"});
  return scratch / "q";
}

}  // namespace

TEST_CASE("watch prints a line for each thing that happens, at once", "[cli][watch]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "before");
  run_well({"take", q});
  Watch watch{q};
  const std::string id = run_well({"put", q, "--name=cat\n.jpg"}, "x");
  CHECK(watch.next() == R"(put cat\x0a.jpg)");
  CHECK(watch.id() == id.substr(28));
  const std::string claim = run_well({"take", q, "--hold"}).substr(37);
  CHECK(watch.next() == R"(claimed cat\x0a.jpg)");
  run_well({"extend", q, claim});
  run_well({"release", q, claim, "--delay=500ms"});
  CHECK(watch.next() == R"(delayed cat\x0a.jpg)");
  run_well({"take", q, "--wait"});
  CHECK(watch.next() == R"(returned cat\x0a.jpg)");
  CHECK(watch.next() == R"(claimed cat\x0a.jpg)");
  CHECK(watch.next() == R"(gone cat\x0a.jpg)");
  run_well({"put", q}, "x");
  CHECK(watch.next() == "put");
  run_well({"fail", q, run_well({"take", q, "--hold"}).substr(37)});
  CHECK(watch.next() == "claimed");
  CHECK(watch.next() == "failed");
}

TEST_CASE("watch is not confused by a pause, new settings or a restart of a consumer",
          "[cli][watch]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  Watch watch{q};
  run_well({"pause", q});
  run_well({"config", q, "keep_done=on"});
  run_well({"reap", q});
  run_well({"resume", q});
  run({"take", q});
  run_well({"put", q, "--name=one"}, "x");
  CHECK(watch.next() == "put one");
  run_well({"take", q});
  CHECK(watch.next() == "claimed one");
  CHECK(watch.next() == "gone one");
}

TEST_CASE("watch ends on a signal with its number, and without a word", "[cli][watch]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const int signal : {SIGINT, SIGTERM}) {
    Watch watch{q};
    watch.program().signal(signal);
    const Outcome outcome = watch.program().wait();
    CHECK(outcome.exit == 128 + signal);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.empty());
  }
}

TEST_CASE("watch ends when its reader goes away, also where nothing happens", "[cli][watch]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const Outcome outcome = run(Invocation{.arguments = {"watch", q}, .reader_gone = true});
  CHECK(outcome.exit == 141);
  CHECK(outcome.err.empty());
}

TEST_CASE("watch says when the queue is removed, or output fails", "[cli][watch]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  CHECK(run(Invocation{.arguments = {"watch", q}, .output_closed = true}).exit == 74);
  CHECK(run(Invocation{.arguments = {"watch", q}, .output_file = "/dev/full"}).exit == 74);
  Watch watch{q};
  std::filesystem::remove_all(q);
  const Outcome outcome = watch.program().wait();
  CHECK(outcome.exit == 66);
  CHECK(has(outcome.err, "it was removed"));
}

TEST_CASE("watch warns when events were lost, and goes on", "[cli][watch]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  Watch watch{q};
  watch.program().signal(SIGSTOP);
  write_file(q + "/tmp/.a", "x");
  write_file(q + "/tmp/.b", "x");
  for (int i = 0; i < 10'000; ++i) {
    for (const auto& [from, to] :
         std::vector<std::pair<std::string, std::string>>{{"tmp", "new"}, {"new", "tmp"}}) {
      for (const std::string name : {"/.a", "/.b"}) {
        std::rename((q + "/" + from + name).c_str(), (q + "/" + to + name).c_str());
      }
    }
  }
  watch.program().signal(SIGCONT);
  // What comes before the overflow was read is lost with it.
  std::atomic<bool> seen{false};
  std::thread producer{[&] {
    while (!seen) run({"put", q, "--name=after"}, "x");
  }};
  CHECK(watch.next() == "put after");
  seen = true;
  producer.join();
  watch.program().signal(SIGTERM);
  CHECK(has(watch.program().wait().err, "more happened than the system keeps"));
}

}  // namespace spoolq::test
