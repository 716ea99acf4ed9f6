// Headers and reasons: what is allowed, what survives, and what gives way.
#include "queue/format/attributes.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "queue/maintenance/due.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

using detail::UniqueFd;

constexpr const char* kReason = "user.spoolq.reason";

std::error_code check(const Headers& headers) {
  return error_of([&] {
    detail::require_valid_headers(headers);
    return 0;
  });
}

/// A file system whose attributes hold values of up to so many bytes, or that gives an errno.
class SmallAttributes final : public ForwardingSys {
 public:
  SmallAttributes(Sys& inner, std::size_t room, int error)
      : ForwardingSys{inner}, room_{room}, error_{error} {}

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::fsetxattr || info.size <= room_) return std::nullopt;
    return SysResult::failure(error_);
  }

 private:
  std::size_t room_;
  int error_;
};

std::map<std::string, std::string> attributes(const World& world, const StoredMessage& message) {
  return world.disk.xattrs(world.path(message.at.folder(), message.at.file()));
}

MessageDetails details_of(const std::shared_ptr<OpenQueue>& queue, State state) {
  const Queue open = handle(queue);
  return open.details(open.list(state).at(0));
}

PutOptions with_headers(Headers headers) {
  PutOptions options;
  options.headers = std::move(headers);
  return options;
}

}  // namespace

TEST_CASE("header names are short, lower case and not ours", "[queue][attributes]") {
  for (const std::string& good :
       {std::string{"a"}, std::string{"0"}, std::string{"traceparent"}, std::string{"content-type"},
        std::string{"a.b_c-d"}, std::string{"names"}, std::string(64, 'x')}) {
    INFO(good);
    CHECK_FALSE(check({{good, "value"}}));
  }
  for (const std::string& bad :
       {std::string{}, std::string{"A"}, std::string{"-a"}, std::string{".a"}, std::string{"_a"},
        std::string{"a b"}, std::string{"a:b"}, std::string{"a/b"}, std::string{"\xc3\xa4"},
        std::string("a\0b", 3), std::string{"a\n"}, std::string(65, 'x'), std::string{"name"},
        std::string{"reason"}}) {
    INFO(bad);
    CHECK(check({{bad, "value"}}) == errc::bad_value);
  }
}

TEST_CASE("headers are at most 2,048 bytes together", "[queue][attributes]") {
  CHECK_FALSE(check({{"a", std::string(2047, 'x')}}));
  CHECK(check({{"a", std::string(2048, 'x')}}) == errc::bad_value);
  CHECK_FALSE(check({{"a", std::string(1000, 'x')}, {"bcd", std::string(1044, 'x')}}));
  CHECK(check({{"a", std::string(1000, 'x')}, {"bcd", std::string(1045, 'x')}}) == errc::bad_value);
  CHECK_FALSE(check({}));
  CHECK_FALSE(check({{"empty", ""}}));
}

TEST_CASE("headers and reason survive every move", "[queue][attributes]") {
  World world;
  const Headers headers{
      {"traceparent", "00-0af7"}, {"bytes", std::string("\0\xff\n", 3)}, {"empty", ""}};
  PutOptions options = with_headers(headers);
  options.delay = std::chrono::minutes{1};
  put(world.queue, "x", options);
  CHECK(details_of(world.queue, State::delayed).headers == headers);
  world.disk.advance(std::chrono::minutes{2});
  detail::move_due(*world.queue);
  CHECK(details_of(world.queue, State::ready).headers == headers);
  StoredMessage claimed = claim_only(*world.queue);
  CHECK(details_of(world.queue, State::claimed).headers == headers);
  detail::release(*world.queue, claimed, std::nullopt);
  claimed = claim_only(*world.queue);
  Reason why = reason("it is broken");
  why.exit_code = 65;
  why.signal = 9;
  why.error_output = "the end of stderr";
  detail::fail(*world.queue, claimed, why);
  const MessageDetails failed = details_of(world.queue, State::failed);
  CHECK(failed.headers == headers);
  REQUIRE(failed.reason);
  CHECK(failed.reason->text == "it is broken");
  CHECK(failed.reason->exit_code == 65);
  CHECK(failed.reason->signal == 9);
  CHECK(failed.reason->error_output == "the end of stderr");
  detail::retry(*world.queue, only(*world.queue, State::failed));
  const MessageDetails again = details_of(world.queue, State::ready);
  CHECK(again.headers == headers);
  CHECK_FALSE(again.reason);
}

