// Moving a message into another queue, by rename and by copy. What crashes and failing calls do to
// it, the stories tell.
#include "queue/lifecycle/move.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <atomic>
#include <thread>

#include "queue/format/attributes.hpp"
#include "queue/lifecycle/put.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/listing.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/two_mounts.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;

constexpr const char* kTargetPath = "/r";

enum class Way { rename, copy };

/// Does something once, just before the next call of one kind, or fails all calls of one kind.
class Meanwhile final : public ForwardingSys {
 public:
  explicit Meanwhile(Sys& inner) : ForwardingSys{inner} {}
  void at(Call call, std::function<void()> action) {
    call_ = call;
    action_ = std::move(action);
  }
  void fail(Call call, int error) {
    failing_ = call;
    error_ = error;
  }

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (action_ && info.call == call_) std::exchange(action_, nullptr)();
    if (error_ != 0 && info.call == failing_) return SysResult::failure(error_);
    return std::nullopt;
  }

 private:
  Call call_ = Call::openat;
  std::function<void()> action_;
  Call failing_ = Call::openat;
  int error_ = 0;
};

/// The world's queue, and another one to move to.
class Pair {
 public:
  explicit Pair(Way way, const std::vector<SettingChange>& target_settings = {})
      : meanwhile{world.disk}, sys_{meanwhile} {
    std::vector<SettingChange> settings{{"min_free", "0"}};
    settings.insert(settings.end(), target_settings.begin(), target_settings.end());
    detail::init_queue(world.disk, kTargetPath, settings);
    source.emplace(handle(world.open(sys_)));
    target.emplace(handle(open_queue(sys_, kTargetPath, &world.log)));
    if (way == Way::copy) sys_.put_away(*detail::QueueAccess::open(*target));
  }

  /// The source again.
  std::shared_ptr<OpenQueue> open_source() { return world.open(sys_); }
  /// The only message of the source in that state, moved.
  void move(State state) { source->move(source->list(state).at(0), *target); }
  [[nodiscard]] std::vector<std::string> target_names(const std::string& folder) const {
    return world.disk.list(fmt::format("{}/{}", kTargetPath, folder));
  }

  World world;
  Meanwhile meanwhile;

 private:
  TwoMounts sys_;

 public:
  std::optional<Queue> source;
  std::optional<Queue> target;
};

PutOptions rich() {
  PutOptions options;
  options.priority = 2;
  options.time_to_live = hours{48};
  options.key = "user/7";
  options.type = "text/plain";
  options.name = std::string(150, 'n') + ".jpg";
  options.headers = {{"user", "7"}, {"traceparent", "00-0af7651916cd43dd"}};
  return options;
}

}  // namespace

TEST_CASE("a moved message keeps its id, its name and its headers", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy)};
  put(pair.world.queue, "payload", rich());
  const MessageDetails before = pair.source->details(pair.source->list(State::ready).at(0));
  const std::string file = pair.world.names(Folder::ready).at(0);
  pair.move(State::ready);

  CHECK(pair.world.count(Folder::ready) == 0);
  CHECK(pair.world.count(Folder::claimed) == 0);
  CHECK(pair.target_names("new") == std::vector{file});
  CHECK(pair.target_names("tmp").empty());
  CHECK(pair.world.disk.read_file(fmt::format("{}/new/{}", kTargetPath, file)) == "payload");
  const MessageDetails after = pair.target->details(pair.target->list(State::ready).at(0));
  CHECK(after.info.id == before.info.id);
  CHECK(after.info.attempts == 0);
  CHECK(after.info.name == before.info.name);
  CHECK(after.headers == before.headers);
}

