// Message file names: the vectors of docs/format.md, and what the page says of them in words.
#include "queue/format/message_name.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "queue/maintenance/reap.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/format_page.hpp"

namespace spoolq::test {
namespace {

using detail::fit_name;
using detail::format_delayed_name;
using detail::format_name;
using detail::kOwnNameMax;
using detail::name_size_at_put;
using detail::parse_delayed_name;
using detail::parse_name;

constexpr const char* kPrefix = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60";
constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

std::string with(const std::string& fields) { return kPrefix + fields; }

Time time_of(std::int64_t milliseconds) { return Time{Duration{milliseconds}}; }

MessageName plain_name() { return parse_name(kPrefix).value(); }

/// A reading as docs/format.md writes it.
std::string reading_of(const std::optional<MessageName>& name) {
  if (!name) return "-";
  std::string text = fmt::format("p={} id={}", name->priority, name->id.to_string());
  const auto add = [&text](char key, const std::string& value) {
    text += fmt::format(" {}={}", key, value);
  };
  const auto time = [](Time each) { return fmt::format("{}", each.time_since_epoch().count()); };
  if (name->size) add('S', fmt::format("{}", *name->size));
  if (name->checksum) add('H', fmt::format("{:016x}", *name->checksum));
  if (name->attempts > 0) add('A', fmt::format("{}", name->attempts));
  if (name->expires) add('X', time(*name->expires));
  if (name->copy) add('U', fmt::format("{:04x}", *name->copy));
  if (!name->key.empty()) add('K', name->key);
  if (!name->type.empty()) add('T', name->type);
  if (!name->original.empty()) add('N', name->original);
  if (!name->claim.empty()) add('C', name->claim);
  if (name->lease_until) add('L', time(*name->lease_until));
  if (!name->return_to.empty()) add('R', name->return_to);
  for (const auto& [key, value] : name->others) add(key, value);
  return text;
}

/// A name that is as long as one may be at put.
MessageName longest_name() {
  MessageName name = plain_name();
  name.size = kLargest;
  name.checksum = ~std::uint64_t{0};
  name.expires = time_of(9'999'999'999'999);
  name.key = std::string(300, 'k');
  while (name_size_at_put(name) > kOwnNameMax) name.key.pop_back();
  return name;
}

}  // namespace

TEST_CASE("every name of the page reads as the page says", "[queue][name][format]") {
  const auto rows = format_table("<!-- test vectors: names -->");
  CHECK(rows.size() > 20);
  for (const auto& row : rows) {
    INFO(row.at(0));
    CHECK(reading_of(parse_name(row.at(0))) == row.at(1));
  }
}

TEST_CASE("a name of ours that is read and written again is the same text", "[queue][name]") {
  for (const auto& row : format_table("<!-- test vectors: names -->")) {
    const auto name = parse_name(row.at(0));
    if (name) CHECK(format_name(*name) == row.at(0));
  }
}

TEST_CASE("fields are read in any order and written in one", "[queue][name]") {
  const std::string canonical = with(
      ",S=1,H=9ae16a3b2f90404f,A=2,X=3,U=0001,K=k,T=t,N=n,B=4,C=00112233445566aa.1,L=5,"
      "R=new,D=d,Z=z");
  const auto expected = parse_name(canonical);
  REQUIRE(expected);
  CHECK(format_name(*expected) == canonical);
  std::vector<std::string> fields{
      "S=1", "H=9ae16a3b2f90404f",   "A=2", "X=3",   "U=0001", "K=k", "T=t", "N=n",
      "B=4", "C=00112233445566aa.1", "L=5", "R=new", "D=d",    "Z=z"};
  for (std::size_t turn = 0; turn < fields.size(); ++turn) {
    std::rotate(fields.begin(), fields.begin() + 1, fields.end());
    std::string text = kPrefix;
    for (const std::string& field : fields) text += "," + field;
    INFO(text);
    const auto name = parse_name(text);
    REQUIRE(name);
    CHECK(*name == *expected);
    CHECK(format_name(*name) == canonical);
  }
}

TEST_CASE("a name that breaks a rule of the grammar is no name of ours", "[queue][name]") {
  const auto broken = GENERATE(
      as<std::string>{}, ",S=-1", ",S=+1", ",S=1e3", ",S=9223372036854775808", ",S= 1", ",S=1,",
      ",,S=1", ",S", ",S1", "S=1", ";S=1", ",S=1 ", ",SS=1", ",1=1", ",[=1", ",A=", ",A=01",
      ",A=-1", ",X=-1", ",X=01", ",U=0", ",U=00FF", ",U=00ff0", ",U=xxxx", ",H=1",
      ",H=9ae16a3b2f90404", ",H=9ae16a3b2f90404ff", ",H=9ae16a3b2f90404g", ",K=", ",K=%", ",K=%4",
      ",K=%4x", ",K=%00", ",K=a/b", ",K=a:b", ",K=\xc3\xa4", ",T=a=b", ",N=a,b",
      ",C=", ",C=00112233445566aa", ",C=00112233445566aa.", ",C=00112233445566AA.1",
      ",C=00112233445566a.1", ",C=00112233445566aa.123456789", ",C=00112233445566aa.1.2",
      ",C=detached.", ",C=detached.00112233445566a", ",C=attached.00112233445566aa", ",L=", ",L=-1",
      ",R=", ",R=later", ",R=cur", ",R=New", ",R=176387040012", ",R=17638704001234",
      ",R=-763870400123", ",B=x", ",B=01", ",K=a,K=b", ",Z=1,Z=2", ",Z=", ",Z=a b", "\n", ",N=a\n");
  INFO(broken);
  CHECK_FALSE(parse_name(with(broken)));
}

TEST_CASE("no part of a name's head may be missing or different", "[queue][name]") {
  const auto text =
      GENERATE(as<std::string>{}, "", "5", "5.", ".", "5.01935a7b",
               "-1.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60", "10.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60",
               "501935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60", "5-01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60",
               "5.01935a7b8c3d7e219f4a1b2c3d4e5f60", "5.{01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f6}",
               "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f6", "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f600",
               " 5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60",
               "1763870400123.5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60");
  INFO(text);
  CHECK_FALSE(parse_name(text));
}

TEST_CASE("text values hold every byte but NUL", "[queue][name][encoding]") {
  for (int byte = 1; byte < 256; ++byte) {
    MessageName name = plain_name();
    name.key = std::string(1, static_cast<char>(byte));
    name.original = name.key + "a" + name.key;
    const std::string text = format_name(name);
    const bool plain =
        std::isalnum(byte) != 0 || std::string{"._+-"}.find(name.key) != std::string::npos;
    INFO(text);
    CHECK(text ==
          with(fmt::format(",K={0},N={0}a{0}", plain ? name.key : fmt::format("%{:02X}", byte))));
    CHECK(parse_name(text) == name);
  }
}

TEST_CASE("either case of an escape is read, and the upper case is written",
          "[queue][name][encoding]") {
  CHECK(parse_name(with(",K=a%2fb"))->key == "a/b");
  CHECK(parse_name(with(",K=a%2Fb"))->key == "a/b");
  CHECK(format_name(*parse_name(with(",K=a%2fb"))) == with(",K=a%2Fb"));
}

TEST_CASE("fields of a newer version are kept through claim, release, fail and retry",
          "[queue][name]") {
  World world;
  world.disk.plant_file(world.path(Folder::ready, with(",S=1,B=3,Q=new%2cvalue,Z=1")), "x");
  StoredMessage claimed = claim_only(*world.queue);
  CHECK(claimed.at.file() == with(",S=1,A=1,B=3,C=0123456789abcdef.1,Q=new%2cvalue,Z=1"));
  detail::release(*world.queue, claimed, std::nullopt);
  CHECK(world.names(Folder::ready) == std::vector{with(",S=1,A=1,B=3,Q=new%2cvalue,Z=1")});
  claimed = claim_only(*world.queue);
  detail::fail(*world.queue, claimed, reason("no"));
  CHECK(world.names(Folder::failed) == std::vector{with(",S=1,A=2,B=3,Q=new%2cvalue,Z=1")});
  detail::retry(*world.queue, only(*world.queue, State::failed));
  CHECK(world.names(Folder::ready) == std::vector{with(",S=1,B=3,Q=new%2cvalue,Z=1")});
}

TEST_CASE("the attempts of a name stay at 9999", "[queue][name]") {
  World world{{{"max_attempts", "9999"}}};
  world.disk.plant_file(world.path(Folder::ready, with(",S=1,A=9999")), "x");
  CHECK(claim_only(*world.queue).at.file() == with(",S=1,A=9999,C=0123456789abcdef.1"));
}

TEST_CASE("the lengths of the page are those of the code", "[queue][name][format]") {
  std::map<std::string, std::size_t> page;
  for (const auto& row : format_table("### Length")) {
    std::string part = row.at(0);
    std::erase(part, '*');
    std::string bytes = row.at(1);
    std::erase(bytes, '*');
    page[part] = std::stoul(bytes);
  }
  MessageName name = longest_name();
  CHECK(format_name(plain_name()).size() == page.at("priority, dot, uuid"));
  CHECK(name.key.size() ==
        page.at("left for ,K= ,T= ,N= and their values, encoded") - std::string{",K="}.size());
  name.copy = 0xffff;
  CHECK(format_name(name).size() == page.at("at put"));
  CHECK(name_size_at_put(name) == 200);
  name.attempts = detail::kAttemptsMax;
  CHECK(format_delayed_name(time_of(9'999'999'999'999), name).size() ==
        page.at("later/: due time, dot, name with A"));
  name.claim = "detached.ffffffffffffffff";
  name.lease_until = time_of(9'999'999'999'999);
  CHECK(format_name(name).size() == page.at("in cur/"));
  CHECK(page.at("in cur/") == 251);
  CHECK(page.at("later/: due time, dot, name with A") == 221);
  CHECK(format_name(name).size() <= detail::kNameMax);
  CHECK(parse_name(format_name(name)) == name);
  // A claim for a move has R and no L.
  name.lease_until.reset();
  name.return_to = detail::format_return(time_of(9'999'999'999'999));
  CHECK(format_name(name).size() == page.at("in cur/"));
  CHECK(parse_name(format_name(name)) == name);
  name.claim = "ffffffffffffffff.ffffffff";
  CHECK(format_name(name).size() <= 251);
  CHECK(parse_name(format_name(name)) == name);
}

TEST_CASE("a name of more than 200 bytes without A, C, L and R is no name of ours",
          "[queue][name]") {
  MessageName name = longest_name();
  name.copy = 1;
  REQUIRE(format_name(name).size() == 200);
  CHECK(parse_name(format_name(name)));
  name.key += 'k';
  CHECK_FALSE(parse_name(format_name(name)));
  name.key.pop_back();
  name.others['Q'] = "1";
  CHECK_FALSE(parse_name(format_name(name)));
  CHECK_FALSE(parse_name(with(",K=" + std::string(160, 'k'))));
  CHECK_FALSE(parse_name(with(",N=" + std::string(300, 'n'))));
}

TEST_CASE("escapes that need not be count as they are written", "[queue][name]") {
  std::string escapes;
  for (int i = 0; i < 60; ++i) escapes += "%41";
  CHECK_FALSE(parse_name(with(",K=" + escapes)));
}

TEST_CASE("N is cut at the border of a UTF-8 character, K and T never", "[queue][name]") {
  struct Case {
    const char* character;
    std::size_t encoded;
  };
  const auto each = GENERATE(Case{"x", 1}, Case{"\xc3\xa4", 6}, Case{"\xe2\x82\xac", 9},
                             Case{"\xf0\x9f\x90\x88", 12});
  for (std::size_t start = 0; start < 12; ++start) {
    MessageName name = plain_name();
    name.key = "user/7";
    name.type = "text/plain";
    name.original = std::string(start, 'a');
    for (int i = 0; i < 200; ++i) name.original += each.character;
    const std::string whole = name.original;
    REQUIRE(fit_name(name));
    INFO(name.original);
    CHECK(name_size_at_put(name) <= kOwnNameMax);
    CHECK(name_size_at_put(name) + each.encoded > kOwnNameMax);
    CHECK(whole.starts_with(name.original));
    CHECK((name.original.size() - start) % std::string{each.character}.size() == 0);
    CHECK(name.key == "user/7");
    CHECK(name.type == "text/plain");
  }
}

TEST_CASE("a key that does not fit is not cut", "[queue][name]") {
  MessageName name = plain_name();
  name.key = std::string(160, 'k');
  name.original = "n";
  CHECK_FALSE(fit_name(name));
  CHECK(name.key.size() == 160);
}

TEST_CASE("a name that fits is left alone", "[queue][name]") {
  MessageName name = plain_name();
  name.original = "cat.jpg";
  REQUIRE(fit_name(name));
  CHECK(name.original == "cat.jpg");
}

TEST_CASE("names in later/ begin with thirteen digits", "[queue][name][delayed]") {
  CHECK(format_delayed_name(time_of(1'763'870'400'123), plain_name()) ==
        std::string{"1763870400123."} + kPrefix);
  CHECK(format_delayed_name(time_of(7), plain_name()) == std::string{"0000000000007."} + kPrefix);
  const auto delayed = parse_delayed_name(std::string{"1763870400123."} + kPrefix);
  REQUIRE(delayed);
  CHECK(delayed->due == time_of(1'763'870'400'123));
  CHECK(delayed->name == plain_name());
  const auto head = GENERATE(as<std::string>{}, "", "176387040012.", "17638704001234.",
                             "-763870400123.", "+763870400123.", " 763870400123.", "0x63870400123.",
                             "1763870400123", "1763870400123,", "1763870400123..");
  INFO(head);
  CHECK_FALSE(parse_delayed_name(head + kPrefix));
}

TEST_CASE("names in later/ sort by their due time", "[queue][name][delayed]") {
  std::vector<std::string> names;
  for (const std::int64_t due : {0L, 1L, 999L, 1'000L, 1'763'870'400'123L, 9'999'999'999'999L}) {
    MessageName name = plain_name();
    name.priority = 9 - static_cast<int>(names.size());
    names.push_back(format_delayed_name(time_of(due), name));
  }
  CHECK(std::is_sorted(names.begin(), names.end()));
}

TEST_CASE("names sort by priority, then by time, whatever fields they have", "[queue][name]") {
  const std::vector<std::string> names{
      "0.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=9", "4.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,K=z",
      "5.00000000-0001-7000-8000-000000000000",     "5.01935a7b-8c3d-7e20-bfff-ffffffffffff,S=1",
      "5.01935a7b-8c3d-7e21-8000-000000000000",     "5.01935a7b-8c3e-7000-8000-000000000000,A=1",
      "9.00000000-0000-7000-8000-000000000000"};
  CHECK(std::is_sorted(names.begin(), names.end()));
  for (std::size_t i = 1; i < names.size(); ++i) {
    const auto before = parse_name(names[i - 1]);
    const auto after = parse_name(names[i]);
    REQUIRE((before && after));
    CHECK(std::pair{before->priority, before->id} < std::pair{after->priority, after->id});
  }
}

TEST_CASE("a claim tells its owner", "[queue][name][claim]") {
  CHECK(detail::claim_owner("00112233445566aa.1f") == "00112233445566aa");
  CHECK(detail::claim_owner("detached.00112233445566aa").empty());
  CHECK(detail::is_detached("detached.00112233445566aa"));
  CHECK_FALSE(detail::is_detached("00112233445566aa.1f"));
  CHECK(detail::is_consumer_name("00112233445566aa"));
  for (const char* other : {"", "00112233445566a", "00112233445566AA", "00112233445566aaa",
                            "spare.00112233445566aa", "0x112233445566aa"}) {
    INFO(other);
    CHECK_FALSE(detail::is_consumer_name(other));
  }
}

}  // namespace spoolq::test
