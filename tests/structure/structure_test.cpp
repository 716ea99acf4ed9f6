// The tree tells the architecture: includes point down, and only the store knows where messages
// lie.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// A file of the product by its path below the root, and its text.
struct Source {
  std::string path;
  std::string text;
};

std::vector<Source> sources() {
  std::vector<Source> found;
  const fs::path root{source_path("")};
  for (const char* folder : {"queue", "producer", "consumer", "cli"}) {
    for (const auto& entry : fs::recursive_directory_iterator{root / folder}) {
      const fs::path& path = entry.path();
      if (path.extension() != ".cpp" && path.extension() != ".hpp") continue;
      std::ifstream file{path};
      found.push_back(
          {fs::relative(path, root).generic_string(), {std::istreambuf_iterator<char>{file}, {}}});
    }
  }
  return found;
}

/// Where a file stands, and what stands below it: a file may include its own room and these.
struct Room {
  std::string path;
  std::set<std::string> below;
};

/// The first room whose path begins the file's. An installed header belongs to its library's face.
const std::vector<Room>& rooms() {
  static const std::vector<Room> all = {
      {"queue/include/", {}},
      {"queue/os/", {"queue/include/"}},
      {"queue/format/", {"queue/include/", "queue/os/"}},
      {"queue/store/", {"queue/include/", "queue/os/", "queue/format/"}},
      {"queue/lifecycle/", {"queue/include/", "queue/os/", "queue/format/", "queue/store/"}},
      {"queue/maintenance/",
       {"queue/include/", "queue/os/", "queue/format/", "queue/store/", "queue/lifecycle/"}},
      {"queue/queue.cpp", {"queue/"}},
      {"producer/include/", {"queue/include/"}},
      {"producer/import/", {"queue/", "producer/include/", "producer/adopt/"}},
      {"producer/adopt/", {"queue/", "producer/include/"}},
      {"producer/", {"queue/", "producer/include/"}},
      {"consumer/include/", {"queue/include/"}},
      {"consumer/wait/", {"queue/", "consumer/include/"}},
      {"consumer/monitor/", {"queue/", "consumer/include/"}},
      {"consumer/take/", {"queue/", "consumer/include/", "consumer/wait/"}},
      {"cli/output/", {"queue/include/", "producer/include/", "consumer/include/"}},
      {"cli/args/", {"queue/include/", "consumer/include/", "cli/output/"}},
      {"cli/files/", {"queue/include/", "consumer/include/", "cli/args/", "cli/output/"}},
      {"cli/worker/",
       {"queue/include/", "consumer/include/", "cli/files/", "cli/args/", "cli/output/"}},
      {"cli/commands/",
       {"queue/include/", "producer/include/", "consumer/include/", "cli/worker/", "cli/files/",
        "cli/args/", "cli/output/",
        // Only the program imports, so this header is not installed.
        "producer/import/importer.hpp"}},
      {"cli/", {"cli/commands/", "cli/args/", "cli/output/"}},
  };
  return all;
}

const Room& room_of(const std::string& path) {
  for (const Room& room : rooms()) {
    if (path.starts_with(room.path)) return room;
  }
  FAIL(path << " stands in no room");
  throw std::logic_error{path};
}

/// The path of what an include names.
std::string included_path(const std::string& name) {
  if (!name.starts_with("spoolq/")) return name;
  for (const char* library : {"queue", "producer", "consumer"}) {
    const std::string path = std::string{library} + "/include/" + name;
    if (fs::exists(source_path(path))) return path;
  }
  return name;
}

/// The includes of `source` that do not point down.
std::vector<std::string> includes_up(const Source& source) {
  static const std::regex include{"#include \"([^\"]+)\""};
  const Room& room = room_of(source.path);
  std::vector<std::string> wrong;
  for (std::sregex_iterator each{source.text.begin(), source.text.end(), include}, end; each != end;
       ++each) {
    const std::string path = included_path((*each)[1]);
    bool down = path.starts_with(room.path);
    for (const std::string& below : room.below) down = down || path.starts_with(below);
    if (!down) wrong.push_back(source.path + " includes " + path);
  }
  return wrong;
}

/// Words that spell where a file of a queue lies.
const std::regex& place_words() {
  static const std::regex words{
      R"re(\bFolder::|\.fd\(|\b(unlinkat|renameat2|linkat)\b|"(tmp|cur|bad|intake|consumers)")re"};
  return words;
}

/// Files that may use these words outside of queue/os/ and queue/store/.
const std::map<std::string, std::string>& place_exceptions() {
  static const std::map<std::string, std::string> files = {
      {"cli/output/json.cpp", "fields of documents, which are no places"},
      {"cli/files/", "folders that a user names, which are no queue's"},
      {"producer/import/", "the queues of other programs"},
      {"producer/adopt/rejection.cpp", "the folder .rejected/ of an adopted folder"},
  };
  return files;
}

bool may_name_places(const std::string& path) {
  if (path.starts_with("queue/os/") || path.starts_with("queue/store/")) return true;
  for (const auto& [prefix, reason] : place_exceptions()) {
    if (path.starts_with(prefix)) return true;
  }
  return false;
}

/// A file of a library this long has an X_test.cpp.
constexpr std::size_t kTestedLines = 60;

