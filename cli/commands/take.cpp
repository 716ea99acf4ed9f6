// spoolq take: takes the next messages.
//
// A message is acknowledged only after all of its payload has left this process: written and
// flushed to standard output, or on disk in its file. Until then every failure, a signal and even
// kill -9 give it back.
#include <fmt/format.h>

#include <optional>
#include <set>
#include <vector>

#include "cli/args/queue_argument.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"
#include "cli/files/output_directory.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/signals.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq::cli {
namespace {

constexpr std::string_view kAliases[] = {"claim"};

constexpr OptionText kOptions[] = {
    {.letter = 'n', .value = "N", .help = "take up to N messages; default 1; 0: all there are"},
    {.name = "wait",
     .value = "D",
     .help = "wait for a message, at most D where given",
     .value_if_bare = "forever"},
    {.name = "lines", .help = "write a newline after each payload"},
    {.letter = '0', .help = "write a NUL after each payload, path or claim"},
    {.letter = 'o', .value = "DIR", .help = "write each payload to a file of its own in DIR"},
    {.name = "name-as",
     .value = "TEMPLATE",
     .help = "its name, with -o: {id} {name} {key} {type} {priority}; default {id}"},
    {.name = "ack", .value = "HOW", .help = "durable (default), or none: acks are not synced"},
    {.name = "hold", .help = "claim only; print ID<TAB>PATH and keep the claim"},
    {.name = "lease", .value = "D", .help = "how long a held claim lasts; default: detached_lease"},
};

constexpr Example kExamples[] = {
    {"spoolq take jobs", "the next payload on standard output"},
    {"spoolq take jobs --wait=30s > job", "wait for one, at most 30 seconds"},
    {"spoolq take jobs -n 50 -o inbox --name-as={id}-{name}", "up to 50, as files"},
    {"spoolq take jobs --hold --lease 1h", "claim it, then `spoolq ack jobs PATH`"},
};

constexpr std::string_view kDetails =
    R"(A message is acknowledged, and gone, once all of its payload was written and flushed; when
that fails it goes back. For work that may fail afterwards, in a pipe behind it for example,
there is --hold: the claim is finished by `ack`, `release` or `fail`, or ends with its lease.
With -o the file is on disk before the acknowledgement, no file is overwritten (.1, .2, ... is
appended), and the paths are printed. When fewer than N are there, what is there is taken;
when nothing is, the exit code is 1. With --wait and -n, each message is waited for. A message
whose payload is damaged is reported and the next one taken.
In file names made by --name-as, / and leading dots of a message's fields become _.)";

struct TakeArguments {
  std::string queue;
  std::size_t count = 1;  ///< 0: all there are.
  bool waits = false;
  std::optional<Duration> wait_max;      ///< Empty: for ever.
  std::string terminator;                ///< After each payload.
  bool nul = false;                      ///< A NUL after each printed path or claim.
  std::optional<std::string> directory;  ///< Each payload into a file there.
  std::string name_template = "{id}";
  Sync ack = Sync::durable;
  bool hold = false;
  std::optional<Duration> lease;
};

/// Throws unless every {…} of the template is one that is known.
void check_name_template(const Parsed& parsed, const std::string& text) {
  static const std::set<std::string_view> known = {"id", "name", "key", "type", "priority"};
  if (text.empty()) parsed.bad_value("name-as", text, "empty");
  if (text.find('/') != std::string::npos) parsed.bad_value("name-as", text, "has a /");
  for (std::size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string::npos ||
        !known.contains(std::string_view{text}.substr(open + 1, close - open - 1))) {
      parsed.bad_value("name-as", text, "only {id} {name} {key} {type} {priority} are known");
    }
    open = close;
  }
}

TakeArguments parse_take(const Parsed& parsed) {
  TakeArguments take;
  take.queue = parsed.queue();
  take.count = parsed.number("n", kCountMax).value_or(1);
  if (const auto wait = parsed.value("wait")) {
    take.waits = true;
    if (*wait != "forever") take.wait_max = parsed.duration("wait");
  }
  take.directory = parsed.value("o");
  take.hold = parsed.flag("hold");
  take.nul = parsed.flag("0");
  if (take.hold && take.directory) parsed.wrong_use("--hold and -o exclude each other");
  if (take.hold && parsed.value("ack")) parsed.wrong_use("--hold and --ack exclude each other");
  if (parsed.flag("lines")) {
    if (take.nul) parsed.wrong_use("--lines and -0 exclude each other");
    if (take.hold || take.directory) parsed.wrong_use("--lines is for payloads on standard output");
    take.terminator = "\n";
  } else if (take.nul && !take.hold && !take.directory) {
    take.terminator = std::string(1, '\0');
  }
  if (const auto name_as = parsed.value("name-as")) {
    if (!take.directory) parsed.wrong_use("--name-as needs -o");
    check_name_template(parsed, *name_as);
    take.name_template = *name_as;
  }
  take.lease = parse_lease(parsed);
  if (take.lease && !take.hold) parsed.wrong_use("--lease needs --hold");
  take.ack = parsed.choice<Sync>("ack", {{"durable", Sync::durable}, {"none", Sync::none}});
  return take;
}

