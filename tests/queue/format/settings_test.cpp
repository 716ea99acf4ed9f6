// Settings: the table of docs/format.md, what is refused, and a file that is never torn.
#include "queue/format/settings.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "queue/os/unique_fd.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/format_page.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {
namespace {

using detail::change_settings;
using detail::format_queue_file;
using detail::list_settings;
using detail::parse_queue_file;
using detail::QueueFile;
using detail::Settings;

constexpr const char* kId = "0b4f3c52-6d0e-8d4c-8a55-0f6c1c7c2f10";

std::error_code parse_error(const std::string& text) {
  return error_of([&] { return parse_queue_file(text, "/q/spoolq.json"); });
}

std::string file_with(const std::string& settings) {
  return fmt::format(R"({{"format": 1, "queue_id": "{}", "settings": {}}})", kId, settings);
}

std::string value_after(const std::string& name, const std::string& value) {
  for (const auto& [each, text] : list_settings(change_settings({}, {{name, value}}))) {
    if (each == name) return text;
  }
  return {};
}

/// After each call of a rewrite, every state that a power cut can leave has the old or the new
/// file.
class PowerCutSys final : public ForwardingSys {
 public:
  explicit PowerCutSys(SimulatedSys& disk) : ForwardingSys{disk}, disk_{disk} {}
  int old_seen = 0;
  int new_seen = 0;
  std::string wrong;

 protected:
  SysResult after(const CallInfo&, SysResult result) override {
    for (const CrashState& state : disk_.crash_states()) {
      const auto crashed = disk_.crash(state);
      try {
        const auto attempts = open_queue(*crashed, "/q")->settings()->max_attempts;
        ++(attempts == 5 ? old_seen : new_seen);
        if (attempts != 5 && attempts != 7) wrong += fmt::format("{} attempts\n", attempts);
      } catch (const Error& error) {
        wrong += fmt::format("{}: {}\n", state.description, error.what());
      }
    }
    return result;
  }

 private:
  SimulatedSys& disk_;
};

}  // namespace

TEST_CASE("the defaults are those of the page, in its order", "[queue][settings][format]") {
  std::vector<SettingChange> page;
  for (const auto& row : format_table("## Settings")) page.emplace_back(row.at(0), row.at(1));
  CHECK(list_settings({}) == page);
}

TEST_CASE("the page's example of spoolq.json reads", "[queue][settings][format]") {
  const std::string page = format_page();
  const std::size_t begin = page.find("```json\n") + 8;
  const QueueFile file = parse_queue_file(page.substr(begin, page.find("```", begin) - begin), "");
  CHECK(file.set == std::map<std::string, std::string>{{"max_attempts", "5"}});
}

TEST_CASE("every value that a setting takes reads back", "[queue][settings]") {
  struct Case {
    const char* name;
    const char* value;
    const char* shown;
  };
  for (const Case& each : {Case{"max_attempts", "1", "1"},
                           Case{"max_attempts", "9999", "9999"},
                           Case{"backoff", "1..3600", "1s..1h"},
                           Case{"backoff", "off", "off"},
                           Case{"backoff", "5s", "5s"},
                           Case{"backoff", "0..1m", "0s..1m"},
                           Case{"lease", "off", "off"},
                           Case{"lease", "600", "10m"},
                           Case{"crash_count", "durable", "durable"},
                           Case{"crash_count", "relaxed", "relaxed"},
                           Case{"detached_lease", "90", "90s"},
                           Case{"detached_lease", "1.5h", "90m"},
                           Case{"keep_done", "on", "on"},
                           Case{"keep_done", "off", "off"},
                           Case{"keep_done", "168h", "7d"},
                           Case{"settle", "0", "0s"},
                           Case{"settle", "2s", "2s"},
                           Case{"order", "strict", "strict"},
                           Case{"order", "relaxed", "relaxed"},
                           Case{"max_size", "off", "off"},
                           Case{"max_size", "1024K", "1M"},
                           Case{"max_messages", "1", "1"},
                           Case{"max_messages", "off", "off"},
                           Case{"max_messages", "4294967295", "4294967295"},
                           Case{"max_bytes", "1", "1"},
                           Case{"max_bytes", "off", "off"},
                           Case{"min_free", "0", "0"},
                           Case{"min_free", "1G", "1G"},
                           Case{"mode", "0700", "0700"},
                           Case{"mode", "750", "0750"},
                           Case{"mode", "02770", "2770"},
                           Case{"mode", "0775", "0775"}}) {
    INFO(each.name << "=" << each.value);
    CHECK(value_after(each.name, each.value) == each.shown);
    CHECK(value_after(each.name, each.shown) == each.shown);
  }
}