/// The files without one, and the test that covers each of them, below tests/.
const std::map<std::string, std::string>& test_exceptions() {
  static const std::map<std::string, std::string> files = {
      {"queue/os/sys.cpp", "support/simulated_sys_kernel_test.cpp"},
      {"queue/store/claim_heir.cpp", "consumer/take/fork_consumer_test.cpp"},
      {"producer/adopt/adoption.cpp", "producer/adopt/adopter_test.cpp"},
      {"producer/adopt/completeness.cpp", "cli/commands/adopt_follow_test.cpp"},
      {"producer/adopt/copy_transfer.cpp", "producer/adopt/transfer_test.cpp"},
      {"producer/adopt/rejection.cpp", "producer/adopt/adopter_test.cpp"},
      {"producer/adopt/rename_transfer.cpp", "producer/adopt/transfer_test.cpp"},
      {"producer/adopt/transfer_folder.cpp", "producer/adopt/transfer_test.cpp"},
      {"producer/import/importer.cpp", "cli/commands/import_test.cpp"},
      {"consumer/monitor/folder_events.cpp", "consumer/monitor/monitor_trouble_test.cpp"},
      {"consumer/take/handlers.cpp", "consumer/take/run_test.cpp"},
      {"consumer/wait/watcher.cpp", "consumer/wait/waiting_trouble_test.cpp"},
  };
  return files;
}

/// The lines of a text that are neither blank nor only a comment.
std::size_t count_lines_of_code(const std::string& text) {
  std::size_t count = 0;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin != std::string::npos && line.compare(begin, 2, "//") != 0) ++count;
  }
  return count;
}

/// Whether a source needs a test called after it.
bool needs_test(const Source& source) {
  const fs::path path{source.path};
  return path.extension() == ".cpp" && !source.path.starts_with("cli/") &&
         fs::exists(source_path(fs::path{path}.replace_extension(".hpp").string())) &&
         count_lines_of_code(source.text) >= kTestedLines;
}

}  // namespace

TEST_CASE("an include points down", "[structure]") {
  std::vector<std::string> wrong;
  for (const Source& source : sources()) {
    for (std::string& each : includes_up(source)) wrong.push_back(std::move(each));
  }
  CHECK(wrong == std::vector<std::string>{});
}

TEST_CASE("only the store names the places of a queue", "[structure]") {
  std::vector<std::string> wrong;
  for (const Source& source : sources()) {
    std::smatch found;
    if (may_name_places(source.path)) continue;
    if (std::regex_search(source.text, found, place_words())) {
      wrong.push_back(source.path + " names " + found.str());
    }
  }
  CHECK(wrong == std::vector<std::string>{});
}

TEST_CASE("no file of the product has 400 lines", "[structure]") {
  std::vector<std::string> wrong;
  for (const Source& source : sources()) {
    if (std::count(source.text.begin(), source.text.end(), '\n') >= 400)
      wrong.push_back(source.path);
  }
  CHECK(wrong == std::vector<std::string>{});
}

TEST_CASE("every long file of the libraries has a test called after it", "[structure]") {
  std::set<std::string> tests;
  for (const auto& entry : fs::recursive_directory_iterator{source_path("tests")}) {
    tests.insert(entry.path().filename().string());
  }
  std::set<std::string> untested;
  for (const Source& source : sources()) {
    const std::string test = fs::path{source.path}.stem().string() + "_test.cpp";
    if (needs_test(source) && !tests.contains(test)) untested.insert(source.path);
  }
  std::set<std::string> exceptions;
  for (const auto& [file, test] : test_exceptions()) {
    exceptions.insert(file);
    INFO(test);
    CHECK(fs::exists(source_path("tests/" + test)));
  }
  // An exception that is not needed any more is an error, too.
  CHECK(untested == exceptions);
}

TEST_CASE("control: a long file without a test is noticed", "[structure]") {
  CHECK(count_lines_of_code("int a;\n\n// one\n  /// two\n  int b = a / 2;\n/* c */\n") == 3);
  std::string text;
  for (std::size_t i = 1; i < kTestedLines; ++i) text += "int a;\n";
  CHECK_FALSE(needs_test({"queue/store/store.cpp", text + "// no code\n"}));
  CHECK(needs_test({"queue/store/store.cpp", text + "int a;\n"}));
  CHECK_FALSE(needs_test({"queue/store/store.hpp", text + "int a;\n"}));
  CHECK_FALSE(needs_test({"queue/queue.cpp", text + "int a;\n"}));
}

TEST_CASE("control: an include that points up and a place that is named are noticed",
          "[structure]") {
  CHECK(includes_up({"queue/format/x.cpp", "#include \"queue/store/store.hpp\"\n"}).size() == 1);
  CHECK(includes_up({"cli/args/x.cpp", "#include \"cli/commands/commands.hpp\"\n"}).size() == 1);
  CHECK(includes_up({"producer/adopt/x.cpp", "#include \"spoolq/consumer.hpp\"\n"}).size() == 1);
  CHECK(includes_up({"queue/store/x.cpp", "#include \"queue/os/sys.hpp\"\n"}).empty());
  for (const char* text : {"queue.fd(Folder::ready)", "opened.fd()", "sys.unlinkat(d, n)",
                           "sys.renameat2(a, b, c, d, 0)", "::linkat(a)", "path + \"cur\""}) {
    CHECK(std::regex_search(std::string{text}, place_words()));
  }
  CHECK_FALSE(std::regex_search(std::string{"store.remove(message.at)"}, place_words()));
  CHECK_FALSE(may_name_places("queue/lifecycle/transitions.cpp"));
}

}  // namespace spoolq::test
