// What people do with the folders by hand, in a real shell, while consumers run: look, read, move
// and remove. The consumers take no notice, and every message ends in one place.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/catch.hpp"
#include "tests/writers/taker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

std::multiset<std::string> payloads_of(const std::vector<Taken>& taken) {
  std::multiset<std::string> payloads;
  for (const Taken& each : taken) payloads.insert(each.payload);
  return payloads;
}

std::multiset<std::string> contents_of(const fs::path& folder) {
  std::multiset<std::string> contents;
  for (const std::string& name : names_in(folder)) contents.insert(read_file(folder / name));
  return contents;
}

bool is_drained(const RealQueue& queue) {
  return queue.count(Folder::ready) == 0 && queue.count(Folder::claimed) == 0;
}

}  // namespace

TEST_CASE("the first name in new/ is the next message", "[writers][shell]") {
  RealQueue queue;
  for (const int priority : {5, 9, 0, 5, 2, 0, 7, 5}) {
    PutOptions options;
    options.priority = priority;
    queue.put(fmt::format("{} of priority {}", queue.count(Folder::ready), priority), options);
  }
  const std::string out = shell(queue, R"(
while next=$(ls "$Q/new" | LC_ALL=C sort | head -1); [ -n "$next" ]; do
  expected=$(cat "$Q/new/$next")
  taken=$("$PROGRAM" take "$Q")
  [ "$taken" = "$expected" ] || echo "took '$taken', not '$expected'"
  echo "${taken%% *}"
done)",
                                {{"PROGRAM", program_path()}});
  CHECK(out == "2\n5\n4\n0\n3\n7\n6\n1\n");
}

TEST_CASE("reading and listing new/ all the time disturbs nobody", "[writers][shell]") {
  RealQueue queue;
  Taker taker{queue};
  Script reader{queue, R"(
echo begun
while [ ! -e enough ]; do
  { cat "$Q"/new/* "$Q"/cur/*; ls -l "$Q/new"; wc -c "$Q"/new/*; } > /dev/null 2>&1 || true
done)"};
  REQUIRE(reader.line() == "begun\n");
  constexpr int kMessages = 200;
  std::multiset<std::string> expected;
  for (int i = 0; i < kMessages; ++i) {
    expected.insert(fmt::format("message {}", i));
    queue.put(fmt::format("message {}", i));
  }
  CHECK(taker.has(kMessages));
  write_file(queue.around() / "enough", "");
  reader.end();
  CHECK(payloads_of(taker.all()) == expected);
  CHECK(queue.log.size() == 0);
  CHECK(is_drained(queue));
}

TEST_CASE("what hands move in, move out and remove beside consumers is in one place each",
          "[writers][shell]") {
  RealQueue queue{{{"settle", "50ms"}}};
  Taker first{queue};
  Taker second{queue};
  constexpr int kFiles = 100;
  // Moves files in; moves out and removes whatever it can get hold of.
  Script in{queue, fmt::format(R"(
i=0
while [ $i -lt {} ]; do
  printf 'moved in %d' $i > part
  mv part "$Q/new/moved in $i"
  i=$((i + 1))
done)",
                               kFiles)};
  Script out{queue, R"(
mkdir out removed
echo begun
while [ ! -e enough ]; do
  for file in "$Q"/new/*; do
    # To keep what is removed, a link; the file is gone from new/ as by rm alone.
    case $((${turn:=0} % 2)) in
      0) mv "$file" out/ 2> /dev/null || true ;;
      1) if ln "$file" "removed/${file##*/}" 2> /dev/null; then
           rm "$file" 2> /dev/null || rm "removed/${file##*/}"
         fi ;;
    esac
    turn=$((turn + 1))
  done
done)"};
  REQUIRE(out.line() == "begun\n");
  std::multiset<std::string> expected;
  for (int i = 0; i < kFiles; ++i) {
    expected.insert(fmt::format("put {}", i));
    queue.put(fmt::format("put {}", i));
    expected.insert(fmt::format("moved in {}", i));
  }
  in.end();
  CHECK(eventually([&] { return is_drained(queue); }));
  write_file(queue.around() / "enough", "");
  out.end();
  const auto found = [&] {
    auto payloads = payloads_of(first.so_far());
    payloads.merge(payloads_of(second.so_far()));
    payloads.merge(contents_of(queue.around() / "out"));
    payloads.merge(contents_of(queue.around() / "removed"));
    return payloads;
  };
  CHECK(eventually([&] { return found().size() >= expected.size(); }));
  CHECK(found() == expected);
  CHECK(queue.count(Folder::bad) + queue.count(Folder::failed) == 0);
  CHECK(first.damaged() + second.damaged() == 0);
  // They still take.
  queue.put("afterwards");
  CHECK(eventually([&] { return found().contains("afterwards"); }));
}

TEST_CASE("a message that is removed or moved out by hand before its turn is passed over",
          "[writers][shell]") {
  RealQueue queue;
  for (const char* payload : {"first", "second", "third", "fourth"}) queue.put(payload);
  Consumer consumer = queue.consumer();
  auto claim = consumer.take(Duration{0});
  REQUIRE(claim);
  CHECK(claim->payload() == "first");
  claim->ack(Sync::none);
  // The others are known to it by now.
  shell(queue, R"(set -- "$Q"/new/*; rm "$1"; mv "$2" .)");
  claim = consumer.take(Duration{0});
  REQUIRE(claim);
  CHECK(claim->payload() == "fourth");
  claim->ack(Sync::none);
  CHECK_FALSE(consumer.take(Duration{0}));
  CHECK(queue.log.size() == 0);
  SECTION("and delivered when it is moved back") {
    shell(queue, R"(mv 5.* "$Q/new/")");
    claim = take_before_tick(consumer);
    REQUIRE(claim);
    CHECK(claim->payload() == "third");
    CHECK(claim->info().attempts == 1);
  }
}

}  // namespace spoolq::test