TEST_CASE("a message keeps its state, its attempts and its reason", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy)};
  SECTION("failed") {
    Reason why = reason("broken");
    why.exit_code = 65;
    why.error_output = "line 7";
    detail::fail(*pair.world.queue, put_and_claim(*pair.world.queue, "x"), why);
    pair.move(State::failed);
    const MessageDetails moved = pair.target->details(pair.target->list(State::failed).at(0));
    CHECK(moved.info.attempts == 1);
    REQUIRE(moved.reason);
    CHECK(moved.reason->text == "broken");
    CHECK(moved.reason->exit_code == 65);
    CHECK(moved.reason->error_output == "line 7");
  }
  SECTION("delayed") {
    PutOptions options;
    options.delay = hours{1};
    put(pair.world.queue, "x", options);
    const MessageInfo before = pair.source->list(State::delayed).at(0);
    pair.move(State::delayed);
    CHECK(pair.target->list(State::delayed).at(0).due == before.due);
  }
  SECTION("done") {
    pair.source->configure({{"keep_done", "on"}});
    pair.world.queue->refresh_settings();
    detail::acknowledge(*pair.world.queue, put_and_claim(*pair.world.queue, "x"), Sync::none);
    pair.move(State::done);
    CHECK(pair.target->list(State::done).size() == 1);
  }
  for (const Folder folder : {Folder::ready, Folder::later, Folder::failed, Folder::done}) {
    CHECK(pair.world.count(folder) == 0);
  }
}

TEST_CASE("a stranger's file moves when it is complete, and keeps its id", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy)};
  pair.world.disk.plant_file("/q/new/report.txt", "written in place");
  const MessageInfo before = pair.source->list(State::ready).at(0);
  CHECK(error_of([&] { pair.move(State::ready); }) == errno_code(EAGAIN));
  CHECK(error_of([&] { pair.move(State::ready); }) == condition::temporary);
  pair.world.disk.advance(Duration{600});
  pair.move(State::ready);
  const MessageInfo after = pair.target->list(State::ready).at(0);
  CHECK(after.id == before.id);
  CHECK(after.name == "report.txt");
  CHECK(pair.world.count(Folder::ready) == 0);
}

TEST_CASE("a claimed message is not moved, and none into the same queue", "[queue][move]") {
  Pair pair{Way::rename};
  put_and_claim(*pair.world.queue, "x");
  CHECK(error_of([&] { pair.move(State::claimed); }) == errc::claim_owned);
  put(pair.world.queue, "y");
  Queue again = handle(pair.world.open(pair.world.disk));
  CHECK(error_of([&] { pair.source->move(pair.source->list(State::ready).at(0), again); }) ==
        errc::bad_value);
}

TEST_CASE("a ready message is not taken while it is copied", "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "x");
  bool looked = false;
  pair.meanwhile.at(Call::fsync, [&] {
    looked = true;
    CHECK(pair.world.count(Folder::ready) == 0);
    CHECK(detail::reap(*pair.world.queue).returned == 0);
  });
  pair.move(State::ready);
  CHECK(looked);
  CHECK(pair.target->list(State::ready).size() == 1);
}

TEST_CASE("a claim is not handed over while another consumer has it under a second name",
          "[queue][move]") {
  Pair pair{Way::rename};
  OpenQueue& source = *detail::QueueAccess::open(*pair.source);
  const detail::Registration one{*pair.world.queue};
  const detail::Registration other{*pair.world.queue};
  put(pair.world.queue, "payload");
  const StoredMessage ready = only(*pair.world.queue, State::ready);
  const auto held = detail::claim(source, ready, one.consumer() + ".1");
  REQUIRE(held);
  pair.world.disk.plant_hard_link(pair.world.path(Folder::claimed, held->at.file()),
                                  pair.world.path(Folder::ready, ready.at.file()));
  REQUIRE(detail::claim(source, ready, other.consumer() + ".1"));
  CHECK(error_of([&] {
          detail::hand_over(source, *held, *detail::QueueAccess::open(*pair.target));
        }) == std::errc::resource_unavailable_try_again);
  CHECK(pair.target_names("new").empty());
  CHECK(pair.world.count(Folder::claimed) == 2);
}

TEST_CASE("a foreign file that got the name of a listed one is neither moved nor removed",
          "[queue][move]") {
  Pair pair{Way::rename};
  pair.world.disk.plant_file("/q/new/report", "first");
  const MessageInfo listed = pair.source->list(State::ready).at(0);
  pair.world.disk.unlink("/q/new/report");
  pair.world.disk.plant_file("/q/new/report", "other");
  CHECK(error_of([&] { pair.source->move(listed, *pair.target); }) == errc::no_such_message);
  CHECK(error_of([&] { pair.source->remove(listed); }) == errc::no_such_message);
  CHECK(pair.world.disk.read_file("/q/new/report") == "other");
  CHECK(pair.target_names("new").empty());
}

