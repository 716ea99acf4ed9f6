// Names that other programs give: of any bytes and length, with what mail programs put into them.
// The name comes back whole from every verb, and the id is the same before and after the claim.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/writers/taker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Name {
  std::string bytes;
  std::string as_text;  ///< As a table or a text shows it.
  bool utf8 = true;
};

const std::vector<Name>& strange_names() {
  static const std::vector<Name> kNames{
      {std::string(255, 'n'), std::string(255, 'n')},
      {"\xe5\xa0\xb1\xe5\x91\x8a " + std::string(240, '.') + "pdf",
       "\xe5\xa0\xb1\xe5\x91\x8a " + std::string(240, '.') + "pdf"},
      {"two\nlines", R"(two\x0alines)"},
      {"\xff\xfe raw", R"(\xff\xfe raw)", false},
      {"-rf", "-rf"},
      {"1795403405.M633299P10625Q1.vm:2,", "1795403405.M633299P10625Q1.vm:2,"},
      {"1795403405.M633299P10625Q1.vm:2,FS", "1795403405.M633299P10625Q1.vm:2,FS"},
  };
  return kNames;
}

/// Puts a file into new/ as mv does.
void drop(const RealQueue& queue, const std::string& name, const std::string& payload) {
  write_file(queue.around() / "outside", payload);
  fs::rename(queue.around() / "outside", queue.path(Folder::ready, name));
}

/// The name in a JSON document, whether or not it is UTF-8.
std::string name_in(const Json& document, const RealQueue& queue) {
  if (!document.contains("name_b64")) return document.at("name").get<std::string>();
  return shell(queue, "printf %s '" + document.at("name_b64").get<std::string>() + "' | base64 -d");
}

}  // namespace

TEST_CASE("a strange name is the same in every verb, and so is the id", "[writers][names]") {
  const Name name = GENERATE(from_range(strange_names()));
  CAPTURE(name.bytes);
  RealQueue queue{{{"settle", "0s"}}};
  drop(queue, name.bytes, "hello");
  const std::string& q = queue.path();
  const std::string id = run_well({"ls", q, "-q"});
  REQUIRE(id.size() == 36);

  CHECK(has(run_well({"ls", q, "-l"}), name.as_text));
  const Json ready = Json::parse(run_well({"ls", q, "--json"}));
  CHECK(ready.at("id") == id);
  CHECK(name_in(ready, queue) == name.bytes);
  CHECK(name_in(Json::parse(run_well({"show", q, id, "--json"})), queue) == name.bytes);
  CHECK(run_well({"ls", q, "-q", "--name", "*" + name.bytes.substr(name.bytes.size() - 3)}) == id);
  CHECK(run_well({"cat", q, id}) == "hello");

  const std::string held = run_well({"take", q, "--hold", "-0"});
  CHECK(held.starts_with(id + "\t"));
  const Json claimed = Json::parse(run_well({"show", q, id, "--json"}));
  CHECK(name_in(claimed, queue) == name.bytes);
  CHECK(run_well({"ls", q, "-q", "--name", "*" + name.bytes.substr(name.bytes.size() - 3)}) == id);
  run_well({"release", q, id});
  CHECK(run_well({"ls", q, "-q"}) == id);

  SECTION("take -o") {
    fs::create_directory(queue.around() / "out");
    run_well({"take", q, "-o", queue.around() / "out"});
    CHECK(names_in(queue.around() / "out") == std::vector<std::string>{id});
  }
  SECTION("work") {
    const Outcome work =
        run(Invocation{.arguments = {"work", q, "--drain", "--quiet", "--", "sh", "-c",
                                     R"(printf %s "$1" > name; printf %s "$SPOOLQ_NAME" > variable
                                        printf %s "$SPOOLQ_ID" > id; cat > payload)",
                                     "sh", "{name}"},
                       .directory = queue.around().path()});
    CHECK(work.exit == 0);
    CHECK(read_file(queue.around() / "name") == name.bytes);
    CHECK(read_file(queue.around() / "variable") == name.bytes);
    CHECK(read_file(queue.around() / "id") == id);
    CHECK(read_file(queue.around() / "payload") == "hello");
  }
  SECTION("fail and retry") {
    run_well({"take", q, "--hold"});
    run_well({"fail", q, id});
    CHECK(name_in(Json::parse(run_well({"show", q, id, "--json"})), queue) == name.bytes);
    run_well({"retry", q, id});
    CHECK(run_well({"ls", q, "-q"}) == id);
    CHECK(run_well({"take", q}) == "hello");
  }
  CHECK(queue.count(Folder::ready) + queue.count(Folder::bad) == 0);
}

TEST_CASE("a file is called as it was by take -o, as far as a name goes", "[writers][names]") {
  RealQueue queue{{{"settle", "0s"}}};
  fs::create_directory(queue.around() / "out");
  drop(queue, "two words.pdf", "hello");
  drop(queue, std::string(230, 'n'), "hello");
  run_well({"take", queue.path(), "-n", "2", "-o", queue.around() / "out", "--name-as={name}"});
  CHECK(names_in(queue.around() / "out") ==
        std::vector<std::string>{std::string(230, 'n'), "two words.pdf"});
}

TEST_CASE("a copy with the attributes of a message has its own name", "[writers][names]") {
  RealQueue queue{{{"settle", "0s"}}};
  drop(queue, std::string(255, 'n'), "hello");
  const std::string held = run_well({"take", queue.path(), "--hold"});
  shell(queue, "cp -a '" + held.substr(held.find('\t') + 1) + "' \"$Q/new/copy\"");
  CHECK(queue.open().details(queue.open().list(State::ready).at(0)).info.name == "copy");
  Taker taker{queue};
  REQUIRE(taker.has("copy"));
  CHECK(taker.whole("hello") == std::map<std::string, int>{{"copy", 1}});
}

TEST_CASE("sizes in the names of mail programs are hints, and no reason to refuse",
          "[writers][names]") {
  const std::string name =
      GENERATE(as<std::string>{}, "1795403405.M754270P10655V00FE00I00A86_0.vm,S=5",
               "1795403405.M754270P10655V00FE00I00A86_0.vm,S=4711",
               "1795403405.M754270P10655.vm,S=0,W=0:2,S",
               "1795403405.M754270P10655.vm,S=99999999999999999999", "report,S=1,H=00");
  RealQueue queue{{{"settle", "1h"}}};
  Taker taker{queue};
  drop(queue, name, "hello");
  CHECK(taker.whole("hello") == std::map<std::string, int>{{name, 1}});
  CHECK(queue.count(Folder::bad) == 0);
}

}  // namespace spoolq::test
