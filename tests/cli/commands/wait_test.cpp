// wait.
#include <fmt/core.h>
#include <sys/xattr.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include "spoolq/consumer.hpp"
#include "spoolq/producer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

std::string new_queue(const Scratch& scratch, const std::vector<std::string>& settings = {}) {
  std::vector<std::string> arguments = {"init", scratch / "q"};
  arguments.insert(arguments.end(), settings.begin(), settings.end());
  run_well(arguments);
  return scratch / "q";
}

std::string put(const std::string& q) { return run_well({"put", q, "--sync=none"}, "x"); }

/// Claims the next message; the path of the claim.
std::string hold(const std::string& q) { return run_well({"take", q, "--hold"}).substr(37); }

/// A message that has failed, with an exit code where one is given.
std::string put_failed(const std::string& q, const std::string& exit_code = "") {
  const std::string id = put(q);
  run_well({"fail", q, hold(q), "--reason=no such user"});
  if (!exit_code.empty()) {
    for (const std::string& file : names_in(q + "/failed")) {
      if (!has(file, id)) continue;
      const std::string reason = R"({"text":"no such user","exit_code":)" + exit_code + "}";
      REQUIRE(::setxattr((q + "/failed/" + file).c_str(), "user.spoolq.reason", reason.data(),
                         reason.size(), 0) == 0);
    }
  }
  return id;
}

/// `spoolq wait`, which has looked and waits for events.
std::unique_ptr<Running> waiting(const std::string& q, const std::vector<std::string>& words) {
  std::vector<std::string> arguments = {"wait", q};
  arguments.insert(arguments.end(), words.begin(), words.end());
  auto wait = std::make_unique<Running>(Invocation{.arguments = arguments});
  REQUIRE(eventually([&] { return wait->sleeps(); }));
  return wait;
}

/// Its end: the exit code, and nothing on standard output.
int end_of(const std::unique_ptr<Running>& wait) {
  const Outcome outcome = wait->wait();
  CHECK(outcome.out.empty());
  if (outcome.exit == 0) CHECK(outcome.err.empty());
  return outcome.exit;
}

int wait_now(const std::string& q, std::vector<std::string> words) {
  words.insert(words.begin(), {"wait", q});
  return run(words).exit;
}

}  // namespace

TEST_CASE("wait ends when the message is acknowledged", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = put(q);
  const auto whole = waiting(q, {id});
  const auto end = waiting(q, {id.substr(28)});
  const auto path = waiting(q, {q + "/new/" + names_in(q + "/new").at(0)});
  const auto newest = waiting(q, {"@newest"});
  const std::string claim = hold(q);
  run_well({"extend", q, claim});
  run_well({"release", q, claim, "--delay=1ms"});
  run_well({"take", q, "--wait=20s"});
  for (const auto& wait : {&whole, &end, &path, &newest}) CHECK(end_of(*wait) == 0);
}

TEST_CASE("a message that is nowhere is done, unless done ones are kept: 66", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = put(q);
  run_well({"take", q});
  CHECK(wait_now(q, {id}) == 0);
  CHECK(wait_now(q, {id.substr(28)}) == 0);
  run_well({"config", q, "keep_done=on"});
  const Outcome missing = run({"wait", q, id});
  CHECK(missing.exit == 66);
  CHECK(has(missing.err, "no such message"));
  CHECK(wait_now(q, {id.substr(28)}) == 66);

  const std::string kept = put(q);
  const auto wait = waiting(q, {kept});
  run_well({"take", q});
  CHECK(end_of(wait) == 0);
  CHECK(wait_now(q, {kept}) == 0);
  const std::string removed = put(q);
  const auto disappointed = waiting(q, {removed});
  run_well({"rm", q, removed});
  CHECK(end_of(disappointed) == 66);
}