TEST_CASE("a failed message is not retried while it is copied", "[queue][move]") {
  Pair pair{Way::copy};
  detail::fail(*pair.world.queue, put_and_claim(*pair.world.queue, "x"), reason("no"));
  const StoredMessage failed = only(*pair.world.queue, State::failed);
  bool looked = false;
  pair.meanwhile.at(Call::fsync, [&] {
    looked = true;
    CHECK_FALSE(detail::retry(*pair.world.queue, failed));
    Queue other = handle(pair.world.open(pair.world.disk));
    CHECK(error_of([&] {
            other.move(detail::describe(*pair.world.queue, State::failed, failed), *pair.target);
          }) == errc::no_such_message);
  });
  pair.move(State::failed);
  CHECK(looked);
  CHECK(pair.target_names("failed") == std::vector{failed.at.file()});
  CHECK(pair.world.count(Folder::claimed) == 0);
}

TEST_CASE("a mover that loses its claim says so, and its copy stays", "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "payload");
  pair.meanwhile.at(Call::fsync, [&] {
    CHECK(detail::release_move(*pair.world.queue, only(*pair.world.queue, State::claimed)));
  });
  CHECK(error_of([&] { pair.move(State::ready); }) == errc::claim_lost);
  CHECK(pair.target_names("new").size() == 1);
  CHECK(pair.world.count(Folder::ready) == 1);
  // Moved again, it finds the copy.
  pair.move(State::ready);
  CHECK(pair.target_names("new").size() == 1);
  CHECK(pair.world.count(Folder::ready) == 0);
}

TEST_CASE("of two movers of the same messages one moves each message", "[queue][move]") {
  Pair pair{Way::copy};
  constexpr std::size_t kMessages = 40;
  for (std::size_t i = 0; i < kMessages; ++i) {
    detail::fail(*pair.world.queue, put_and_claim(*pair.world.queue, "x"), reason("no"));
  }
  const std::vector<MessageInfo> failed = pair.source->list(State::failed);
  std::atomic<std::size_t> moved{0};
  std::atomic<std::size_t> late{0};
  const auto move_all = [&](Queue source) {
    for (const MessageInfo& message : failed) {
      const auto code = error_of([&] { source.move(message, *pair.target); });
      if (!code) ++moved;
      if (code == errc::no_such_message) ++late;
    }
  };
  std::thread one{move_all, handle(pair.open_source())};
  std::thread two{move_all, handle(pair.open_source())};
  one.join();
  two.join();
  CHECK(moved == kMessages);
  CHECK(late == kMessages);
  CHECK(pair.target_names("failed").size() == kMessages);
  CHECK(pair.world.count(Folder::failed) + pair.world.count(Folder::claimed) == 0);
}

TEST_CASE("a file that its writer opens just before it is claimed stays", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy)};
  pair.world.disk.plant_file("/q/new/app.log", "line 1");
  pair.world.disk.advance(Duration{600});
  int writer = -1;
  pair.meanwhile.at(Call::renameat2, [&] {
    writer = pair.world.disk.openat(pair.world.queue->fd(Folder::ready), "app.log", O_WRONLY).fd();
  });
  CHECK(error_of([&] { pair.move(State::ready); }) == errno_code(EAGAIN));
  REQUIRE(writer >= 0);
  CHECK(pair.world.names(Folder::ready) == std::vector<std::string>{"app.log"});
  CHECK(pair.world.count(Folder::claimed) == 0);
  CHECK(pair.target_names("new").empty());
  static_cast<void>(pair.world.disk.close(writer));
  pair.world.disk.advance(Duration{600});
  pair.move(State::ready);
  CHECK(pair.target_names("new").size() == 1);
}