/// Payloads up to this size are verified before their first byte is written.
constexpr std::uint64_t kVerifiedFirstMax = std::uint64_t{16} * 1024 * 1024;

Consumer open_consumer(const TakeArguments& arguments, const Console& console) {
  const Queue queue = open_queue(arguments.queue, console);
  require_takeable(queue);
  return Consumer{queue};
}

/// One run of the command.
class Taking {
 public:
  Taking(const TakeArguments& arguments, Console& console)
      : arguments_{arguments},
        console_{console},
        consumer_{open_consumer(arguments, console)},
        stop_on_signals_{consumer_} {
    if (arguments.directory) directory_.emplace(*arguments.directory, arguments.name_template);
    if (arguments.hold) {
      lease_ = arguments.lease ? *arguments.lease : detached_lease(consumer_.queue());
    }
  }

  int run() {
    std::size_t taken = 0;
    while (arguments_.count == 0 || taken < arguments_.count) {
      std::optional<Claim> claim = next();
      if (stop_signal() != 0) {
        if (claim) give_back(*claim);
        return kExitSignal + stop_signal();
      }
      if (!claim) break;
      try {
        deliver_or_give_back(*claim);
        ++taken;
      } catch (const Error& error) {
        if (error.code() != errc::damaged) throw;
        // The library has warned and moved it to bad/. Go on with the next.
        damaged_ = true;
        if (written_) return kExitBadValue;
      }
    }
    if (taken > 0) return kExitDone;
    if (damaged_) return kExitBadValue;
    if (consumer_.queue().paused()) {
      if (!arguments_.waits) throw paused();
      console_.complain(paused().what());
    } else if (const auto left = consumer_.queue().list(State::ready); !left.empty()) {
      console_.complain(
          fmt::format("{} in {}/new cannot be taken now: still being written (the setting settle), "
                      "empty, or not "
                      "ours to read",
                      left.size(), escape(consumer_.queue().path())));
    }
    return kExitNo;
  }

 private:
  [[nodiscard]] Failure paused() const { return queue_is_paused(consumer_.queue()); }

  std::optional<Claim> next() {
    if (!arguments_.waits) return consumer_.try_take();
    return arguments_.wait_max ? consumer_.take(*arguments_.wait_max) : consumer_.take();
  }

  /// A message that we could not hand on was not tried: a full disk, or a reader that goes away,
  /// makes no dead letters.
  void deliver_or_give_back(Claim& claim) {
    try {
      deliver(claim);
    } catch (const Error&) {
      throw;  // The queue's: damaged, or its disk fails.
    } catch (...) {
      give_back(claim);
      throw;
    }
  }

  void give_back(Claim& claim) const {
    try {
      if (claim.held()) claim.undo();
    } catch (const Error& error) {
      console_.complain(describe(error));
    }
  }

  void deliver(Claim& claim) {
    if (arguments_.hold) return hold(claim);
    if (directory_) {
      const std::string path = directory_->save(claim);
      claim.ack(arguments_.ack);
      print_record(path);
    } else {
      write_payload(claim);
      console_.out.write(arguments_.terminator);
      console_.out.confirm();
      claim.ack(arguments_.ack);
    }
  }

  void hold(Claim& claim) {
    const std::string id = claim.id().to_string();
    const std::string path = claim.detach(lease_);
    try {
      print_record(path, id + "\t");
    } catch (...) {
      // The claim was not printed, so no program could finish it.
      const Queue queue = consumer_.queue();
      queue.detached_claim(path).release();
      throw;
    }
  }

  void print_record(const std::string& path, const std::string& before = {}) {
    console_.out.write(before + (arguments_.nul ? path + '\0' : escape(path) + "\n"));
    console_.out.flush();
  }

  void write_payload(Claim& claim) {
    if (claim.info().size && *claim.info().size <= kVerifiedFirstMax) {
      console_.out.write(claim.payload());
      return;
    }
    std::vector<std::byte> buffer(kBufferSize);
    while (const std::size_t count = claim.read(buffer)) {
      written_ = true;
      console_.out.write({reinterpret_cast<const char*>(buffer.data()), count});
    }
    written_ = false;
  }

  const TakeArguments& arguments_;
  Console& console_;
  Consumer consumer_;
  StopOnSignals stop_on_signals_;
  std::optional<OutputDirectory> directory_;
  Duration lease_{0};
  bool damaged_ = false;
  bool written_ = false;  ///< Part of a payload is out that may turn out to be damaged.
};

int run(const Parsed& parsed, Console& console) {
  const TakeArguments arguments = parse_take(parsed);
  console.out.check();
  return Taking{arguments, console}.run();
}

}  // namespace

const Command kTakeCommand{.name = "take",
                           .aliases = kAliases,
                           .group = Group::take,
                           .summary = "take the next messages",
                           .usage = "Q",
                           .options = kOptions,
                           .examples = kExamples,
                           .details = kDetails,
                           .run = run};

}  // namespace spoolq::cli