TEST_CASE("wait ends with the exit code of a failed job, or with 1, and says why", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = put_failed(q);
  const Outcome outcome = run({"wait", q, id});
  CHECK(outcome.exit == 1);
  CHECK(outcome.out.empty());
  CHECK(outcome.err == "spoolq: " + id + ": failed: no such user\n");
  CHECK(wait_now(q, {put_failed(q, "3")}) == 3);
  CHECK(wait_now(q, {put_failed(q, "255")}) == 255);
  CHECK(wait_now(q, {put_failed(q, "256")}) == 1);
  CHECK(wait_now(q, {put_failed(q, "0")}) == 1);

  const std::string later = put(q);
  const auto wait = waiting(q, {later});
  run_well({"fail", q, hold(q), "--reason=because"});
  const Outcome failed = wait->wait();
  CHECK(failed.exit == 1);
  CHECK(failed.err == "spoolq: " + later + ": failed: because\n");
  // Tried again by hand, it is waited for anew.
  run_well({"retry", q, later});
  const auto again = waiting(q, {later});
  run_well({"take", q});
  CHECK(end_of(again) == 0);
}

TEST_CASE("a message whose attempts are used up has failed", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch, {"max_attempts=2"});
  const std::string id = put(q);
  const auto wait = waiting(q, {id});
  run_well({"release", q, hold(q)});
  CHECK(eventually([&] { return wait->sleeps(); }));
  run_well({"release", q, hold(q)});
  const Outcome outcome = wait->wait();
  CHECK(outcome.exit == 1);
  CHECK(has(outcome.err, "given up after 2 of 2 attempts"));
}

TEST_CASE("a damaged message is not done: 65", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = put(q);
  write_file(q + "/new/" + names_in(q + "/new").at(0), "too long");
  const auto wait = waiting(q, {id});
  CHECK(run({"take", q}).exit != 0);
  CHECK(end_of(wait) == 65);
  CHECK(wait_now(q, {id}) == 65);
}

TEST_CASE("of several messages all are waited for, and the first code that is not 0 counts",
          "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string three = put_failed(q, "3");
  const std::string one = put_failed(q);
  const std::string good = put(q);
  const auto wait = waiting(q, {good, three, one, good});
  const auto other = waiting(q, {one, good, three});
  run_well({"take", q});
  CHECK(end_of(wait) == 3);
  CHECK(end_of(other) == 1);
}

TEST_CASE("when the time is over wait ends with 124", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = put(q);
  const auto begin = std::chrono::steady_clock::now();
  const Outcome outcome = run({"wait", q, id, "--timeout=100ms"});
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds{100});
  CHECK(outcome.exit == 124);
  CHECK(outcome.out.empty());
  CHECK(has(outcome.err, "the time is over"));
  CHECK(wait_now(q, {"--empty", "--timeout=0"}) == 124);
  CHECK(wait_now(q, {id, "--timeout=0"}) == 124);
  run_well({"take", q});
  CHECK(wait_now(q, {id, "--timeout=0"}) == 0);
  CHECK(wait_now(q, {"--empty", "--timeout=0"}) == 0);
}

TEST_CASE("wait ends on a signal with its number", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = put(q);
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto wait = waiting(q, {id});
    wait->signal(signal);
    CHECK(end_of(wait) == 128 + signal);
    const auto empty = waiting(q, {"--empty"});
    empty->signal(signal);
    CHECK(end_of(empty) == 128 + signal);
  }
}

TEST_CASE("wait --empty ends when nothing is ready, claimed or delayed", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch, {"keep_done=on"});
  CHECK(wait_now(q, {"--empty"}) == 0);
  put_failed(q);
  put(q);
  run_well({"take", q});
  CHECK(wait_now(q, {"--empty"}) == 0);
  const std::string first = put(q);
  put(q);
  run_well({"put", q, "--delay=1h"}, "x");
  write_file(q + "/new/stranger", "x");
  const auto wait = waiting(q, {"--empty"});
  run_well({"pause", q});
  run_well({"resume", q});
  const std::string claim = hold(q);
  const auto second = waiting(q, {"--empty"});
  run_well({"purge", q, "--state=ready,delayed", "--force"});
  REQUIRE(eventually([&] { return wait->sleeps() && second->sleeps(); }));
  run_well({"fail", q, claim});
  CHECK(end_of(wait) == 0);
  CHECK(end_of(second) == 0);
}

