// spoolq take: takes the next messages.
//
// A message is acknowledged only after all of its payload has left this process: written and
// flushed to standard output, or on disk in its file. Until then every failure, a signal and even
// kill -9 give it back.
#include <fmt/format.h>

#include <optional>
#include <set>
#include <vector>

#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"
#include "cli/files/output_directory.hpp"
#include "cli/output/signals.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq::cli {
namespace {

constexpr Duration kForever = Duration::max();

struct TakeArguments {
  std::size_t count = 1;                 ///< 0: all there are.
  std::optional<Duration> wait;          ///< How long for a message; empty: not at all.
  bool lines = false;                    ///< A newline after each payload.
  bool nul = false;                      ///< A NUL after each payload, path or claim.
  std::optional<std::string> directory;  ///< Each payload into a file there.
  std::string name_template = "{id}";
  Sync ack = Sync::durable;
  bool hold = false;
  std::optional<Duration> lease;
};

/// A template of which every {…} is one that is known.
Command::Store template_in(std::string& name_template) {
  return [&name_template](const std::string& text) {
    static const std::set<std::string_view> known = {"id", "name", "key", "type", "priority"};
    if (text.empty()) return "empty";
    if (text.find('/') != std::string::npos) return "has a /";
    for (auto open = text.find('{'); open != std::string::npos; open = text.find('{', open)) {
      const std::size_t close = text.find('}', open);
      if (close == std::string::npos ||
          !known.contains(std::string_view{text}.substr(open + 1, close - open - 1))) {
        return "only {id} {name} {key} {type} {priority} are known";
      }
      open = close;
    }
    name_template = text;
    return "";
  };
}

/// Payloads up to this size are verified before their first byte is written.
constexpr std::uint64_t kVerifiedFirstMax = std::uint64_t{16} * 1024 * 1024;

/// One run of the command.
class Taking {
 public:
  Taking(const std::string& queue, const TakeArguments& arguments, Console& console)
      : arguments_{arguments},
        console_{console},
        consumer_{open_consumer(queue, log_handler(console))},
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
      if (!arguments_.wait) throw paused();
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
    if (!arguments_.wait) return consumer_.try_take();
    return *arguments_.wait == kForever ? consumer_.take() : consumer_.take(*arguments_.wait);
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
      if (arguments_.lines) console_.out.write("\n");
      if (arguments_.nul) console_.out.write(std::string_view{"\0", 1});
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

}  // namespace

int take_command(Command& command, Console& console) {
  TakeArguments take;
  command.describe("take", "take the next messages");
  command.aliases = {"claim"};
  command.elsewhere = {"consume", "dequeue", "get", "next", "pop", "receive", "reserve"};
  command.number("-n", take.count, 0, kCountMax,
                 "take up to N messages; default 1; 0: all there are");
  command.option(
      "--wait", take.wait, "D", "wait for a message, at most D where given",
      [](const std::string& text) { return text == "forever" ? kForever : parse_duration(text); },
      kNoDuration, "forever");
  command.flag("--lines", take.lines, "write a newline after each payload");
  command.flag("-0", take.nul, "write a NUL after each payload, path or claim");
  command.text("-o", take.directory, "DIR", "write each payload to a file of its own in DIR");
  command.option({"--name-as", "TEMPLATE",
                  "its name, with -o: {id} {name} {key} {type} {priority}; default {id}"},
                 &take.name_template, template_in(take.name_template));
  command.one_of("--ack", take.ack, "HOW", "durable (default), or none: acks are not synced",
                 {{"durable", Sync::durable}, {"none", Sync::none}});
  command.flag("--hold", take.hold, "claim only; print ID<TAB>PATH and keep the claim");
  command.time_limit("--lease", take.lease, "how long a held claim lasts; default: detached_lease");
  command.excludes(&take.hold, &take.directory);
  command.excludes(&take.hold, &take.ack);
  command.excludes(&take.lines, &take.nul);
  command.needs(&take.name_template, &take.directory);
  command.needs(&take.lease, &take.hold);
  command.example("spoolq take jobs", "the next payload on standard output");
  command.example("spoolq take jobs --wait=30s > job", "wait for one, at most 30 seconds");
  command.example("spoolq take jobs -n 50 -o inbox --name-as={id}-{name}", "up to 50, as files");
  command.example("spoolq take jobs --hold --lease 1h", "claim it, then `spoolq ack jobs PATH`");
  command.details =
      R"(A message is acknowledged, and gone, once all of its payload was written and flushed; when
that fails it goes back. For work that may fail afterwards, in a pipe behind it for example,
there is --hold: the claim is finished by `ack`, `release` or `fail`, or ends with its lease.
With -o the file is on disk before the acknowledgement, no file is overwritten (.1, .2, ... is
appended), and the paths are printed. When fewer than N are there, what is there is taken;
when nothing is, the exit code is 1. With --wait and -n, each message is waited for. A message
whose payload is damaged is reported and the next one taken.
In file names made by --name-as, / and leading dots of a message's fields become _.)";
  if (!command.parse(console)) return kExitDone;
  if (take.lines && (take.hold || take.directory)) {
    command.wrong_use("--lines is for payloads on standard output");
  }
  console.out.check();
  return Taking{command.queue(), take, console}.run();
}

}  // namespace spoolq::cli