TEST_CASE("other values and other settings are refused", "[queue][settings]") {
  struct Case {
    const char* name;
    const char* value;
  };
  for (const Case& each : {Case{"max_attempts", "0"},
                           Case{"max_attempts", "10000"},
                           Case{"max_attempts", "-1"},
                           Case{"max_attempts", "+1"},
                           Case{"max_attempts", ""},
                           Case{"max_attempts", "5 "},
                           Case{"max_attempts", "five"},
                           Case{"max_attempts", "99999999999"},
                           Case{"backoff", ""},
                           Case{"backoff", "1h..1s"},
                           Case{"backoff", "1s.."},
                           Case{"backoff", "..1s"},
                           Case{"backoff", "1s...1h"},
                           Case{"backoff", "on"},
                           Case{"lease", "0"},
                           Case{"lease", "on"},
                           Case{"lease", ""},
                           Case{"crash_count", "on"},
                           Case{"crash_count", ""},
                           Case{"detached_lease", "soon"},
                           Case{"detached_lease", ""},
                           Case{"detached_lease", "-1s"},
                           Case{"detached_lease", "off"},
                           Case{"keep_done", "yes"},
                           Case{"keep_done", ""},
                           Case{"keep_done", "On"},
                           Case{"settle", "x"},
                           Case{"order", "random"},
                           Case{"order", ""},
                           Case{"detached_lease", "0"},
                           Case{"max_messages", "0"},
                           Case{"max_messages", "4294967296"},
                           Case{"max_messages", "-1"},
                           Case{"max_bytes", "0"},
                           Case{"max_bytes", "many"},
                           Case{"max_size", "0"},
                           Case{"max_size", "on"},
                           Case{"max_size", "1T"},
                           Case{"max_size", ""},
                           Case{"min_free", "off"},
                           Case{"min_free", "-1"},
                           Case{"mode", "0600"},
                           Case{"mode", "0702"},
                           Case{"mode", "0777"},
                           Case{"mode", "0800"},
                           Case{"mode", "rwx"},
                           Case{"mode", ""},
                           Case{"mode", "17700"},
                           Case{"no_such", "1"},
                           Case{"", ""},
                           Case{"Order", "strict"}}) {
    INFO(each.name << "=" << each.value);
    CHECK(error_of([&] { return change_settings({}, {{each.name, each.value}}); }) ==
          errc::bad_settings);
  }
}

TEST_CASE("a bad setting is named, and what it takes", "[queue][settings]") {
  try {
    change_settings({}, {{"order", "ran\ndom"}});
    FAIL("it was taken");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(text.find("order=ran\\x0adom") != std::string::npos);
    CHECK(text.find("relaxed or strict") != std::string::npos);
  }
}

TEST_CASE("settings are changed all or none", "[queue][settings]") {
  World world;
  const std::string before = world.disk.read_file("/q/spoolq.json");
  CHECK(error_of([&] {
          world.queue->configure({{"max_attempts", "7"}, {"order", "random"}});
          return 0;
        }) == errc::bad_settings);
  CHECK(world.disk.read_file("/q/spoolq.json") == before);
  CHECK(world.queue->settings()->max_attempts == 5);
  world.queue->configure({{"max_attempts", "7"}, {"order", "strict"}});
  CHECK(world.queue->settings()->max_attempts == 7);
  CHECK(world.queue->settings()->strict_order);
}

TEST_CASE("files get the mode without x", "[queue][settings]") {
  CHECK(Settings{}.file_mode() == 0600);
  CHECK(change_settings({}, {{"mode", "2775"}}).file_mode() == 0664);
}