TEST_CASE("a reason is the JSON of the page", "[queue][attributes]") {
  World world;
  Reason why = reason("no\nsuch \"thing\" \xff");
  why.exit_code = 1;
  detail::fail(*world.queue, put_and_claim(*world.queue, "x"), why);
  const auto json =
      nlohmann::json::parse(attributes(world, only(*world.queue, State::failed)).at(kReason));
  CHECK(json.at("text") == "no\nsuch \"thing\" \xef\xbf\xbd");
  CHECK(json.at("exit_code") == 1);
  CHECK_FALSE(json.contains("signal"));
  CHECK_FALSE(json.contains("stderr"));
}

TEST_CASE("a reason that somebody set by hand is shown as it is", "[queue][attributes]") {
  struct Case {
    const char* value;
    const char* text;
  };
  const auto each = GENERATE(Case{"by hand", "by hand"}, Case{"[1]", "[1]"}, Case{"{}", ""},
                             Case{R"({"text": 1, "exit_code": "x"})", ""},
                             Case{R"({"text": "ok", "signal": null})", "ok"},
                             Case{R"({"text": "ok", "exit_code": 99999999999999})", "ok"});
  World world;
  detail::fail(*world.queue, put_and_claim(*world.queue, "x"), {});
  const StoredMessage failed = only(*world.queue, State::failed);
  const UniqueFd fd = world.queue->store().open(failed.at);
  REQUIRE(world.disk.fsetxattr(fd.get(), kReason, each.value, std::string_view{each.value}.size())
              .ok());
  INFO(each.value);
  const auto read = detail::get_reason(world.disk, fd.get());
  REQUIRE(read);
  CHECK(read->text == each.text);
}

