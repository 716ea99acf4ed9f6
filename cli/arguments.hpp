// What was asked for: the command line, parsed and checked.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/print.hpp"
#include "cli/selection.hpp"
#include "cli/verbs.hpp"
#include "cli/worker/arguments.hpp"
#include "spoolq/adopter.hpp"
#include "spoolq/importer.hpp"
#include "spoolq/message.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

struct InitArguments {
  std::string queue;
  std::optional<std::string> inbox;  ///< The folder that is to be new/.
  std::vector<SettingChange> settings;
};

struct ConfigArguments {
  std::string queue;
  std::vector<SettingChange> settings;  ///< To set.
  std::vector<std::string> names;       ///< To print; empty: all, unless some are set.
  bool json = false;
};

enum class Split { none, lines, nuls };
enum class PutSync { durable, file_system, none };

struct PutArguments {
  std::string queue;
  std::vector<std::string> files;  ///< "-" is standard input; empty: only that.
  PutOptions options;              ///< Its `sync` is not used.
  bool named = false;              ///< options.name was given, so it is not taken from the file.
  Split split = Split::none;
  PutSync sync = PutSync::durable;
};

/// How long to wait for a message.
struct Wait {
  bool waits = false;
  std::optional<Duration> limit;  ///< Empty: for ever.
};

struct AdoptArguments {
  std::string directory;
  std::string queue;
  AdoptOptions options{};
  bool follow = false;
  bool dry_run = false;
  bool json = false;
};

struct ImportArguments {
  std::string directory;
  std::string queue;
  ImportFormat format = ImportFormat::dirq;
  ImportOptions options{};
  bool dry_run = false;
  bool json = false;
};

struct TakeArguments {
  std::string queue;
  std::size_t count = 1;  ///< 0: all there are.
  Wait wait;
  std::string terminator;                ///< After each payload.
  bool nul = false;                      ///< A NUL after each printed path or claim.
  std::optional<std::string> directory;  ///< Each payload into a file there.
  std::string name_template = "{id}";
  Sync ack = Sync::durable;
  bool hold = false;
  std::optional<Duration> lease;
};

struct AckArguments {
  std::string queue;
  std::vector<std::string> references;
};

struct ReleaseArguments {
  std::string queue;
  std::vector<std::string> references;
  Duration delay{0};
};

struct ExtendArguments {
  std::string queue;
  std::vector<std::string> references;
  std::optional<Duration> lease;
};

struct FailArguments {
  std::string queue;
  std::vector<std::string> references;
  std::string reason;
};

enum class Order { delivery, age, size, attempts, name };

struct ListArguments {
  std::string queue;
  Selection selection;
  Order order = Order::delivery;
  bool reverse = false;
  std::optional<std::size_t> count;  ///< 0: all.
  bool more = false;
  bool json = false;
  bool ids = false;
  bool nul = false;
};

struct ShowArguments {
  std::string queue;
  std::string id;
  bool json = false;
};

struct CatArguments {
  std::string queue;
  std::string id;
};

struct PeekArguments {
  std::string queue;
  std::size_t count = 1;  ///< 0: all.
};

struct StatsArguments {
  std::vector<std::string> queues;
  bool json = false;
};

struct WatchArguments {
  std::string queue;
  bool json = false;
};

struct WaitArguments {
  std::string queue;
  std::vector<std::string> ids;     ///< Empty: until the queue is empty.
  std::optional<Duration> timeout;  ///< Empty: for ever.
};

struct RetryArguments {
  std::string queue;
  std::vector<std::string> ids;  ///< Empty: all that are selected.
  Selection selection;
};

struct MoveArguments {
  std::string queue;
  std::string target;
  std::vector<std::string> ids;  ///< Empty: all that are selected.
  Selection selection;
  bool dry_run = false;
};

enum class ExportFormat { tar, maildir };

struct ExportArguments {
  std::string queue;
  ExportFormat format = ExportFormat::tar;
  std::optional<std::string> directory;  ///< The Maildir.
  std::optional<std::string> output;     ///< The archive; empty: standard output.
  Selection selection;
  bool move = false;
};

struct PurgeArguments {
  std::string queue;
  Selection selection;
  bool force = false;
  bool dry_run = false;
};

struct RemoveArguments {
  std::string queue;
  std::vector<std::string> ids;
  bool force = false;
};

struct PauseArguments {
  std::string queue;
};

struct ResumeArguments {
  std::string queue;
};

struct ReapArguments {
  std::string queue;
  bool json = false;
};

struct VersionArguments {
  bool json = false;
};

struct HelpArguments {
  const VerbText* verb = nullptr;  ///< nullptr: the program.
  bool full = false;
};

using Command =
    std::variant<InitArguments, ConfigArguments, PutArguments, TakeArguments, AckArguments,
                 ReleaseArguments, ExtendArguments, FailArguments, ListArguments, ShowArguments,
                 CatArguments, PeekArguments, StatsArguments, WatchArguments, WaitArguments,
                 RetryArguments, MoveArguments, ExportArguments, RemoveArguments, PurgeArguments,
                 PauseArguments, ResumeArguments, ReapArguments, VersionArguments, HelpArguments,
                 WorkArguments, AdoptArguments, ImportArguments>;

struct Arguments {
  Command command;
  ColorChoice color = ColorChoice::automatic;
  bool verbose = false;
};

/// Parses what follows the program's name. Throws UsageError, and Failure for a bad value.
Arguments parse_arguments(const std::vector<std::string>& words);

}  // namespace spoolq::cli