TEST_CASE("wait refuses what can be no message", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string word : {"abc", "cat.jpg", "97D0A11G", "", "new/cat.jpg", "@eldest",
                                 "01935a7b-8c3d-4e21-9f4a-1b2c97d0a11c"}) {
    CAPTURE(word);
    const Outcome outcome = run({"wait", q, word});
    CHECK(outcome.exit == 65);
    CHECK(outcome.err.starts_with("spoolq: "));
  }
  CHECK(wait_now(q, {"@oldest"}) == 66);
  const std::string id = put(q);
  put(q);
  const Outcome ambiguous = run({"wait", q, id.substr(0, 6)});
  CHECK(ambiguous.exit == 66);
  CHECK(has(ambiguous.err, id));
  CHECK(wait_now(q, {id, "--empty"}) == 64);
  CHECK(wait_now(q, {}) == 64);
  CHECK(wait_now(scratch / "nothing", {id}) == 66);
  CHECK(wait_now(q, {"97D0A11C"}) == 0);
}

TEST_CASE("a queue that is removed ends the wait: 66", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const auto wait = waiting(q, {put(q)});
  // The message itself stays, so that it is not this that ends it.
  fs::rename(q + "/new", scratch / "elsewhere");
  fs::rename(scratch / "elsewhere", q + "/new");
  CHECK(eventually([&] { return wait->sleeps(); }));
  fs::remove_all(q);
  const int code = end_of(wait);
  CHECK((code == 66 || code == 0));
}

TEST_CASE("no wait ends early while messages are taken and given back all the time",
          "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch, {"max_attempts=9999"});
  std::vector<std::string> ids;
  for (int i = 0; i < 2; ++i) ids.push_back(put(q));
  const std::vector<std::string> files = names_in(q + "/new");
  std::atomic<bool> done{false};
  std::vector<std::thread> movers;
  // One by the library; one only renames, which is quicker by far.
  movers.emplace_back([&] {
    Consumer consumer{q};
    Queue queue = consumer.queue();
    for (int round = 0; !done; ++round) {
      auto claim = consumer.try_take();
      if (!claim) continue;
      if (round % 16 == 0) {
        queue.detached_claim(claim->detach(std::chrono::hours{1})).release();
      } else {
        claim->undo();
      }
    }
  });
  movers.emplace_back([&] {
    while (!done) {
      for (const std::string& file : files) {
        const std::string ready = q + "/new/" + file;
        const std::string claimed = q + "/cur/" + file + ",C=detached.0123456789abcdef";
        std::rename(ready.c_str(), claimed.c_str());
        std::rename(claimed.c_str(), ready.c_str());
      }
      // Renames without a pause would keep everybody else out of the folders.
      std::this_thread::sleep_for(std::chrono::microseconds{50});
    }
  });
  // Each looks through all folders while messages move between them.
  int early = 0;
  for (int i = 0; i < 30; ++i) {
    const std::string& id = ids[static_cast<std::size_t>(i) % ids.size()];
    const std::string word = i % 3 == 0 ? id.substr(24) : id;
    if (wait_now(q, {word, "--timeout=0"}) != 124) ++early;
    if (i % 2 == 0 && wait_now(q, {"--empty", "--timeout=0"}) != 124) ++early;
  }
  std::vector<std::unique_ptr<Running>> waits;
  for (const std::string& id : ids) {
    waits.push_back(std::make_unique<Running>(Invocation{.arguments = {"wait", q, id}}));
  }
  waits.push_back(std::make_unique<Running>(Invocation{.arguments = {"wait", q, "--empty"}}));
  for (const auto& wait : waits) CHECK(eventually([&] { return wait->watches(); }));
  done = true;
  for (std::thread& mover : movers) mover.join();
  for (const auto& wait : waits) CHECK(eventually([&] { return wait->sleeps(); }));
  CHECK(early == 0);
  run_well({"take", q, "-n", "0"});
  for (const auto& wait : waits) CHECK(end_of(wait) == 0);
}

TEST_CASE("a wait that begins just as the message is done ends all the same", "[cli][wait]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  Consumer consumer{q};
  for (int i = 0; i < 20; ++i) {
    const std::string id = put(q);
    auto claim = consumer.try_take();
    REQUIRE(claim);
    const auto wait = std::make_unique<Running>(Invocation{.arguments = {"wait", q, id}});
    if (i % 2 == 0) static_cast<void>(eventually([&] { return wait->watches(); }));
    claim->ack(Sync::none);
    CHECK(end_of(wait) == 0);
  }
}

}  // namespace spoolq::test
