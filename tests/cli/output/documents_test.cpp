// Every JSON document that the program prints, against its schema in docs/schemas.
#include <fmt/core.h>
#include <sys/xattr.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/cli/help_pages.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"
#include "tests/support/schema.hpp"

namespace spoolq::test {
namespace {

using Json = nlohmann::json;

const std::string kOddBytes = "a\nb\t\"c\\d'\x1b[31me\x7f\xff\xc3(\xe2\x80\xae z";

const Schema& schema(const std::string& name) {
  static std::map<std::string, Schema> schemas;
  return schemas.try_emplace(name, name).first->second;
}

/// Runs the program, which must succeed, and checks each line of its output against the schema.
std::vector<Json> documents(const std::string& schema_name,
                            const std::vector<std::string>& arguments) {
  CAPTURE(arguments);
  const Outcome outcome = run(arguments);
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  CHECK((outcome.out.empty() || outcome.out.ends_with('\n')));
  std::vector<Json> result;
  for (const std::string& line : lines_of(outcome.out)) {
    CHECK(schema(schema_name).problems(line) == std::vector<std::string>{});
    result.push_back(Json::parse(line));
  }
  return result;
}

std::vector<Json> messages(const std::string& q, const std::vector<std::string>& options = {}) {
  std::vector<std::string> arguments = {"ls", q, "--json"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return documents("spoolq.message.1", arguments);
}

std::string new_queue(const Scratch& scratch, const std::string& name = "q") {
  run_well({"init", scratch / name});
  return scratch / name;
}

/// Decodes base64.
std::string bytes_of(const Json& text) {
  static const std::string digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned value = 0;
  int bits = 0;
  for (const char c : text.get<std::string>()) {
    if (c == '=') break;
    value = (value << 6) | static_cast<unsigned>(digits.find(c));
    bits += 6;
    if (bits >= 8) bytes += static_cast<char>((value >> (bits -= 8)) & 0xFFU);
  }
  return bytes;
}

void set_attribute(const std::string& path, const std::string& name, const std::string& value) {
  REQUIRE(::setxattr(path.c_str(), ("user.spoolq." + name).c_str(), value.data(), value.size(),
                     0) == 0);
}

/// Holds the next message; the path of the claim.
std::string hold(const std::string& q) { return run_well({"take", q, "--hold"}).substr(37); }

}  // namespace

TEST_CASE("every verb that prints JSON is one whose documents are checked here",
          "[cli][documents]") {
  const std::set<std::string> checked = {"adopt", "config", "import", "ls",     "show",
                                         "stats", "reap",   "watch",  "version"};
  std::set<std::string> printing;
  for (const std::string& verb : verb_names()) {
    for (const OptionHelp& option : options_of(verb)) {
      if (option.name == "--json") printing.insert(verb);
    }
  }
  CHECK(printing == checked);
}

TEST_CASE("every field of a schema is described", "[cli][documents]") {
  const std::vector<std::string> names = schema_names();
  CHECK(names == std::vector<std::string>{"spoolq.appraisal.1", "spoolq.event.1", "spoolq.log.1",
                                          "spoolq.message.1", "spoolq.reap.1", "spoolq.settings.1",
                                          "spoolq.stats.1", "spoolq.version.1"});
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(schema(name).without_description() == std::vector<std::string>{});
  }
}

TEST_CASE("a message in each state is documented", "[cli][documents]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"config", q, "keep_done=on"});
  run_well({"put", q}, "done");
  run_well({"take", q});
  run_well({"put", q}, "failed");
  run_well({"fail", q, hold(q), "--reason", "no such user"});
  run_well({"put", q}, "held");
  hold(q);
  run_well({"put", q}, std::string(1 << 20, 'x'));
  const Running living{Invocation{.arguments = {"take", q}}};
  REQUIRE(eventually([&] { return names_in(q + "/cur").size() == 2; }));
  run_well({"put", q, "--delay=1h", "--ttl=2h"}, "delayed");
  run_well({"put", q, "--priority=9", "--key=k", "--type=text/plain", "--name=n", "--header=h=v",
            "--ttl=1h"},
           "ready");
  const auto list = messages(q, {"--state=ready,claimed,delayed,failed,done"});
  std::multiset<std::string> states;
  for (const Json& message : list) {
    states.insert(message.at("state"));
    CHECK(documents("spoolq.message.1", {"show", q, message.at("id"), "--json"}).at(0).at("path") ==
          message.at("path"));
  }
  CHECK(states ==
        std::multiset<std::string>{"ready", "claimed", "claimed", "delayed", "failed", "done"});
  for (const Json& message : list) {
    const bool is_detached = message.at("consumer").is_string() &&
                             std::string{message.at("consumer")}.starts_with("detached");
    CHECK(message.at("lease_until").is_string() == is_detached);
    CHECK(message.at("consumer").is_string() == (message.at("state") == "claimed"));
    CHECK(message.at("due_at").is_string() == (message.at("state") == "delayed"));
    CHECK(message.at("reason").is_object() == (message.at("state") == "failed"));
  }
}

TEST_CASE("bytes that are not UTF-8 are lost in no field of a message", "[cli][documents]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch, "queue " + kOddBytes);
  run_well({"put", q, "--key=" + kOddBytes, "--type=" + kOddBytes, "--name=" + kOddBytes,
            "--header", "odd=" + kOddBytes, "--header", "even=[\"{}", "--header", "empty="},
           "x");
  for (const auto& list :
       {messages(q), documents("spoolq.message.1", {"show", q, "@oldest", "--json"})}) {
    REQUIRE(list.size() == 1);
    const Json& message = list[0];
    for (const std::string field : {"key", "type", "name"}) {
      CAPTURE(field);
      CHECK(bytes_of(message.at(field + "_b64")) == kOddBytes);
      CHECK(std::string{message.at(field)}.starts_with("a\nb\t\"c\\d'\x1b[31me\x7f\xef\xbf\xbd"));
    }
    CHECK(bytes_of(message.at("headers_b64").at("odd")) == kOddBytes);
    CHECK(message.at("headers_b64").size() == 1);
    CHECK(message.at("headers").size() == 3);
    CHECK(message.at("headers").at("even") == "[\"{}");
    CHECK(message.at("headers").at("empty") == "");
    CHECK(read_file(bytes_of(message.at("path_b64"))) == "x");
  }
}

TEST_CASE("what is UTF-8 stands there once", "[cli][documents]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch, "Schlange \xc3\xa4\n\"");
  run_well({"put", q, "--name=\xf0\x9f\x90\x88\n\x1b", "--header=h=\xc3\xa4"}, "x");
  const Json message = messages(q).at(0);
  CHECK(message.at("name") == "\xf0\x9f\x90\x88\n\x1b");
  CHECK(read_file(std::string{message.at("path")}) == "x");
  for (const auto& [field, value] : message.items()) CHECK_FALSE(field.ends_with("_b64"));
}