TEST_CASE("a file of settings reads as it was written", "[queue][settings]") {
  QueueFile file;
  file.queue_id = MessageId::parse(kId).value();
  file.set = {{"max_attempts", "3"}, {"settle", "1s"}};
  const QueueFile read = parse_queue_file(format_queue_file(file), "");
  CHECK(read.queue_id == file.queue_id);
  CHECK(read.set == file.set);
  CHECK(read.settings.max_attempts == 3);
  CHECK(read.settings.settle == Duration{1'000});
}

TEST_CASE("settings of a newer version are kept when the file is rewritten", "[queue][settings]") {
  World world;
  world.disk.plant_file("/q/spoolq.json", file_with(R"({"colour": "soon", "settle": "2s"})"));
  world.queue->configure({{"order", "strict"}});
  const auto json = nlohmann::json::parse(world.disk.read_file("/q/spoolq.json"));
  CHECK(json.at("settings") ==
        nlohmann::json{{"colour", "soon"}, {"settle", "2s"}, {"order", "strict"}});
  CHECK(json.at("queue_id") == kId);
  detail::init_queue(world.disk, "/q", {{"order", "relaxed"}});
  CHECK(world.disk.read_file("/q/spoolq.json").find("soon") != std::string::npos);
}

TEST_CASE(
    "who reads settings while another thread reads newer ones does not bring the old ones back",
    "[queue][settings]") {
  /// Does something between the reading of the file and what follows it, once.
  class Interrupted final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;
    std::function<void()> meanwhile;

   protected:
    SysResult after(const CallInfo& info, SysResult result) override {
      if (info.call == Call::read && result.value() == 0 && meanwhile) {
        std::exchange(meanwhile, {})();
      }
      return result;
    }
  };
  World world;
  Interrupted sys{world.disk};
  const auto queue = world.open(sys);
  world.queue->configure({{"max_attempts", "7"}});
  sys.meanwhile = [&] {
    world.disk.advance(std::chrono::seconds{1});
    world.queue->configure({{"max_attempts", "9"}});
    queue->refresh_settings();
  };
  queue->refresh_settings();
  REQUIRE_FALSE(sys.meanwhile);
  CHECK(queue->settings()->max_attempts == 9);
}

TEST_CASE("another format is refused as such", "[queue][settings]") {
  for (const char* format : {"0", "2", "-1", "4294967297", "18446744073709551615"}) {
    INFO(format);
    CHECK(parse_error(fmt::format(R"({{"format": {}}})", format)) == errc::unsupported_format);
  }
  World world;
  const std::string newer = R"({"format": 2, "something": "else"})";
  world.disk.plant_file("/q/spoolq.json", newer);
  CHECK(error_of([&] { return world.open(world.disk); }) == errc::unsupported_format);
  CHECK(error_of([&] {
          detail::init_queue(world.disk, "/q", {{"order", "strict"}});
          return 0;
        }) == errc::unsupported_format);
  CHECK(world.disk.read_file("/q/spoolq.json") == newer);
}

TEST_CASE("a broken file of settings is refused, never replaced", "[queue][settings]") {
  const std::vector<std::string> broken{"",
                                        "{",
                                        "null",
                                        "[]",
                                        "1",
                                        "\"text\"",
                                        "{}",
                                        R"({"format": "1"})",
                                        R"({"format": 1.5})",
                                        R"({"format": null})",
                                        R"({"format": 1})",
                                        R"({"format": 1, "queue_id": 7})",
                                        R"({"format": 1, "queue_id": "x"})",
                                        R"({"format": 1, "queue_id": null})",
                                        file_with("[]"),
                                        file_with("null"),
                                        file_with("\"text\""),
                                        file_with(R"({"settle": 1})"),
                                        file_with(R"({"settle": "x"})"),
                                        file_with(R"({"new": {}})"),
                                        file_with("{}") + "x",
                                        std::string{"\0\0\0\0", 4},
                                        "\xff\xfe{"};
  for (const std::string& text : broken) {
    INFO(text);
    CHECK(parse_error(text) == errc::bad_settings);
    World world;
    world.disk.plant_file("/q/spoolq.json", text);
    CHECK(error_of([&] { return world.open(world.disk); }) == errc::bad_settings);
    CHECK_THROWS_AS(detail::init_queue(world.disk, "/q", {}), Error);
    CHECK(world.disk.read_file("/q/spoolq.json") == text);
  }
}

TEST_CASE("a file of settings that is far too large, or a link, is refused", "[queue][settings]") {
  World world;
  world.disk.plant_file("/q/spoolq.json", std::string((1U << 20U) + 1, ' '));
  CHECK(error_of([&] { return world.open(world.disk); }) == errno_code(EFBIG));
  world.disk.unlink("/q/spoolq.json");
  world.disk.plant_file("/elsewhere", file_with("{}"));
  world.disk.plant_symlink("/q/spoolq.json", "/elsewhere");
  CHECK(error_of([&] { return world.open(world.disk); }) == errno_code(ELOOP));
}

TEST_CASE("a power cut leaves the old settings or the new ones", "[queue][settings][crash]") {
  const auto model = GENERATE(CrashModel::journal, CrashModel::per_directory);
  World world{{}, model};
  PowerCutSys sys{world.disk};
  const auto queue = world.open(sys);
  queue->configure({{"max_attempts", "7"}});
  INFO(sys.wrong);
  CHECK(sys.wrong.empty());
  CHECK(sys.old_seen > 0);
  CHECK(sys.new_seen > 0);
  const auto crashed = world.disk.crash(world.disk.keep_nothing());
  CHECK(open_queue(*crashed, "/q")->settings()->max_attempts == 7);
}

TEST_CASE("a rewrite that fails leaves the old file and nothing else", "[queue][settings]") {
  World world;
  const auto before = world.disk.list("/q");
  const std::string text = world.disk.read_file("/q/spoolq.json");
  world.disk.set_capacity(1);
  CHECK(error_of([&] {
          world.queue->configure({{"max_attempts", "7"}});
          return 0;
        }) == errno_code(ENOSPC));
  CHECK(world.disk.list("/q") == before);
  CHECK(world.disk.read_file("/q/spoolq.json") == text);
}

}  // namespace spoolq::test
