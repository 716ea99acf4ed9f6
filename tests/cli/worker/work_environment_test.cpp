// work: arguments, environment, descriptors and signals of a job; and that nothing in a message is
// ever run.
#include <sys/xattr.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

/// What a job prints that runs env, as a map.
std::map<std::string, std::string> environment_of_job(
    const Workplace& place, const std::map<std::string, std::string>& of_worker = {}) {
  Invocation worker = place.worker({"--drain"}, {"env"});
  worker.environment = of_worker;
  const Outcome outcome = run(worker);
  REQUIRE(outcome.exit == 0);
  std::map<std::string, std::string> variables;
  for (const std::string& line : lines_of(outcome.out)) {
    const std::size_t equals = line.find('=');
    variables[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return variables;
}

/// Names and payloads that a careless program would run, split or interpret.
const std::vector<std::string> kNasty = {
    "$(touch pwn)", "`touch pwn`",  "; touch pwn", "| touch pwn",
    "&& touch pwn", "\n touch pwn", "%s%n%d",      "-rf",
    "--help",       "a b  c",       "*",           "'\"\\",
    "{id}",         "{}",           "\xff\xfe",    "x=y"};

TEST_CASE("a job is told of its message in its environment", "[cli][work]") {
  const Workplace place{{"max_attempts=7"}};
  const std::string id = place.put("x", {"--name=cat.jpg", "--key=user/7", "--type=image/jpeg",
                                         "--header=traceparent=00-11-22-01",
                                         "--header=tracestate=a=b", "--header=baggage=user=7"});
  const std::string enqueued = place.show(id).at("enqueued_at");
  auto job = environment_of_job(place);
  CHECK(job["SPOOLQ_ID"] == id);
  CHECK(job["SPOOLQ_FILE"].starts_with(place.queue() + "/cur/"));
  CHECK(has(job["SPOOLQ_FILE"], id));
  CHECK(job["SPOOLQ_QUEUE"] == place.queue());
  CHECK(job["SPOOLQ_ATTEMPT"] == "1");
  CHECK(job["SPOOLQ_MAX_ATTEMPTS"] == "7");
  CHECK(job["SPOOLQ_ENQUEUED_AT"] == enqueued);
  CHECK(job["SPOOLQ_NAME"] == "cat.jpg");
  CHECK(job["SPOOLQ_KEY"] == "user/7");
  CHECK(job["SPOOLQ_TYPE"] == "image/jpeg");
  CHECK(job["TRACEPARENT"] == "00-11-22-01");
  CHECK(job["TRACESTATE"] == "a=b");
  CHECK(job["BAGGAGE"] == "user=7");
}

TEST_CASE("what a message has not is empty, and no trace but its own is handed on", "[cli][work]") {
  const Workplace place;
  place.put();
  auto job = environment_of_job(place, {{"TRACEPARENT", "worker"},
                                        {"TRACESTATE", "worker"},
                                        {"BAGGAGE", "worker"},
                                        {"NOTIFY_SOCKET", "/nowhere"},
                                        {"WATCHDOG_USEC", "9000000"},
                                        {"WATCHDOG_PID", "1"},
                                        {"SPOOLQ_KEY", "worker"},
                                        {"SPOOLQ_ROOT", "/root-of-queues"},
                                        {"MINE", "stays"}});
  for (const std::string name : {"SPOOLQ_NAME", "SPOOLQ_KEY", "SPOOLQ_TYPE"}) {
    CAPTURE(name);
    REQUIRE(job.contains(name));
    CHECK(job[name].empty());
  }
  for (const std::string name :
       {"TRACEPARENT", "TRACESTATE", "BAGGAGE", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    CAPTURE(name);
    CHECK_FALSE(job.contains(name));
  }
  CHECK(job["SPOOLQ_ROOT"] == "/root-of-queues");
  CHECK(job["MINE"] == "stays");
}

TEST_CASE("the attempt is counted from run to run, and --max-attempts is told", "[cli][work]") {
  const Workplace place;
  place.put();
  CHECK(place.drain("echo $SPOOLQ_ATTEMPT of $SPOOLQ_MAX_ATTEMPTS; exit 1", {"--max-attempts=3"})
            .out == "1 of 3\n2 of 3\n3 of 3\n");
}

TEST_CASE("bytes that no variable can hold are left out of it", "[cli][work]") {
  const Workplace place;
  place.put("", {"--header=baggage=x"});
  const std::string file = place.queue() + "/new/" + names_in(place.queue() + "/new").at(0);
  REQUIRE(::setxattr(file.c_str(), "user.spoolq.baggage", "a\0b\n\xff", 5, 0) == 0);
  CHECK(place.drain("printf %s \"$BAGGAGE\"").out == "ab\n\xff");
}

TEST_CASE("placeholders are replaced inside words, and only they", "[cli][work]") {
  const Workplace place;
  const std::string id = place.put("the payload", {"--name=a b"});
  const Outcome outcome =
      run(place.worker({"--drain"}, {"printf", "%s\\n", "{id}", "[{name}]", "{id}{id}", "{", "}",
                                     "{x}", "{ }", "{name", "{{name}}", "", "f={}"}));
  REQUIRE(outcome.exit == 0);
  std::vector<std::string> words = lines_of(outcome.out);
  REQUIRE(words.size() == 11);
  CHECK(words.back().starts_with("f=" + place.queue() + "/cur/"));
  words.pop_back();
  CHECK(words == std::vector<std::string>{id, "[a b]", id + id, "{", "}", "{x}", "{ }", "{name",
                                          "{a b}", ""});
}

TEST_CASE("the path is that of the payload, also in the command itself", "[cli][work]") {
  const Workplace place;
  place.put("the payload", {"--name=at"});
  CHECK(run(place.worker({"--once"}, {"c{name}", "{}"})).out == "the payload");
}

TEST_CASE("nothing in a name or a payload is run, split or interpreted", "[cli][work]") {
  for (const std::string& nasty : kNasty) {
    CAPTURE(nasty);
    const Workplace place;
    place.put(nasty, {"--name=" + nasty, "--key=" + nasty, "--type=" + nasty,
                      "--header=traceparent=" + nasty});
    const Outcome outcome = run(place.worker(
        {"--drain", "--output-dir", place / ".", "--joblog", place / "log"},
        {"sh", "-c",
         R"(printf '%s,%s,%s,%s,%s,' "$1" "$SPOOLQ_NAME" "$SPOOLQ_KEY" "$SPOOLQ_TYPE" "$TRACEPARENT"; cat)",
         "sh", "{name}"}));
    CHECK(outcome.exit == 0);
    std::string expected;
    for (int i = 0; i < 5; ++i) expected += nasty + ",";
    std::vector<std::string> outputs;
    for (const std::string& name : names_in(place / ".")) {
      CHECK(name != "pwn");
      if (name.size() == 36) outputs.push_back(read_file(place / name));
    }
    CHECK(outputs == std::vector<std::string>{expected + nasty});
    CHECK_FALSE(std::filesystem::exists(place / "q/pwn"));
    CHECK(lines_of(read_file(place / "log")).size() == 2);
  }
}

TEST_CASE("a name alone as a word stays one word", "[cli][work]") {
  const Workplace place;
  for (const std::string& nasty : kNasty) place.put("", {"--name=" + nasty});
  std::string expected;
  for (const std::string& nasty : kNasty) expected += "1:" + nasty + "\n";
  CHECK(run(place.worker({"--drain"}, {"sh", "-c", "printf '%s\\n' \"$#:$1\"", "sh", "{name}"}))
            .out == expected);
}

TEST_CASE("a job has the descriptors 0, 1 and 2 and no others", "[cli][work]") {
  const Workplace place;
  place.put_many(3);
  // Whatever the worker itself was started with.
  Invocation worker = place.script({"--drain", "-j2", "--joblog", place / "log"}, "ls /proc/$$/fd");
  Words words = {"-c", R"(exec 7< /dev/null 9> /dev/null; exec "$0" "$@")", program_path()};
  words.insert(words.end(), worker.arguments.begin(), worker.arguments.end());
  worker.arguments = words;
  worker.program = "/bin/sh";
  CHECK(run(worker).out == "0\n1\n2\n0\n1\n2\n0\n1\n2\n");
}

TEST_CASE("a job has no signal blocked or ignored, whatever the worker has", "[cli][work]") {
  const Workplace place;
  place.put();
  Invocation worker = place.worker({"--drain"}, {"cat", "/proc/self/status"});
  Words words = {"-c", R"(trap '' INT HUP USR1 PIPE CHLD; exec "$0" "$@")", program_path()};
  words.insert(words.end(), worker.arguments.begin(), worker.arguments.end());
  worker.arguments = words;
  worker.program = "/bin/sh";
  const Outcome outcome = run(worker);
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.out, "SigBlk:\t0000000000000000\n"));
  CHECK(has(outcome.out, "SigIgn:\t0000000000000000\n"));
}

TEST_CASE("a job leads a process group of its own, in the session of its supervisor",
          "[cli][work]") {
  const Workplace place;
  place.put();
  const std::string stat = run(place.worker({"--drain"}, {"cat", "/proc/self/stat"})).out;
  const std::size_t name_end = stat.rfind(')');
  REQUIRE(name_end != std::string::npos);
  std::istringstream fields{stat.substr(name_end + 1)};
  std::string state;
  std::string parent;
  std::string group;
  std::string session;
  std::string terminal;
  fields >> state >> parent >> group >> session >> terminal;
  CHECK(group == stat.substr(0, stat.find(' ')));
  CHECK(session == parent);
  CHECK(terminal == "0");
}

TEST_CASE("a job runs in the worker's folder with its environment", "[cli][work]") {
  const Workplace place;
  place.put();
  CHECK(place.drain("pwd").out == std::filesystem::canonical(place / ".").string() + "\n");
}

}  // namespace
}  // namespace spoolq::test