TEST_CASE("files that others dropped are documented with their size and whole name",
          "[cli][documents]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::vector<std::string> names = {kOddBytes, std::string(255, 'n'), "-rf", "{}",
                                          "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=01"};
  for (const std::string& name : names) write_file(q + "/new/" + name, "dropped");
  const auto list = messages(q);
  REQUIRE(list.size() == names.size());
  for (const Json& message : list) {
    const std::string name = message.contains("name_b64") ? bytes_of(message.at("name_b64"))
                                                          : std::string{message.at("name")};
    CHECK(std::ranges::count(names, name) == 1);
    CHECK(message.at("size") == 7);
    CHECK(message.at("priority") == 5);
    const std::string id = message.at("id");
    CHECK(has(run_well({"show", q, id}), "size: 7\n"));
  }
  CHECK(has(run_well({"ls", q, "-l", "-n1"}), "  7  "));
}

TEST_CASE("what others wrote into names and attributes is documented all the same",
          "[cli][documents]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = "ffffffff-ffff-7e21-9f4a-1b2c3d4e5f60";
  write_file(q + "/new/0." + id + ",X=9223372036854775807,K=%FF", "x");
  set_attribute(q + "/new/0." + id + ",X=9223372036854775807,K=%FF", "nul", {"a\0b", 3});
  set_attribute(q + "/new/0." + id + ",X=9223372036854775807,K=%FF", "NO\nheader\xff", "x");
  write_file(q + "/failed/1." + id, "x");
  set_attribute(q + "/failed/1." + id, "reason", kOddBytes);
  write_file(q + "/failed/2." + id + ",A=9999", "x");
  set_attribute(q + "/failed/2." + id + ",A=9999", "reason",
                R"({"text":"t","exit_code":3,"stderr":"last words\u0000\n","signal":9})");
  write_file(q + "/failed/3." + id, "x");
  set_attribute(q + "/failed/3." + id, "reason",
                R"({"text":7,"exit_code":99999999999,"signal":1e99})");
  write_file(q + "/later/9999999999999.4." + id, "x");
  write_file(q + "/cur/5." + id + ",A=1,C=detached.00112233445566aa,L=9223372036854775807", "x");
  write_file(q + "/cur/6." + id + ",C=00112233445566aa.1f", "x");
  const auto list = messages(q);
  REQUIRE(list.size() == 7);
  CHECK(list[0].at("enqueued_at") == "9999-12-31T23:59:59.999Z");
  CHECK(list[0].at("expires_at") == "9999-12-31T23:59:59.999Z");
  CHECK(list[0].at("headers") == Json{{"nul", std::string{"a\0b", 3}}});
  CHECK(bytes_of(list[0].at("key_b64")) == "\xff");
  std::map<int, Json> reasons;
  for (const Json& message : list) reasons[message.at("priority")] = message.at("reason");
  CHECK(bytes_of(reasons[1].at("text_b64")) == kOddBytes);
  CHECK(reasons[2] == Json{{"text", "t"},
                           {"exit_code", 3},
                           {"signal", 9},
                           {"stderr", std::string{"last words\0\n", 12}},
                           {"host", nullptr},
                           {"consumer", nullptr}});
  CHECK(reasons[3].at("text").is_null());
  CHECK(reasons[3].at("exit_code").is_null());
  CHECK(reasons[3].at("signal").is_null());
}

