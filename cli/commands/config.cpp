// spoolq config: prints or changes settings.
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands/commands.hpp"
#include "cli/commands/settings.hpp"
#include "cli/output/json.hpp"

namespace spoolq::cli {
int config_command(Command& command, Console& console) {
  bool json = false;
  command.describe("config", "print or change settings", "Q [k|k=v...]", 1, kUnlimited);
  command.flag("--json", json, "print JSON");
  command.example("spoolq config jobs", "print all settings");
  command.example("spoolq config jobs max_attempts", "print the value of one");
  command.example("spoolq config jobs max_attempts=3 keep_done=7d",
                  "set some: all of them or none");
  command.details = R"(All of them are set or none; running consumers notice at once.

  max_attempts     how often a message is given out before it goes to failed/
  backoff          how long a message waits after a failed run: a random time up to 1s, then 2s,
                   4s, ..., 1h for 1s..1h; or off
  lease            a claim that is not finished or extended for so long is taken back; off
  crash_count      relaxed, or durable: a run that crashes the machine counts, too
  detached_lease   how long a held claim lasts (take --hold) that does not say
  keep_done        finished messages: off, on, or how long they are kept
  settle           how long a file that was written in place must be left alone
  order            relaxed, or strict: every consumer tries the best message first
  max_messages     put is refused (75) while so many are ready, claimed or delayed
  max_bytes        the same, for the bytes of their payloads
  max_size         put is refused (65) for a larger payload
  min_free         put is refused (75) when less would be left on the disk
  mode             mode of the folders; files get it without the x bits. 2770 shares a queue
                   with the group that owns its folder)";
  if (!command.parse(console)) return kExitDone;
  require_queue(command);
  std::vector<SettingChange> changes;
  std::vector<std::string> names;
  for (const std::string& word : command.rest()) {
    if (word.find('=') == std::string::npos) {
      names.push_back(word);
    } else {
      changes.push_back(parse_setting(command, word));
    }
  }
  if (json && !names.empty()) command.wrong_use("--json prints all settings");
  Queue queue = open_queue(command.queue(), console);
  if (!changes.empty()) queue.configure(changes);
  const std::vector<SettingChange> settings = queue.settings();
  if (json) {
    console.out.write(settings_document(queue.path(), settings));
    return kExitDone;
  }
  if (names.empty() && changes.empty()) {
    for (const auto& [name, value] : settings) {
      console.out.write(fmt::format("{}={}\n", escape(name), escape(value)));
    }
  }
  for (const std::string& wanted : names) {
    const auto found = std::ranges::find(settings, wanted, &SettingChange::first);
    if (found == settings.end()) {
      throw Failure{kExitSettings, fmt::format("config: no setting '{}'; `spoolq config {}` prints "
                                               "all of them",
                                               escape(wanted), shell_quote(command.queue()))};
    }
    console.out.write(escape(found->second) + "\n");
  }
  return kExitDone;
}

}  // namespace spoolq::cli
