// Looking at a queue with many messages: which system calls it takes, counted by strace.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/cli/traced.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

/// A queue with that many ready messages. They are made without the program, which would sync each.
std::string large_queue(const MemoryDirectory& directory, std::size_t count) {
  const std::string q = directory / "q";
  run_well({"init", q});
  const int folder = ::open((q + "/new").c_str(), O_RDONLY | O_DIRECTORY);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = fmt::format(
        "5.01935a7b-8c3d-7{:03x}-9f4a-{:012x},S=0,H=2d06800538d394c2,N=file-{}", i % 0x1000, i, i);
    if (::mknodat(folder, name.c_str(), S_IFREG | 0600, 0) != 0) FAIL("no room for the messages");
  }
  ::close(folder);
  return q;
}

/// The calls that a run of the program makes, by name.
std::map<std::string, std::size_t> calls_of(const MemoryDirectory& directory,
                                            const std::vector<std::string>& arguments) {
  const std::string table = directory / "calls";
  std::vector<std::string> words = {"-c", "-f", "-o", table, program_path()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  // A program that is traced cannot look for leaks.
  const Outcome outcome = run(Invocation{.arguments = words,
                                         .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}},
                                         .output_file = "/dev/null",
                                         .program = kStrace});
  CHECK(outcome.exit == 0);
  std::map<std::string, std::size_t> calls;
  std::smatch match;
  // % time, seconds, usecs/call, calls, errors (may be empty), name
  const std::regex row{R"(\s*[0-9.]+\s+[0-9.]+\s+[0-9]+\s+([0-9]+)\s+(?:[0-9]+\s+)?([a-z0-9_]+))"};
  for (const std::string& line : lines_of(read_file(table))) {
    if (std::regex_match(line, match, row) && match[2] != "total") {
      calls[match[2]] = std::stoul(match[1]);
    }
  }
  return calls;
}

/// Calls that ask for, or of, one file.
std::size_t calls_for_files(const std::map<std::string, std::size_t>& calls) {
  std::size_t sum = 0;
  for (const auto& [name, count] : calls) {
    const bool is_for_file = has(name, "stat") || has(name, "open") || has(name, "xattr") ||
                             has(name, "access") || has(name, "readlink") || name == "fcntl" ||
                             name == "flock" || name == "read" || name == "close";
    if (is_for_file) sum += count;
  }
  return sum;
}

/// Calls whose number may grow with a queue, by far less than one for each message: they read the
/// folder, print, and get memory in large pieces.
std::size_t calls_in_bulk(const std::map<std::string, std::size_t>& calls) {
  std::size_t sum = 0;
  for (const char* name : {"getdents64", "write", "brk", "mmap", "munmap", "mremap", "madvise"}) {
    const auto found = calls.find(name);
    if (found != calls.end()) sum += found->second;
  }
  return sum;
}

std::size_t sum_of(const std::map<std::string, std::size_t>& calls) {
  std::size_t sum = 0;
  for (const auto& [name, count] : calls) sum += count;
  return sum;
}

}  // namespace

TEST_CASE("listing and counting make the same calls for 200 messages as for 20,000",
          "[cli][calls]") {
  constexpr std::size_t kFew = 200;
  constexpr std::size_t kMany = 20'000;
  require_strace();
  const MemoryDirectory directory;
  const MemoryDirectory other_directory;
  const std::string few = large_queue(directory, kFew);
  const std::string many = large_queue(other_directory, kMany);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"ls"}, {"ls", "-q"}, {"ls", "-0"}, {"ls", "--json", "-n", "10"}, {"stats"}}) {
    CAPTURE(words);
    const auto calls_for = [&](const std::string& q) {
      std::vector<std::string> arguments = words;
      arguments.insert(arguments.begin() + 1, q);
      return calls_of(directory, arguments);
    };
    const auto calls_for_few = calls_for(few);
    const auto calls_for_many = calls_for(many);
    CHECK(calls_for_files(calls_for_few) == calls_for_files(calls_for_many));
    CHECK(sum_of(calls_for_few) - calls_in_bulk(calls_for_few) ==
          sum_of(calls_for_many) - calls_in_bulk(calls_for_many));
    CHECK(calls_for_many.at("getdents64") > calls_for_few.at("getdents64"));
    CHECK(calls_in_bulk(calls_for_many) < kMany / 10);
  }
}

TEST_CASE("a message whose file is asked costs a few calls, and only when it is shown",
          "[cli][calls]") {
  require_strace();
  const MemoryDirectory directory;
  const std::string q = large_queue(directory, 400);
  const auto cost = [&](const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"ls", q};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return calls_for_files(calls_of(directory, arguments));
  };
  const std::size_t bare = cost({});
  for (const std::string option : {"-l", "--json"}) {
    CAPTURE(option);
    const std::size_t hundred = cost({option, "-n", "100"});
    const std::size_t two_hundred = cost({option, "-n", "200"});
    const std::size_t each = (two_hundred - hundred) / 100;
    CHECK(each >= 1);  // Or else nothing is counted.
    CHECK(each <= 12);
    CHECK(hundred - 100 * each < bare + 100);
  }
}

}  // namespace spoolq::test