TEST_CASE("an empty queue has no documents", "[cli][documents]") {
  const Scratch scratch;
  CHECK(run_well({"ls", new_queue(scratch), "--json"}).empty());
}

TEST_CASE("counts, settings, reap and the version are documented", "[cli][documents]") {
  const Scratch scratch;
  const std::string odd = new_queue(scratch, kOddBytes);
  const std::string plain = new_queue(scratch, "plain");
  run_well({"put", odd}, "x");
  write_file(odd + "/bad/thing", "x");
  write_file(odd + "/paused", "");
  const auto stats = documents("spoolq.stats.1", {"stats", odd, plain, "--json"});
  REQUIRE(stats.size() == 2);
  CHECK(bytes_of(stats[0].at("queue_b64")) == odd);
  CHECK(stats[0].at("oldest_ready_seconds").is_number());
  CHECK(stats[0].at("bad") == 1);
  CHECK(stats[0].at("paused") == true);
  CHECK(stats[1].at("queue") == plain);
  CHECK(stats[1].at("oldest_ready_seconds").is_null());

  for (const std::string& q : {odd, plain}) {
    const auto settings = documents("spoolq.settings.1", {"config", q, "--json"});
    REQUIRE(settings.size() == 1);
    CHECK(settings[0].at("settings").at("max_attempts") == "5");
    const auto reaped = documents("spoolq.reap.1", {"reap", q, "--json"});
    REQUIRE(reaped.size() == 1);
    CHECK(reaped[0].contains("queue_b64") == (q == odd));
  }
  CHECK(documents("spoolq.settings.1", {"config", plain, "--json", "max_attempts=3"})
            .at(0)
            .at("settings")
            .at("max_attempts") == "3");
  CHECK(documents("spoolq.version.1", {"version", "--json"}).size() == 1);
}

TEST_CASE("each thing that happens is documented", "[cli][documents]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  Running watch{Invocation{.arguments = {"watch", q, "--json"}}};
  REQUIRE(eventually([&] { return watch.watches(); }));
  run_well({"put", q, "--key=" + kOddBytes, "--name=" + kOddBytes}, "x");
  const std::string first = hold(q);
  run_well({"release", q, first, "--delay=500ms"});
  run_well({"take", q, "--wait", "--hold"});
  run_well({"fail", q, names_in(q + "/cur").at(0).substr(2, 36)});
  run_well({"rm", q, "@oldest"});
  std::vector<Json> events;
  for (int i = 0; i < 7; ++i) {
    const std::string line = watch.read_line();
    CHECK(schema("spoolq.event.1").problems(line) == std::vector<std::string>{});
    events.push_back(Json::parse(line));
  }
  std::vector<std::string> kinds;
  for (const Json& event : events) {
    kinds.push_back(event.at("event"));
    CHECK(bytes_of(event.at("key_b64")) == kOddBytes);
    CHECK(bytes_of(event.at("name_b64")) == kOddBytes);
    for (const auto& [field, value] : event.items()) {
      CAPTURE(field);
      Json bad = event;
      bad[field] = Json::array({value});
      CHECK_FALSE(schema("spoolq.event.1").problems(bad.dump()).empty());
      if (field.ends_with("_b64")) continue;
      bad.erase(field);
      CHECK_FALSE(schema("spoolq.event.1").problems(bad.dump()).empty());
    }
  }
  CHECK(kinds == std::vector<std::string>{"put", "claimed", "delayed", "returned", "claimed",
                                          "failed", "gone"});
  CHECK(events[0].at("state") == "ready");
  CHECK(events[6].at("state").is_null());
  CHECK(events[6].at("attempts") == 2);
}

