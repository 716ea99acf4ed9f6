// What `work` makes of its options and arguments.
#include "cli/worker/arguments.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

constexpr std::size_t kJobsMax = 1024;
constexpr std::size_t kAttemptsMax = 9999;
constexpr std::size_t kMessagesMax = 1'000'000'000;

/// `10/s`, `0.5/m`, `100/h`, as the time between two starts; at most a million a second, at least
/// one a day.
std::optional<std::chrono::nanoseconds> parse_rate(std::string_view text) {
  double count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count, std::chars_format::fixed);
  if (error != std::errc{} || end - rest != 2 || rest[0] != '/') return std::nullopt;
  const std::size_t unit = std::string_view{"smh"}.find(rest[1]);
  if (unit == std::string_view::npos) return std::nullopt;
  const double seconds = std::array{1.0, 60.0, 3600.0}.at(unit);
  const double interval = seconds / count;
  if (!std::isfinite(interval) || interval < 1e-6 || interval > 86400) return std::nullopt;
  return std::chrono::nanoseconds{static_cast<std::int64_t>(interval * 1e9)};
}

void parse_on_success(const Parsed& parsed, WorkArguments& work) {
  const auto what = parsed.value("on-success");
  if (!what) return;
  if (*what == "delete") {
    work.finished = Finished::removed;
  } else if (*what == "keep") {
    work.finished = Finished::kept;
  } else if (what->starts_with("mv:") && what->size() > 3) {
    work.target = what->substr(3);
  } else {
    parsed.bad_value("on-success", *what, "not delete, keep or mv:QUEUE");
  }
}

void parse_limits(const Parsed& parsed, WorkArguments& work) {
  work.jobs = static_cast<unsigned>(parsed.number("j", kJobsMax, 1).value_or(1));
  work.timeout = parsed.duration("timeout");
  if (work.timeout && *work.timeout <= Duration{0}) {
    parsed.bad_value("timeout", *parsed.value("timeout"), "it would be over at once");
  }
  work.grace = parsed.duration("grace").value_or(work.grace);
  if (const auto attempts = parsed.number("max-attempts", kAttemptsMax, 1)) {
    work.policy.max_attempts = static_cast<unsigned>(*attempts);
  }
  if (const auto text = parsed.value("backoff")) {
    work.policy.backoff = parse_backoff(*text);
    if (!work.policy.backoff) {
      parsed.bad_value("backoff", *text, "not a range such as 1s..1h, a duration, or off");
    }
  }
  work.messages_max = parsed.number("max-messages", kMessagesMax, 1).value_or(0);
  work.time_max = parsed.duration("max-time");
  if (const auto text = parsed.value("rate")) {
    work.interval = parse_rate(*text);
    if (!work.interval) {
      parsed.bad_value("rate", *text, "not a rate such as 10/s, 30/m or 100/h");
    }
  }
}

}  // namespace

WorkArguments parse_work(const Parsed& parsed) {
  WorkArguments work;
  const auto command = parsed.after_dashes();
  const std::size_t before = parsed.arguments().size() - command.size();
  if (before == 0) parsed.wrong_use("which queue? It stands before --", true);
  if (command.empty()) {
    parsed.wrong_use("which command? It stands after the queue and --", true);
  }
  if (before > 1) {
    parsed.wrong_use("one queue, then -- and the command: what stands before -- is not part of it",
                     true);
  }
  work.queue = parsed.queue();
  work.command = command;
  if (parsed.flag("drain")) {
    work.drain = parsed.choice<Drain>("drain", {{"ready", Drain::ready}, {"all", Drain::all}});
  }
  work.once = parsed.flag("once");
  if (work.once && parsed.flag("max-messages")) {
    parsed.wrong_use("--once and --max-messages exclude each other");
  }
  parse_limits(parsed, work);
  parse_on_success(parsed, work);
  work.output_directory = parsed.value("output-dir");
  work.job_log = parsed.value("joblog");
  work.bar = parsed.flag("bar");
  work.quiet = parsed.flag("quiet");
  work.json = parsed.choice<bool>("log-format", {{"text", false}, {"json", true}});
  work.ack = parsed.choice<Sync>("ack", {{"durable", Sync::durable}, {"none", Sync::none}});
  if (work.once) work.messages_max = 1;
  return work;
}

}  // namespace spoolq::cli
