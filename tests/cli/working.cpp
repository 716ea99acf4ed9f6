// A queue and workers on it.
#include "tests/cli/working.hpp"

#include <stdexcept>

namespace spoolq::test {

Workplace::Workplace(const Words& settings) : queue_{scratch_ / "q"} {
  Words words = {"init", queue_, "backoff=off"};
  words.insert(words.end(), settings.begin(), settings.end());
  run_well(words);
}

std::string Workplace::put(const std::string& payload, const Words& options) const {
  Words words = {"put", queue_};
  words.insert(words.end(), options.begin(), options.end());
  return run_well(words, payload);
}

void Workplace::put_many(int count) const {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += "payload\n";
  run_well({"put", queue_, "--each-line", "--sync=none"}, lines);
}

std::size_t Workplace::count(const std::string& state) const {
  return lines_of(run_well({"ls", queue_, "-q", "--state", state})).size();
}

nlohmann::json Workplace::show(const std::string& id) const {
  return nlohmann::json::parse(run_well({"show", queue_, id, "--json"}));
}

Invocation Workplace::worker(const Words& options, const Words& command) const {
  Words words = {"work", queue_};
  words.insert(words.end(), options.begin(), options.end());
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  return Invocation{.arguments = words, .directory = scratch_.path()};
}

Invocation Workplace::script(const Words& options, const std::string& script) const {
  return worker(options, {"sh", "-c", script});
}

Invocation Workplace::logged(const Words& options, const std::string& script) const {
  Invocation invocation = this->script(options, script);
  Words words = {"-c", R"(exec "$0" "$@" 2> err)", program_path()};
  words.insert(words.end(), invocation.arguments.begin(), invocation.arguments.end());
  invocation.arguments = words;
  invocation.program = "/bin/sh";
  return invocation;
}

Outcome Workplace::drain(const std::string& script, const Words& options) const {
  Words words = {"--drain"};
  words.insert(words.end(), options.begin(), options.end());
  Outcome outcome = run(this->script(words, script));
  if (outcome.exit != 0) {
    throw std::runtime_error{"work: exit " + std::to_string(outcome.exit) + ": " + outcome.err};
  }
  return outcome;
}

bool is_alive(long process) {
  const std::string stat = read_file("/proc/" + std::to_string(process) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.at(name_end + 2) != 'Z';
}

std::vector<long> numbers_in(const std::string& folder) {
  std::vector<long> numbers;
  for (const std::string& name : names_in(folder)) {
    for (const std::string& line : lines_of(read_file(folder + "/" + name))) {
      numbers.push_back(std::stol(line));
    }
  }
  return numbers;
}

}  // namespace spoolq::test