TEST_CASE("a document that is broken is caught", "[cli][documents]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--delay=1h", "--header=h=v"}, "x");
  const Json good = messages(q).at(0);
  const auto is_caught = [&](const std::string& field, const Json& value) {
    Json bad = good;
    bad[field] = value;
    return !schema("spoolq.message.1").problems(bad.dump()).empty();
  };
  CHECK_FALSE(is_caught("key", "k"));
  for (const auto& [field, value] : std::vector<std::pair<std::string, Json>>{
           {"schema", "spoolq.message/2"},
           {"id", "01935A7B-8C3D-7E21-9F4A-1B2C3D4E5F60"},
           {"id", "01935a7b-8c3d-4e21-9f4a-1b2c3d4e5f60"},
           {"id", nullptr},
           {"state", "lost"},
           {"priority", "5"},
           {"priority", 10},
           {"attempts", -1},
           {"attempts", 1.5},
           {"size", "1"},
           {"size", -1},
           {"enqueued_at", "2026-11-23T03:16:21Z"},
           {"enqueued_at", "2026-11-23 03:16:21.000Z"},
           {"enqueued_at", "10889-08-02T05:31:50.655Z"},
           {"enqueued_at", "2026-13-23T03:16:21.000Z"},
           {"enqueued_at", nullptr},
           {"age_seconds", "1"},
           {"age_seconds", nullptr},
           {"due_at", 1763870400123},
           {"key", Json::array()},
           {"name_b64", "not base64!"},
           {"headers", nullptr},
           {"headers", Json{{"h", 1}}},
           {"consumer", "somebody"},
           {"reason", "text"},
           {"reason", Json{{"text", "t"}}},
           {"reason", Json{{"text", "t"}, {"exit_code", "1"}, {"signal", {}}, {"stderr", {}}}},
           {"reason",
            Json{{"text", {}}, {"exit_code", 1}, {"signal", {}}, {"stderr", {}}, {"more", 1}}},
           {"path", "relative"},
           {"no_such_field", 1}}) {
    CAPTURE(field, value);
    CHECK(is_caught(field, value));
  }
  for (const auto& [field, value] : good.items()) {
    CAPTURE(field);
    Json bad = good;
    bad.erase(field);
    CHECK_FALSE(schema("spoolq.message.1").problems(bad.dump()).empty());
  }
  const std::string text = good.dump();
  for (const std::string& bad : {text.substr(0, text.size() - 1), text + text, std::string{"\xff"},
                                 "{\"id\":1," + text.substr(1), std::string{"[]"}}) {
    CHECK_FALSE(schema("spoolq.message.1").problems(bad).empty());
  }
}

TEST_CASE("a count, a setting or a version that is broken is caught", "[cli][documents]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::map<std::string, Json> good = {
      {"spoolq.stats.1", documents("spoolq.stats.1", {"stats", q, "--json"}).at(0)},
      {"spoolq.settings.1", documents("spoolq.settings.1", {"config", q, "--json"}).at(0)},
      {"spoolq.reap.1", documents("spoolq.reap.1", {"reap", q, "--json"}).at(0)},
      {"spoolq.version.1", documents("spoolq.version.1", {"version", "--json"}).at(0)}};
  for (const auto& [name, document] : good) {
    for (const auto& [field, value] : document.items()) {
      CAPTURE(name, field);
      Json bad = document;
      bad.erase(field);
      CHECK_FALSE(schema(name).problems(bad.dump()).empty());
      bad[field] = Json::array({value});
      CHECK_FALSE(schema(name).problems(bad.dump()).empty());
    }
  }
}

}  // namespace spoolq::test
