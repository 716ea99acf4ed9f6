// Messages that are copied from queue to queue, and files with more than one name.
#include <fmt/core.h>

#include <filesystem>

#include "tests/support/catch.hpp"
#include "tests/writers/taker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Names = std::map<std::string, int>;

constexpr int kMessages = 20;

/// A queue with messages, to be copied.
struct Source {
  Source() {
    for (int i = 0; i < kMessages; ++i) {
      PutOptions options;
      options.name = fmt::format("message {}", i);
      ids.insert(queue.put(payload, options).to_string());
    }
  }
  std::string payload = long_text();
  RealQueue queue;
  std::set<std::string> ids;
};

std::set<std::string> ids_of(const std::vector<Taken>& taken) {
  std::set<std::string> ids;
  for (const Taken& each : taken) ids.insert(each.id.to_string());
  return ids;
}

}  // namespace

TEST_CASE("messages of another queue that are copied into new/ are taken whole, with their ids",
          "[writers][copies]") {
  // rsync --inplace looks at each file again when it has closed it, and complains (23) when that
  // has been taken by then.
  const std::string copy = GENERATE(
      as<std::string>{}, R"(cp -r "$FROM/new/." "$Q/new/")", R"(cp -a "$FROM/new/." "$Q/new/")",
      R"(for file in "$FROM"/new/*; do dd if="$file" of="$Q/new/${file##*/}" bs=10000 \
                    status=none; done)",
      R"(needs rsync; rsync -r "$FROM/new/" "$Q/new/")",
      R"(needs rsync; rsync -r --inplace "$FROM/new/" "$Q/new/" || [ $? = 23 ])");
  CAPTURE(copy);
  const Source source;
  RealQueue queue;
  Taker taker{queue};
  shell(queue, copy, {{"FROM", source.queue.path()}});
  CHECK(taker.has(kMessages));
  const auto taken = taker.all();
  CHECK(taken.size() == kMessages);
  CHECK(ids_of(taken) == source.ids);
  for (const Taken& each : taken) {
    CHECK(each.payload == source.payload);
    CHECK(each.attempts == 1);
    CHECK(each.name.starts_with("message "));
  }
  CHECK(queue.count(Folder::ready) + queue.count(Folder::claimed) + queue.count(Folder::bad) == 0);
}

TEST_CASE("a message of full size that is still being written is left until it is whole",
          "[writers][copies][polling]") {
  // As rsync --preallocate and some file managers copy.
  const Source source;
  RealQueue queue;
  const std::string name = source.queue.names(Folder::ready).front();
  Taker taker{queue};
  Script writer{queue,
                fmt::format(R"(
exec 3> "$Q/new/{0}"
truncate -s {1} "$Q/new/{0}"
echo begun
read -r line
cat '{2}' >&3)",
                            name, source.payload.size(), source.queue.path(Folder::ready, name))};
  REQUIRE(writer.line() == "begun\n");
  CHECK(eventually([&] { return queue.log.has("still being written"); }));
  CHECK(taker.all().empty());
  // It waits for the writer instead of reading the file again and again.
  CHECK(taker.damaged() < 20);
  writer.go_on();
  writer.end();
  CHECK(taker.has(1));
  CHECK(taker.whole(source.payload) == Names{{"message 0", 1}});
  CHECK(taker.all().front().attempts == 1);
  CHECK(queue.count(Folder::bad) == 0);
}

TEST_CASE("a queue that was copied into new/ as a folder is left alone",
          "[writers][copies][polling]") {
  const Source source;
  RealQueue queue{{{"settle", "0s"}}};
  {
    Taker taker{queue};
    shell(queue, R"(cp -r "$FROM" "$Q/new/other")", {{"FROM", source.queue.path()}});
    queue.put("ours");
    CHECK(taker.has(1));
    CHECK(taker.all().size() == 1);
  }
  Taker late{queue};
  CHECK(late.all().empty());
  CHECK(names_in(queue.path(Folder::ready, "other") + "/new").size() == kMessages);
  CHECK(queue.open().list(State::ready).empty());
}

TEST_CASE("of a writer that dies between link and unlink there is one message",
          "[writers][links][polling]") {
  RealQueue queue{{{"settle", "0s"}}};
  const std::string name = "1795403749.M999038P6595.vm";
  write_file(queue.path(Folder::tmp, name), "mail");
  const auto deliver = [&] {
    fs::create_hard_link(queue.path(Folder::tmp, name), queue.path(Folder::ready, name));
  };
  SECTION("by a consumer that was there") {
    Taker taker{queue};
    deliver();
    CHECK(taker.whole("mail") == Names{{name, 1}});
  }
  SECTION("by one that comes later") {
    deliver();
    Taker taker{queue};
    CHECK(taker.has(name));
    CHECK(taker.whole("mail") == Names{{name, 1}});
  }
  // What is left in tmp/ is nobody's message, also for the next one that looks.
  Taker next{queue};
  CHECK(next.all().empty());
  CHECK(queue.names(Folder::tmp) == std::vector<std::string>{name});
  CHECK(queue.count(Folder::claimed) == 0);
}

TEST_CASE("two links of one file in new/ are two messages, each whole",
          "[writers][links][polling]") {
  RealQueue queue{{{"settle", "0s"}}};
  Taker taker{queue};
  shell(queue, R"(echo hello > file; ln file "$Q/new/one"; ln file "$Q/new/two"; rm file)");
  CHECK(taker.has("one"));
  CHECK(taker.has("two"));
  CHECK(taker.whole("hello\n") == Names{{"one", 1}, {"two", 1}});
}

TEST_CASE("a hard link elsewhere keeps the content when the message is acknowledged",
          "[writers][links][polling]") {
  RealQueue queue{{{"settle", "1h"}}};
  Taker taker{queue};
  shell(queue, R"(echo hello > file; ln file "$Q/new/one")");
  CHECK(taker.whole("hello\n") == Names{{"one", 1}});
  CHECK(read_file(queue.around() / "file") == "hello\n");
}

}  // namespace spoolq::test