TEST_CASE("a reason is shortened to what fits, left out last, and never stops a fail",
          "[queue][attributes]") {
  const int error = GENERATE(ENOSPC, E2BIG, EDQUOT, ERANGE);
  for (const std::size_t room : {5'000U, 1'500U, 400U, 100U, 20U, 0U}) {
    World world;
    SmallAttributes sys{world.disk, room, error};
    const auto queue = world.open(sys);
    const StoredMessage claimed = put_and_claim(*world.queue, "x");
    Reason why = reason(std::string(3'000, 't'));
    why.error_output = "begin" + std::string(3'000, 'e') + "end";
    why.exit_code = 3;
    detail::fail(*queue, claimed, why);
    const StoredMessage failed = only(*world.queue, State::failed);
    const auto set = attributes(world, failed);
    INFO(room);
    REQUIRE(set.contains(kReason) == (room >= 100));
    if (room < 100) continue;
    CHECK(set.at(kReason).size() <= room);
    const auto read = details_of(world.queue, State::failed).reason;
    CHECK(read->exit_code == 3);
    CHECK(why.text.starts_with(read->text));
    CHECK(why.error_output.ends_with(read->error_output));
    CHECK((room < 400 || read->error_output.ends_with("end")));
  }
}

TEST_CASE("where attributes do not exist, fail works and headers are refused",
          "[queue][attributes]") {
  World world;
  SmallAttributes sys{world.disk, 0, ENOTSUP};
  const auto queue = world.open(sys);
  CHECK(error_of([&] { return put(queue, "x", with_headers({{"a", "b"}})); }) ==
        errc::headers_refused);
  CHECK(world.count(Folder::tmp) + world.count(Folder::ready) == 0);
  put(queue, "x");
  detail::fail(*queue, claim_only(*queue), reason("no"));
  CHECK(world.count(Folder::failed) == 1);
}

TEST_CASE("headers that find no room are refused, and other errors are thrown",
          "[queue][attributes]") {
  struct Case {
    int error;
    std::error_code thrown;
  };
  const auto each =
      GENERATE(Case{ENOSPC, errc::headers_refused}, Case{EDQUOT, errc::headers_refused},
               Case{E2BIG, errc::headers_refused}, Case{ERANGE, errc::headers_refused},
               Case{EIO, errno_code(EIO)}, Case{EACCES, errno_code(EACCES)});
  World world;
  SmallAttributes sys{world.disk, 10, each.error};
  const auto queue = world.open(sys);
  CHECK(error_of([&] {
          return put(queue, "x", with_headers({{"a", "small"}, {"b", std::string(11, 'x')}}));
        }) == each.thrown);
  CHECK(world.count(Folder::tmp) + world.count(Folder::ready) == 0);
}

TEST_CASE("the whole name is kept as a header where N had to cut it", "[queue][attributes]") {
  World world;
  PutOptions options;
  options.name = std::string(300, 'x') + ".txt";
  put(world.queue, "x", options);
  const Queue queue = handle(world.queue);
  const MessageInfo info = queue.list(State::ready).at(0);
  CHECK(info.name.size() < 115);
  CHECK(options.name.starts_with(info.name));
  const MessageDetails details = queue.details(info);
  CHECK(details.info.name == options.name);
  CHECK(details.headers.empty());
}

TEST_CASE("a name that fits is no header", "[queue][attributes]") {
  World world;
  PutOptions options;
  options.name = "cat.jpg";
  put(world.queue, "x", options);
  CHECK(attributes(world, only(*world.queue, State::ready)).empty());
}

TEST_CASE("a whole name that finds no room does not stop the put", "[queue][attributes]") {
  World world;
  SmallAttributes sys{world.disk, 100, ENOSPC};
  PutOptions options;
  options.name = std::string(300, 'x');
  put(world.open(sys), "x", options);
  CHECK(world.count(Folder::ready) == 1);
}

TEST_CASE("attributes of others are no headers", "[queue][attributes]") {
  World world;
  put(world.queue, "x", with_headers({{"ours", "1"}}));
  const StoredMessage ready = only(*world.queue, State::ready);
  const UniqueFd fd = world.queue->store().open(ready.at);
  REQUIRE(world.disk.fsetxattr(fd.get(), "user.xdg.origin.url", "x", 1).ok());
  REQUIRE(world.disk.fsetxattr(fd.get(), "user.spoolqx.a", "x", 1).ok());
  REQUIRE(world.disk.fsetxattr(fd.get(), "user.spoolq.No header\n", "x", 1).ok());
  CHECK(detail::get_headers(world.disk, fd.get()) == Headers{{"ours", "1"}});
}

TEST_CASE("getfattr sees the headers on a real file system", "[queue][attributes][real]") {
  const MemoryDirectory directory;
  const Queue queue = Queue::init(directory / "q", {{"min_free", "0"}});
  Producer producer{queue};
  try {
    producer.put("x", with_headers({{"traceparent", "00-0af7"}}));
  } catch (const Error& error) {
    if (error.code() != errc::headers_refused) throw;
    WARN("the temporary folder takes no extended attributes");
    return;
  }
  const MessageInfo info = queue.list(State::ready).at(0);
  std::array<char, 100> value{};
  const ssize_t size =
      ::getxattr(info.path.c_str(), "user.spoolq.traceparent", value.data(), value.size());
  REQUIRE(size == 7);
  CHECK(std::string_view{value.data(), 7} == "00-0af7");
  const StoredMessage claimed = claim_only(*detail::QueueAccess::open(queue));
  detail::fail(*detail::QueueAccess::open(queue), claimed, reason("no"));
  const MessageDetails failed = queue.details(queue.list(State::failed).at(0));
  CHECK(failed.headers == Headers{{"traceparent", "00-0af7"}});
  CHECK(failed.reason->text == "no");
}

}  // namespace spoolq::test
