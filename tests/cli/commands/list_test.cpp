// ls: which messages, in which order.
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

using Ids = std::vector<std::string>;

Ids listed(std::vector<std::string> options, const std::string& queue) {
  options.insert(options.begin(), {"ls", queue, "-q"});
  return lines_of(run_well(options));
}

}  // namespace

TEST_CASE("ls selects by state, key, type, name and age", "[cli][ls]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  const std::string a =
      run_well({"put", q, "--key=user/7", "--type=image/jpeg", "--name=cat.jpg"}, "1");
  const std::string b = run_well({"put", q, "--key=user/8", "--name=dog.jpg"}, "22");
  const std::string c = run_well({"put", q, "--delay=1h", "--name=cat.png"}, "333");
  CHECK(listed({}, q) == Ids{a, b, c});
  CHECK(listed({"--key=user/7"}, q) == Ids{a});
  CHECK(listed({"--type", "image/jpeg"}, q) == Ids{a});
  CHECK(listed({"--name=*.jpg"}, q) == Ids{a, b});
  CHECK(listed({"--name=cat.*"}, q) == Ids{a, c});
  CHECK(listed({"--name=cat.*", "--state=delayed"}, q) == Ids{c});
  CHECK(listed({"--older=1h"}, q).empty());
  CHECK(listed({"--older=0ms"}, q).size() == 3);
  CHECK(run({"ls", q, "--older=long"}).exit == 65);
}

TEST_CASE("ls sorts as it is told, and reverses it", "[cli][ls]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  const std::string large = run_well({"put", q, "--name=b", "--priority=1"}, "333");
  const std::string small = run_well({"put", q, "--name=c", "--priority=0"}, "1");
  const std::string later = run_well({"put", q, "--name=a", "--delay=1h"}, "22");
  CHECK(listed({}, q) == Ids{small, large, later});
  CHECK(listed({"--reverse"}, q) == Ids{later, large, small});
  CHECK(listed({"--sort=delivery"}, q) == Ids{small, large, later});
  CHECK(listed({"--sort=age"}, q) == Ids{large, small, later});
  CHECK(listed({"--sort=age", "-r"}, q) == Ids{later, small, large});
  CHECK(listed({"--sort=size"}, q) == Ids{small, later, large});
  CHECK(listed({"--sort=name"}, q) == Ids{later, large, small});
  CHECK(listed({"--sort=size", "-r", "-n", "1"}, q) == Ids{large});
  run_well({"release", q, run_well({"take", q, "--hold"}).substr(37)});
  CHECK(listed({"--sort=attempts", "-r", "-n", "1"}, q) == Ids{small});
  const Outcome wrong = run({"ls", q, "--sort=colour"});
  CHECK(wrong.exit == 65);
  CHECK(has(wrong.err, "not one of delivery, age, size, attempts, name"));
}

}  // namespace spoolq::test