TEST_CASE("no lease ends a claim while its message is handed over by copy", "[queue][move]") {
  Pair pair{Way::copy};
  pair.source->configure({{"lease", "10m"}});
  detail::QueueAccess::open(*pair.source)->refresh_settings();
  const detail::Registration consumer{*pair.world.queue};
  const StoredMessage claimed =
      put_and_claim(*pair.world.queue, "payload", consumer.consumer() + ".1");
  bool looked = false;
  pair.meanwhile.at(Call::read, [&] {
    looked = true;
    detail::Observations seen;
    for (const StoredMessage& each : messages(*pair.world.queue, State::claimed)) {
      for (const hours ago : {hours{2}, hours{1}}) {
        seen.seen_for(each.at.file(), pair.world.queue->since_boot() - ago, hours{1});
      }
    }
    CHECK(detail::reap(*pair.world.queue, {}, &seen).returned == 0);
  });
  detail::hand_over(*detail::QueueAccess::open(*pair.source), claimed,
                    *detail::QueueAccess::open(*pair.target));
  CHECK(looked);
  CHECK(pair.target->list(State::ready).at(0).attempts == 0);
  CHECK(pair.world.count(Folder::claimed) + pair.world.count(Folder::ready) == 0);
}

TEST_CASE("a hand-over that fails leaves the claim that there was", "[queue][move]") {
  Pair pair{Way::copy, {{"max_size", "3"}}};
  const StoredMessage claimed = put_and_claim(*pair.world.queue, "payload");
  CHECK(error_of([&] {
          detail::hand_over(*detail::QueueAccess::open(*pair.source), claimed,
                            *detail::QueueAccess::open(*pair.target));
        }) == errc::too_large);
  CHECK(pair.world.names(Folder::claimed) == std::vector{claimed.at.file()});
}

TEST_CASE("a copy with the size and another content does not stand for the message",
          "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "payload");
  const std::string file = pair.world.names(Folder::ready).at(0);
  pair.world.disk.plant_file(fmt::format("{}/new/{}", kTargetPath, file), "PAYLOAD");
  pair.move(State::ready);
  CHECK(pair.target_names("new").size() == 2);
}

TEST_CASE("a move that was interrupted after the copy doubles nothing when it is repeated",
          "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "payload");
  const std::string file = pair.world.names(Folder::ready).at(0);
  pair.world.disk.plant_file(fmt::format("{}/new/{}", kTargetPath, file), "payload");
  pair.move(State::ready);
  CHECK(pair.target_names("new") == std::vector{file});
  CHECK(pair.target_names("tmp").empty());
  CHECK(pair.world.count(Folder::ready) == 0);
}

TEST_CASE("what a dead mover left in tmp/ is in nobody's way", "[queue][move]") {
  Pair pair{Way::copy};
  const MessageId id = put(pair.world.queue, "payload");
  const std::string left = fmt::format("{}/tmp/5.{}", kTargetPath, id.to_string());
  pair.world.disk.plant_file(left, "pay");
  pair.move(State::ready);
  CHECK(pair.target_names("tmp").size() == 1);  // For the sweep.
  CHECK(pair.target->list(State::ready).size() == 1);
}

TEST_CASE("two who copy one message do not disturb each other", "[queue][move]") {
  Pair pair{Way::copy};
  const MessageId id = put(pair.world.queue, "payload");
  detail::MessageName name;
  name.id = id;
  {
    const detail::PendingMessage other{
        *detail::QueueAccess::open(*pair.target), {State::ready, name, {}}, 7};
    pair.move(State::ready);
    CHECK(pair.target_names("tmp").size() == 1);
  }
  CHECK(pair.world.count(Folder::ready) == 0);
  CHECK(pair.target->list(State::ready).size() == 1);
}

TEST_CASE("a mover that dies leaves its message to the reaper, the attempts as they were",
          "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "payload");
  detail::MessageName name = only(*pair.world.queue, State::ready).name;
  name.claim = kDeadClaim;
  pair.world.disk.plant_file("/q/cur/" + detail::format_name(name), "payload");
  pair.world.disk.unlink("/q/new/" + pair.world.names(Folder::ready).at(0));
  CHECK(detail::reap(*pair.world.queue).returned == 1);
  CHECK(only(*pair.world.queue, State::ready).name.attempts == 0);
}

