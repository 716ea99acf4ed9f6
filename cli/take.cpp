// take: the next payloads to standard output, to files, or as held claims.
//
// A message is acknowledged only after all of its payload has left this process: written and
// flushed to standard output, or on disk in its file. Until then every failure, a signal and even
// kill -9 give it back.
#include <fmt/format.h>

#include <optional>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output_directory.hpp"
#include "cli/queue_argument.hpp"
#include "cli/signals.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq::cli {
namespace {

/// Payloads up to this size are verified before their first byte is written.
constexpr std::uint64_t kVerifiedFirstMax = std::uint64_t{16} * 1024 * 1024;
constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

Consumer open_consumer(const TakeArguments& arguments, const Console& console) {
  const Queue queue = open_queue(arguments.queue, console);
  require_takeable(queue);
  return Consumer{queue};
}

/// One run of the verb.
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
      if (!arguments_.wait.waits) throw paused();
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
    if (!arguments_.wait.waits) return consumer_.try_take();
    return arguments_.wait.limit ? consumer_.take(*arguments_.wait.limit) : consumer_.take();
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
      // Nobody has learnt of the claim, so nobody could finish it.
      Queue queue = consumer_.queue();
      queue.release(queue.held_claim(path));
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

int run(const TakeArguments& arguments, Console& console) {
  console.out.check();
  return Taking{arguments, console}.run();
}

}  // namespace spoolq::cli
