// Placeholders, the environment of a job, and where its program is.
#include "cli/worker/command.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"
#include "cli/output/units.hpp"

namespace spoolq::cli {
namespace {

/// Variables that are the worker's own business, or that are set anew for each job.
constexpr std::array<std::string_view, 15> kNotHandedOn = {
    // systemd's talk with the worker.
    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
    // The message's.
    "SPOOLQ_ID", "SPOOLQ_FILE", "SPOOLQ_QUEUE", "SPOOLQ_ATTEMPT", "SPOOLQ_MAX_ATTEMPTS",
    "SPOOLQ_ENQUEUED_AT", "SPOOLQ_NAME", "SPOOLQ_KEY", "SPOOLQ_TYPE",
    // A job belongs to the trace of the program that put its message, not to the worker's.
    "TRACEPARENT", "TRACESTATE", "BAGGAGE"};

constexpr std::array<std::pair<std::string_view, const char*>, 3> kTraceHeaders = {
    {{"TRACEPARENT", "traceparent"}, {"TRACESTATE", "tracestate"}, {"BAGGAGE", "baggage"}}};

/// Neither arguments nor variables can have NUL bytes: those of a message's fields are left out.
std::string without_nul(std::string_view text) {
  std::string result{text};
  std::erase(result, '\0');
  return result;
}

/// Replaces each placeholder of `word` once: what is put in is not looked at again.
std::string expand(std::string_view word,
                   const std::vector<std::pair<std::string_view, std::string>>& values) {
  std::string result;
  while (!word.empty()) {
    const std::size_t open = word.find('{');
    result += word.substr(0, open);
    if (open == std::string_view::npos) break;
    word.remove_prefix(open);
    const auto found = std::ranges::find_if(
        values, [&](const auto& value) { return word.starts_with(value.first); });
    result += found == values.end() ? "{" : found->second;
    word.remove_prefix(found == values.end() ? 1 : found->first.size());
  }
  return result;
}

/// Where execvp(3) would look for `program`.
std::vector<std::string> paths_of(const std::string& program) {
  if (program.empty()) return {};
  if (program.find('/') != std::string::npos) return {program};
  const char* variable = std::getenv("PATH");
  const std::string_view folders = variable == nullptr ? "/bin:/usr/bin" : variable;
  std::vector<std::string> paths;
  std::size_t start = 0;
  while (start <= folders.size()) {
    const std::size_t end = std::min(folders.find(':', start), folders.size());
    const std::string_view folder = folders.substr(start, end - start);
    paths.push_back(fmt::format("{}/{}", folder.empty() ? "." : folder, program));
    start = end + 1;
  }
  return paths;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

PreparedCommand::PreparedCommand(std::vector<std::string> words,
                                 std::vector<std::string> environment)
    : words_{std::move(words)},
      environment_{std::move(environment)},
      paths_{paths_of(words_.front())},
      argument_pointers_{pointers_to(words_)},
      environment_pointers_{pointers_to(environment_)} {
  for (const std::string& path : paths_) path_pointers_.push_back(path.c_str());
  path_pointers_.push_back(nullptr);
}

WorkCommand::WorkCommand(std::vector<std::string> words) : words_{std::move(words)} {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text{*variable};
    const std::string_view name = text.substr(0, text.find('='));
    if (std::ranges::find(kNotHandedOn, name) == kNotHandedOn.end()) {
      environment_.emplace_back(text);
    }
  }
}

void WorkCommand::check() const {
  const std::string& program = words_.front();
  if (program.find('{') != std::string::npos) return;
  int error = ENOENT;
  for (const std::string& path : paths_of(program)) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
      if (errno != ENOENT && errno != ENOTDIR) error = errno;
    } else if (S_ISREG(status.st_mode) && ::eaccess(path.c_str(), X_OK) == 0) {
      return;
    } else {
      error = EACCES;
    }
  }
  throw Failure{exit_code_of_start(error), start_failure(program, error)};
}

PreparedCommand WorkCommand::prepare(const JobMessage& message) const {
  const MessageInfo& info = message.info;
  const std::string id = info.id.to_string();
  const std::vector<std::pair<std::string_view, std::string>> values = {
      {"{}", std::string{message.file}}, {"{id}", id}, {"{name}", without_nul(info.name)}};
  std::vector<std::string> words;
  words.reserve(words_.size());
  for (const std::string& word : words_) words.push_back(expand(word, values));

  std::vector<std::string> environment = environment_;
  const auto set = [&](std::string_view name, std::string_view value) {
    environment.push_back(fmt::format("{}={}", name, without_nul(value)));
  };
  set("SPOOLQ_ID", id);
  set("SPOOLQ_FILE", message.file);
  set("SPOOLQ_QUEUE", message.queue);
  set("SPOOLQ_ATTEMPT", fmt::format("{}", info.attempts));
  set("SPOOLQ_MAX_ATTEMPTS", fmt::format("{}", message.attempts_max));
  set("SPOOLQ_ENQUEUED_AT", format_time(info.enqueued()));
  // Empty rather than unset where there is none: `set -u` is a good habit.
  set("SPOOLQ_NAME", info.name);
  set("SPOOLQ_KEY", info.key);
  set("SPOOLQ_TYPE", info.type);
  for (const auto& [variable, header] : kTraceHeaders) {
    if (const auto found = message.headers.find(header); found != message.headers.end()) {
      set(variable, found->second);
    }
  }
  return {std::move(words), std::move(environment)};
}

std::string start_failure(std::string_view program, int error) {
  std::string text = fmt::format("cannot start {}: {}", shell_quote(program),
                                 std::error_code{error, std::generic_category()}.message());
  if (error == ENOEXEC) text += ". A script needs a first line such as #!/bin/sh";
  if (error == ENOENT && program.find('/') == std::string_view::npos) {
    text += ". It is in none of the folders of PATH";
  }
  return text;
}

}  // namespace spoolq::cli