TEST_CASE("a damaged message is not moved but set aside", "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "payload");
  const std::string file = pair.world.names(Folder::ready).at(0);
  pair.world.disk.plant_file("/q/new/" + file, "PAYLOAD");
  CHECK(error_of([&] { pair.move(State::ready); }) == errc::damaged);
  CHECK(pair.world.count(Folder::bad) == 1);
  CHECK(pair.world.count(Folder::claimed) + pair.world.count(Folder::ready) == 0);
  CHECK(pair.target_names("new").empty());
  CHECK(pair.target_names("tmp").empty());
}

TEST_CASE("the limits of the target hold, and the message stays where it is", "[queue][move]") {
  const Way way = GENERATE(Way::rename, Way::copy);
  const auto [settings, code] =
      GENERATE(std::pair{SettingChange{"max_size", "3"}, errc::too_large},
               std::pair{SettingChange{"max_bytes", "3"}, errc::queue_full},
               std::pair{SettingChange{"max_messages", "1"}, errc::queue_full});
  Pair pair{way, {settings}};
  put(detail::QueueAccess::open(*pair.target), "1");
  put(pair.world.queue, "four");
  const auto names = pair.world.names(Folder::ready);
  CHECK(error_of([&] { pair.move(State::ready); }) == code);
  CHECK(pair.world.names(Folder::ready) == names);
  CHECK(pair.target_names("new").size() == 1);
  CHECK(pair.target_names("tmp").empty());
}

TEST_CASE("a moved message gets the mode of the target's files", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy), {{"mode", "0770"}}};
  put(pair.world.queue, "x");
  pair.move(State::ready);
  const Payload payload = pair.target->open_payload(pair.target->list(State::ready).at(0));
  struct stat status = {};
  REQUIRE(pair.world.disk.fstat(payload.get(), status).ok());
  CHECK((status.st_mode & 07777) == 0660);
}

TEST_CASE("into a Maildir goes what it has a folder for", "[queue][move]") {
  Pair pair{Way::rename};
  for (const char* folder : {"tmp", "new", "cur"}) {
    pair.world.disk.plant_directory(fmt::format("/mail/{}", folder));
  }
  Queue mail = handle(open_queue(pair.world.disk, "/mail"));
  put(pair.world.queue, "x");
  detail::fail(*pair.world.queue, put_and_claim(*pair.world.queue, "y"), reason("no"));
  pair.source->move(pair.source->list(State::ready).at(0), mail);
  CHECK(mail.list(State::ready).size() == 1);
  mail.sync();
  CHECK(error_of([&] { pair.source->move(pair.source->list(State::failed).at(0), mail); }) ==
        errc::not_a_queue);
}

TEST_CASE("a message that has moved on is not there to be moved", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy)};
  put(pair.world.queue, "x");
  const MessageInfo ready = pair.source->list(State::ready).at(0);
  const StoredMessage claimed = claim_only(*pair.world.queue);
  CHECK(error_of([&] { pair.source->move(ready, *pair.target); }) == errc::no_such_message);
  CHECK(pair.world.names(Folder::claimed) == std::vector{claimed.at.file()});
  CHECK(pair.target_names("new").empty());
}

TEST_CASE("the limits of the target are those of now", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy)};
  put(pair.world.queue, "four");
  handle(open_queue(pair.world.disk, kTargetPath)).configure({{"max_size", "3"}});
  CHECK(error_of([&] { pair.move(State::ready); }) == errc::too_large);
  CHECK(pair.world.count(Folder::ready) == 1);
}

TEST_CASE("what was moved counts in the target at once, what was not does not", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy), {{"max_messages", "2"}}};
  for (int i = 0; i < 3; ++i) put(pair.world.queue, "x");
  const std::vector<MessageInfo> ready = pair.source->list(State::ready);
  pair.source->remove(ready.at(0));
  CHECK(error_of([&] { pair.source->move(ready.at(0), *pair.target); }) == errc::no_such_message);
  pair.source->move(ready.at(1), *pair.target);
  put(detail::QueueAccess::open(*pair.target), "y");
  CHECK(error_of([&] { pair.source->move(ready.at(2), *pair.target); }) == errc::queue_full);
  // One more than the target knows of since its count, which it believes for a second.
  pair.target->remove(pair.target->list(State::ready).at(0));
  pair.source->move(ready.at(2), *pair.target);
  CHECK(error_of([&] { return put(detail::QueueAccess::open(*pair.target), "z"); }) ==
        errc::queue_full);
}

