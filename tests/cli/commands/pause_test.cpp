// pause and resume.
#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {

TEST_CASE("a paused queue takes puts and gives nothing: 69", "[cli][pause]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  run_well({"put", q}, "held");
  const std::string claim = run_well({"take", q, "--hold"});
  run_well({"pause", q});
  run_well({"pause", q});
  run_well({"put", q}, "waits");

  const Outcome refused = run({"take", q});
  CHECK(refused.exit == 69);
  CHECK(refused.out.empty());
  CHECK(has(refused.err, "is paused. To go on: spoolq resume " + q));
  const Outcome waited = run({"take", q, "--wait=50ms"});
  CHECK(waited.exit == 1);
  CHECK(has(waited.err, "is paused"));
  CHECK(run({"take", q, "--hold"}).exit == 69);
  CHECK(run({"take", q, "-n", "0", "-o", scratch / "."}).exit == 69);
  CHECK(run_well({"peek", q}) == "waits");
  CHECK(has(run_well({"stats", q, "--json"}), R"("paused":true)"));
  run_well({"ack", q, claim.substr(37)});

  run_well({"resume", q});
  run_well({"resume", q});
  CHECK(run_well({"take", q}) == "waits");
  CHECK(run({"take", q}).exit == 1);
}

TEST_CASE("take --wait goes on at resume", "[cli][pause]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  run_well({"put", q}, "waits");
  run_well({"pause", q});
  Running taking{{.arguments = {"take", q, "--wait=20s"}}};
  REQUIRE(eventually([&] { return has(run_well({"stats", q, "--json"}), R"("consumers":1)"); }));
  run_well({"resume", q});
  const Outcome outcome = taking.wait();
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "waits");
}

TEST_CASE("a Maildir, and what is no queue, cannot be paused: 66", "[cli][pause]") {
  const Scratch scratch;
  for (const char* folder : {"tmp", "new", "cur"}) {
    std::filesystem::create_directories(scratch.path() / "mail" / folder);
  }
  CHECK(run({"pause", scratch / "mail"}).exit == 66);
  CHECK(has(run({"resume", scratch / "mail"}).err, "spoolq init"));
  CHECK(run({"pause", scratch / "nothing"}).exit == 66);
}

}  // namespace spoolq::test
