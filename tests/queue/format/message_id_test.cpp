// Message ids: their bits, their order, and that no two are the same.
#include "queue/format/message_id.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <unordered_set>
#include <vector>

#include "queue/os/checksum.hpp"
#include "spoolq/fmt.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/format_page.hpp"

namespace spoolq::test {
namespace {

using detail::derive_message_id;
using detail::FileIdentity;
using detail::MessageIdSource;

constexpr std::int64_t kNow = 1'763'870'400'123;
using Bytes = std::array<std::uint8_t, 16>;

Time time_of(std::int64_t milliseconds) { return Time{Duration{milliseconds}}; }

/// Makes ids and sends them through a pipe, a page of 256 at a time.
void send_ids(const Pipe& pipe, int count) {
  MessageIdSource& source = detail::process_message_ids();
  std::string page;
  for (int i = 0; i < count; ++i) {
    const MessageId id = source.next(time_of(kNow));
    page.append(reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size());
    if (page.size() == 4096 || i + 1 == count) {
      pipe.send(page);
      page.clear();
    }
  }
}

std::vector<Bytes> ids_of(const std::string& bytes) {
  std::vector<Bytes> ids(bytes.size() / sizeof(Bytes));
  std::memcpy(ids.data(), bytes.data(), ids.size() * sizeof(Bytes));
  return ids;
}

bool all_different(std::vector<Bytes> ids) {
  std::sort(ids.begin(), ids.end());
  return std::adjacent_find(ids.begin(), ids.end()) == ids.end();
}

}  // namespace

TEST_CASE("an id is a UUID of version 7 whose first 48 bits are the time", "[queue][id]") {
  MessageIdSource source;
  for (const std::int64_t now : {1L, 1'000L, kNow, (1L << 48) - 1}) {
    const MessageId id = source.next(time_of(now));
    CHECK(id.time() == time_of(now));
    CHECK(id.bytes()[6] >> 4 == 7);
    CHECK(id.bytes()[8] >> 6 == 2);
    CHECK(MessageId::parse(id.to_string()) == id);
    CHECK(id.to_string().starts_with(fmt::format("{:08x}-{:04x}-7", now >> 16, now & 0xffff)));
  }
}

TEST_CASE("only the canonical spelling of versions 7 and 8 is an id", "[queue][id]") {
  for (const char* good :
       {"01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60", "01935a7b-8c3d-8e21-9f4a-1b2c3d4e5f60",
        "00000000-0000-7000-8000-000000000000", "ffffffff-ffff-8fff-bfff-ffffffffffff",
        "01935a7b-8c3d-7e21-af4a-1b2c3d4e5f60"}) {
    INFO(good);
    const auto id = MessageId::parse(good);
    REQUIRE(id);
    CHECK(id->to_string() == good);
  }
  for (const char* bad :
       {"", "0", "01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f6", "01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f600",
        "01935A7B-8c3d-7e21-9f4a-1b2c3d4e5f60", "01935a7b8c3d7e219f4a1b2c3d4e5f60",
        "{01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60}", "01935a7b-8c3d7-e21-9f4a-1b2c3d4e5f60",
        "01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f6g", "01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f6 ",
        "01935a7b-8c3d-1e21-9f4a-1b2c3d4e5f60", "01935a7b-8c3d-4e21-9f4a-1b2c3d4e5f60",
        "01935a7b-8c3d-6e21-9f4a-1b2c3d4e5f60", "01935a7b-8c3d-9e21-9f4a-1b2c3d4e5f60",
        "01935a7b-8c3d-7e21-7f4a-1b2c3d4e5f60", "01935a7b-8c3d-7e21-cf4a-1b2c3d4e5f60",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"}) {
    INFO(bad);
    CHECK_FALSE(MessageId::parse(bad));
  }
}

TEST_CASE("ids sort in the order they were made while the clock stands still", "[queue][id]") {
  MessageIdSource source;
  MessageId last = source.next(time_of(kNow));
  bool ordered = true;
  for (int i = 1; i < 100'000; ++i) {
    const MessageId id = source.next(time_of(kNow));
    ordered = ordered && last < id && last.to_string() < id.to_string();
    last = id;
  }
  CHECK(ordered);
  // 2,048 and more ids have room in a millisecond, so the time is hardly borrowed.
  CHECK(last.time() - time_of(kNow) <= Duration{100'000 / 2'048});
}

TEST_CASE("ids sort in the order they were made when the clock steps back", "[queue][id]") {
  MessageIdSource source;
  MessageId last = source.next(time_of(kNow));
  bool ordered = true;
  for (std::int64_t i = 1; i < 20'000; ++i) {
    const std::int64_t step = i % 3 == 0 ? -3'600'000 : i % 3;
    const MessageId id = source.next(time_of(kNow + i / 100 + step));
    ordered = ordered && last < id;
    last = id;
  }
  CHECK(ordered);
  CHECK(source.next(time_of(kNow + 3'600'000)).time() == time_of(kNow + 3'600'000));
}

TEST_CASE("eight processes and a fork in the middle make no id twice", "[queue][id][fork]") {
  constexpr int kProcesses = 8;
  constexpr int kEach = 100'000;
  // The children go on from their parent's counter, in the same millisecond.
  std::vector<Bytes> ids;
  for (int i = 0; i < 1'000; ++i) {
    ids.push_back(detail::process_message_ids().next(time_of(kNow)).bytes());
  }
  std::vector<std::unique_ptr<Pipe>> pipes;
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (int i = 0; i < kProcesses; ++i) {
    pipes.push_back(std::make_unique<Pipe>());
    children.push_back(std::make_unique<ChildProcess>([&] {
      send_ids(*pipes.back(), kEach);
      return 0;
    }));
    pipes.back()->close_sender();
  }
  for (int i = 0; i < 1'000; ++i) {
    ids.push_back(detail::process_message_ids().next(time_of(kNow)).bytes());
  }
  for (int i = 0; i < kProcesses; ++i) {
    const auto made = ids_of(pipes[static_cast<std::size_t>(i)]->receive_all());
    CHECK(made.size() == kEach);
    CHECK(std::is_sorted(made.begin(), made.end()));
    ids.insert(ids.end(), made.begin(), made.end());
    CHECK(children[static_cast<std::size_t>(i)]->wait() == 0);
  }
  const bool different = all_different(std::move(ids));
  CHECK(different);
}

TEST_CASE("the page's derived ids are derived", "[queue][id][format]") {
  const auto rows = format_table("<!-- test vectors: derived ids -->");
  CHECK(rows.size() >= 6);
  for (const auto& row : rows) {
    const auto queue_id = MessageId::parse(row.at(0));
    REQUIRE(queue_id);
    FileIdentity file{.inode = std::stoull(row.at(1)),
                      .size = std::stoull(row.at(2)),
                      .modified = time_of(std::stoll(row.at(3)))};
    if (row.at(4) != "-") file.born_ns = std::stoll(row.at(4));
    CHECK(derive_message_id(*queue_id, file, row.at(5)).to_string() == row.at(6));
  }
}

TEST_CASE("the page's checksum of no bytes is right", "[queue][format]") {
  const std::string text =
      fmt::format("XXH3-64 of no bytes is `{:016x}`.", detail::Checksum{}.value());
  CHECK(format_page().find(text) != std::string::npos);
}

TEST_CASE("a checksum does not depend on the parts it was given", "[queue][checksum]") {
  std::string payload;
  for (int i = 0; i < 5'000; ++i) payload += static_cast<char>(i * 31);
  detail::Checksum whole;
  whole.update(payload);
  for (const std::size_t part : {1U, 7U, 240U, 256U, 1'024U, 4'999U}) {
    detail::Checksum sum;
    for (std::size_t at = 0; at < payload.size(); at += part) {
      sum.update(std::string_view{payload}.substr(at, part));
    }
    CHECK(sum.value() == whole.value());
  }
}

TEST_CASE("a derived id is a UUID of version 8 that depends on all that the page names",
          "[queue][id]") {
  const MessageId queue = MessageId::parse("0b4f3c52-6d0e-8d4c-8a55-0f6c1c7c2f10").value();
  const MessageId other = MessageId::parse("0b4f3c52-6d0e-8d4c-8a55-0f6c1c7c2f11").value();
  const FileIdentity file{
      .inode = 12, .size = 34, .modified = time_of(kNow), .born_ns = kNow * 1'000'000 + 7};
  const auto changed = [&file](auto change) {
    FileIdentity another = file;
    change(another);
    return another;
  };
  const MessageId id = derive_message_id(queue, file, "report.txt");
  CHECK(id.time() == time_of(kNow));
  CHECK(id.bytes()[6] >> 4 == 8);
  CHECK(id.bytes()[8] >> 6 == 2);
  CHECK(MessageId::parse(id.to_string()) == id);
  CHECK(derive_message_id(queue, file, "report.txt") == id);
  const std::set<MessageId> different{
      id,
      derive_message_id(other, file, "report.txt"),
      derive_message_id(queue, changed([](auto& each) { ++each.inode; }), "report.txt"),
      derive_message_id(queue, changed([](auto& each) { ++each.size; }), "report.txt"),
      derive_message_id(queue, changed([](auto& each) { ++*each.born_ns; }), "report.txt"),
      derive_message_id(queue, changed([](auto& each) { each.born_ns.reset(); }), "report.txt"),
      derive_message_id(queue, changed([](auto& each) { each.modified -= Duration{1}; }),
                        "report.txt"),
      derive_message_id(queue, file, "report.txu"),
      derive_message_id(queue, file, "")};
  CHECK(different.size() == 9);
}

TEST_CASE("a derived id has the earlier one of the times of birth and of modification",
          "[queue][id]") {
  const MessageId queue = detail::random_queue_id();
  const auto id_of = [&queue](std::int64_t modified, std::optional<std::int64_t> born_ns) {
    return derive_message_id(
        queue, {.inode = 1, .size = 1, .modified = time_of(modified), .born_ns = born_ns}, "a");
  };
  // A copy keeps a time of modification before its birth; a file may be dated ahead.
  CHECK(id_of(kNow - 5, kNow * 1'000'000).time() == time_of(kNow - 5));
  CHECK(id_of(kNow + 5, kNow * 1'000'000 + 999'999).time() == time_of(kNow));
  CHECK(id_of(kNow, std::nullopt).time() == time_of(kNow));
  MessageId last = id_of(0, std::nullopt);
  for (const std::int64_t now : {1L, 65'536L, kNow, kNow + 1}) {
    const MessageId id = id_of(now, std::nullopt);
    CHECK(last < id);
    last = id;
  }
  // A time before 1970 has no place in an id.
  CHECK(id_of(-5, std::nullopt).time() == time_of(0));
  CHECK(id_of(5, -1).time() == time_of(0));
}

TEST_CASE("a queue's id reads back", "[queue][id]") {
  const MessageId id = detail::random_queue_id();
  CHECK(MessageId::parse(id.to_string()) == id);
  CHECK(id != detail::random_queue_id());
}

TEST_CASE("random tokens are names of consumers", "[queue][id]") {
  std::set<std::string> tokens;
  for (int i = 0; i < 1'000; ++i) tokens.insert(detail::random_token());
  CHECK(tokens.size() == 1'000);
  for (const std::string& token : tokens) {
    CHECK(token.size() == 16);
    CHECK(token.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
}

TEST_CASE("an id is written, formatted and hashed", "[queue][id]") {
  const auto id = MessageId::parse("0193a4f0-1c2d-7a3b-8c4d-5e6f70819203");
  REQUIRE(id);
  std::ostringstream out;
  out << *id;
  CHECK(out.str() == id->to_string());
  CHECK(fmt::format("{:>40}", *id) == "    " + id->to_string());
  std::unordered_set<MessageId> ids{*id, *id, MessageId{}};
  CHECK(ids.size() == 2);
  CHECK(std::hash<MessageId>{}(*id) != std::hash<MessageId>{}(MessageId{}));
}

TEST_CASE("the id of a message is read from the path of its file", "[queue][id]") {
  World world;
  PutOptions later;
  later.delay = std::chrono::hours{1};
  const MessageId ready = put(world.queue, "x");
  const MessageId delayed = put(world.queue, "x", later);
  const std::string path = world.path(Folder::ready, world.names(Folder::ready).at(0));
  CHECK(MessageId::from_path(path) == ready);
  CHECK(MessageId::from_path(path.substr(path.rfind('/') + 1)) == ready);
  CHECK(MessageId::from_path(world.path(Folder::later, world.names(Folder::later).at(0))) ==
        delayed);
  CHECK(MessageId::from_path(world.path(Folder::claimed, claim_only(*world.queue).at.file())) ==
        ready);
  for (const char* other : {"", "/", "/q/new/", "/q/new/report.txt", "/q/new/5.0193a4f0"}) {
    CHECK_FALSE(MessageId::from_path(other));
  }
}

}  // namespace spoolq::test