TEST_CASE("into a queue whose disk has failed nothing is moved", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy)};
  put(pair.world.queue, "x");
  detail::QueueAccess::open(*pair.target)->durability().condemn();
  CHECK(error_of([&] { pair.move(State::ready); }) == errc::condemned);
  CHECK(pair.world.count(Folder::ready) == 1);
  CHECK(pair.target_names("new").empty());
}

TEST_CASE("what is not a file goes to bad/ and not into the target", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy)};
  pair.world.disk.plant_fifo("/q/later/9999999999999.5.01935a7b-8c3d-7e21-9f4a-2b6c8d0e1f3a");
  CHECK(error_of([&] { pair.move(State::delayed); }) == errc::no_such_message);
  CHECK(pair.world.count(Folder::later) == 0);
  CHECK(pair.world.count(Folder::bad) == 1);
  CHECK(pair.target_names("later").empty());
}

TEST_CASE("a message is not counted as taken while it is copied", "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "x");
  std::optional<unsigned> attempts;
  pair.meanwhile.at(Call::fsync,
                    [&] { attempts = only(*pair.world.queue, State::claimed).name.attempts; });
  pair.move(State::ready);
  CHECK(attempts == 0U);
}

TEST_CASE("a file in the target that is not the whole copy does not stand for it",
          "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "payload");
  const std::string there =
      fmt::format("{}/new/{}", kTargetPath, pair.world.names(Folder::ready).at(0));
  pair.world.disk.plant_file(there, "pay");
  pair.move(State::ready);
  CHECK(pair.world.disk.read_file(there) == "pay");
  const std::vector<std::string> names = pair.target_names("new");
  REQUIRE(names.size() == 2);
  const std::string other = there.ends_with(names.at(0)) ? names.at(1) : names.at(0);
  CHECK(pair.world.disk.read_file(fmt::format("{}/new/{}", kTargetPath, other)) == "payload");
}

TEST_CASE("what somebody still writes is not set aside as damaged", "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "payload");
  const std::vector<std::string> names = pair.world.names(Folder::ready);
  pair.world.disk.plant_file("/q/new/" + names.at(0), "pay");
  const auto writer =
      pair.world.disk.openat(pair.world.queue->fd(Folder::ready), names.at(0).c_str(), O_WRONLY);
  REQUIRE(writer.ok());
  CHECK(error_of([&] { pair.move(State::ready); }) == errc::damaged);
  CHECK(pair.world.count(Folder::bad) == 0);
  CHECK(pair.world.names(Folder::ready) == names);
  static_cast<void>(pair.world.disk.close(writer.fd()));
}

TEST_CASE("headers that cannot be read are not left behind", "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "x", rich());
  const Call call = GENERATE(Call::flistxattr, Call::fgetxattr);
  pair.meanwhile.fail(call, EIO);
  CHECK(error_of([&] { pair.move(State::ready); }) == errno_code(EIO));
  CHECK(pair.world.count(Folder::ready) == 1);
  CHECK(pair.target_names("new").empty());
  CHECK(pair.target_names("tmp").empty());
}

TEST_CASE("from a file system without attributes a message is copied as it is", "[queue][move]") {
  Pair pair{Way::copy};
  put(pair.world.queue, "x");
  pair.meanwhile.fail(Call::flistxattr, ENOTSUP);
  pair.move(State::ready);
  CHECK(pair.target->list(State::ready).size() == 1);
}

TEST_CASE("a stranger's file keeps a name that is too long for a message's", "[queue][move]") {
  Pair pair{GENERATE(Way::rename, Way::copy)};
  const std::string name = std::string(150, 'n') + ".txt";
  pair.world.disk.plant_file("/q/new/" + name, "written in place");
  pair.world.disk.advance(Duration{600});
  pair.move(State::ready);
  CHECK(pair.target->details(pair.target->list(State::ready).at(0)).info.name == name);
}

}  // namespace spoolq::test
