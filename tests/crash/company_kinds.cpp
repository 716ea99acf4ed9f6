// Most actors are the program, as a user would start it; some use the libraries.
#include "tests/crash/company_kinds.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <utility>

#include "spoolq/consumer.hpp"
#include "spoolq/producer.hpp"
#include "spoolq/queue.hpp"
#include "tests/crash/program.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kUsualWeight = 10;
constexpr std::size_t kListMax = 50;
constexpr std::uint64_t kPutMax = 8;
constexpr std::uint64_t kTakeMax = 5;
constexpr Duration kTakeTime{50};
constexpr Duration kHoldTime{2000};

/// What a producer of the library does: each payload is printed when its put has returned.
void put_all(const std::string& queue, const std::vector<std::string>& payloads) {
  Producer producer{queue};
  for (const std::string& payload : payloads) {
    Draft draft = producer.draft();
    const std::string_view bytes{payload};
    draft.write(bytes.substr(0, bytes.size() / 2));
    draft.write(bytes.substr(bytes.size() / 2));
    draft.commit();
    fmt::print("{}", payload);
    std::fflush(stdout);
  }
}

/// What a consumer of the library does: each payload is printed before its ack.
void take_some(const std::string& queue, std::uint64_t count, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  Consumer consumer{queue};
  for (; count > 0; --count) {
    auto claim = consumer.take(kTakeTime);
    if (!claim) return;
    const std::string payload{claim->payload()};
    switch (pick(random, 0, 6)) {
      case 0:
        claim->release();
        break;
      case 1:
        claim->fail({.text = "no", .exit_code = {}, .signal = {}, .error_output = {}});
        break;
      case 2:
        claim->detach(kHoldTime);
        break;
      case 3:
        break;  // Its destructor gives it back.
      default:
        fmt::print("{}", payload);
        std::fflush(stdout);
        claim->ack();
    }
  }
}

/// The control: copies all messages elsewhere, then unlinks their names, and claims nothing.
void copy_all(const std::string& from, const std::string& to) {
  Producer producer{to};
  const fs::path folder = fs::path{from} / "new";
  const std::vector<std::string> names = names_in(folder);
  for (const std::string& name : names) {
    const std::string payload = read_file(folder / name);
    if (!payload.empty()) producer.put(payload);
  }
  for (const std::string& name : names) {
    std::error_code ignored;
    fs::remove(folder / name, ignored);
  }
}

}  // namespace

const std::vector<Kinds::Kind>& Kinds::all() {
  static const std::vector<Kind> kinds{
      {"put", 18, &Kinds::put},
      {"library-put", 6, &Kinds::library_put},
      {"take", 16, &Kinds::take},
      {"library-take", 6, &Kinds::library_take},
      {"hold", 6, &Kinds::hold},
      {"ack", 3, &Kinds::ack_held},
      {"held", 8, &Kinds::change_held},
      {"rm", 2, &Kinds::remove},
      {"mv", 16, &Kinds::move},
      {"retry", 5, &Kinds::retry},
      {"work-fail", 5, &Kinds::work_and_fail},
      {"work-mv", 6, &Kinds::work_and_move},
      {"export", 4, &Kinds::export_and_move},
      {"import", 2, &Kinds::import_maildir},
      {"adopt", 5, &Kinds::adopt},
      {"reap", 5, &Kinds::reap},
      {"pause", 1, &Kinds::pause},
      {"resume", 4, &Kinds::resume},
      {"purge", 2, &Kinds::purge_done},
      {"naive", 0, &Kinds::copy_and_unlink},
  };
  return kinds;
}

Kinds::Kinds(const Places& places, Account& account, Random& random)
    : places_{places}, account_{account}, random_{random} {
  for (const Kind& kind : all()) {
    if (kind.weight > 0) kinds_.push_back(kind);
  }
}

std::vector<std::string> Kinds::names() {
  std::vector<std::string> names;
  for (const Kind& kind : all()) names.emplace_back(kind.name);
  return names;
}

void Kinds::only(const std::set<std::string>& names) {
  kinds_.clear();
  for (Kind kind : all()) {
    if (!names.contains(kind.name)) continue;
    kind.weight = std::max(kind.weight, kUsualWeight);
    kinds_.push_back(kind);
  }
  if (kinds_.size() != names.size()) throw Usage{"--only: no such kind; --help lists them"};
}

void Kinds::skip(const std::set<std::string>& names) {
  for (const std::string& name : names) {
    if (std::erase_if(kinds_, [&](const Kind& kind) { return name == kind.name; }) == 0) {
      throw Usage{"--skip: no such kind: " + name};
    }
  }
  if (kinds_.empty()) throw Usage{"--skip leaves no kind"};
}

Kinds::Started Kinds::start() {
  const auto total =
      std::accumulate(kinds_.begin(), kinds_.end(), 0U,
                      [](unsigned sum, const Kind& kind) { return sum + kind.weight; });
  std::uint64_t dice = pick(random_, 1, total);
  for (const Kind& kind : kinds_) {
    if (dice <= kind.weight) {
      name_ = kind.name;
      return (this->*kind.start)();
    }
    dice -= kind.weight;
  }
  return {};
}

Kinds::Started Kinds::put() {
  std::string input;
  for (std::uint64_t count = pick(random_, 1, kPutMax); count > 0; --count) {
    input += account_.make();
  }
  std::vector<std::string> words{"put", any_queue(), "--each-line", "--sync=none"};
  const std::vector<std::string> more = std::vector<std::vector<std::string>>{
      {}, {"--delay", "300ms"}, {"--priority", "2"}}[pick(random_, 0, 2)];
  words.insert(words.end(), more.begin(), more.end());
  Started started = program(std::move(words), input);
  started.note = [this, input](const Actor::End& end) {
    if (end.code == 0) account_.promised(input);
  };
  return started;
}

Kinds::Started Kinds::library_put() {
  std::vector<std::string> payloads;
  for (std::uint64_t count = pick(random_, 1, kPutMax); count > 0; --count) {
    payloads.push_back(account_.make());
  }
  Started started = function([queue = any_queue(), payloads] { put_all(queue, payloads); });
  started.note = [this](const Actor::End& end) { account_.promised(end.output); };
  return started;
}

Kinds::Started Kinds::take() {
  Started started = program(
      {"take", any_queue(), "-n", fmt::format("{}", pick(random_, 1, kTakeMax)), "--ack=none"});
  ends_what_it_prints(started);
  return started;
}

Kinds::Started Kinds::library_take() {
  Started started = function([queue = any_queue(), count = pick(random_, 1, kTakeMax),
                              seed = random_()] { take_some(queue, count, seed); });
  ends_what_it_prints(started);
  return started;
}

Kinds::Started Kinds::hold() { return program({"take", any_queue(), "--hold", "-n", "3"}); }

Kinds::Started Kinds::ack_held() {
  const std::string& queue = any_queue();
  const std::string held = any_held(queue);
  if (held.empty()) return {};
  const std::string payload = read_file(held);
  Started started = program({"ack", queue, held});
  ends(started, payload);
  return started;
}

Kinds::Started Kinds::change_held() {
  const std::string& queue = any_queue();
  const std::string held = any_held(queue);
  if (held.empty()) return {};
  const std::string verb = pick_one({"release", "extend", "fail", "extend"});
  std::vector<std::string> words{verb, queue, held};
  if (verb == "extend") words.insert(words.end(), {"--lease", "2s"});
  return program(std::move(words));
}

Kinds::Started Kinds::remove() {
  Queue queue = Queue::open(any_queue());
  const auto messages = queue.list(
      std::array{State::ready, State::delayed, State::failed}[pick(random_, 0, 2)], kListMax);
  if (messages.empty()) return {};
  const MessageInfo& message = messages[pick(random_, 0, messages.size() - 1)];
  std::string payload;
  try {
    queue.read_payload(message, [&](std::string_view part) { payload += part; });
  } catch (const Error&) {
    return {};  // It has moved on.
  }
  Started started = program({"rm", queue.path(), message.id.to_string()});
  ends(started, payload);
  return started;
}

Kinds::Started Kinds::move() {
  const std::string& from = any_queue();
  std::vector<std::string> words{"mv", from, other_queue(from), "--all"};
  const std::string state = pick_one({"", "failed", "ready", "delayed"});
  if (!state.empty()) words.insert(words.end(), {"--state", state});
  return program(std::move(words));
}

Kinds::Started Kinds::retry() { return program({"retry", any_queue(), "--all"}); }

Kinds::Started Kinds::work_and_fail() {
  return program({"work", any_queue(), "--max-messages", "3", "--max-time", "1s", "--quiet",
                  "--ack=none", "--", "sh", "-c", pick_one({"exit 100", "exit 1"})});
}

Kinds::Started Kinds::work_and_move() {
  const std::string& from = any_queue();
  return program({"work", from, "-j2", "--max-messages", "3", "--max-time", "1s", "--quiet",
                  "--on-success", "mv:" + other_queue(from), "--", "true"});
}

Kinds::Started Kinds::export_and_move() {
  return program({"export", any_queue(), places_.maildir(), "--to=maildir", "--move"});
}

Kinds::Started Kinds::import_maildir() {
  deliver(fs::path{places_.maildir()} / "tmp", fs::path{places_.maildir()} / "new");
  return program({"import", "--from=maildir", places_.maildir(), any_queue()});
}

Kinds::Started Kinds::adopt() {
  deliver(fs::path{places_.inbox()}.parent_path(), places_.inbox());
  return program({"adopt", places_.inbox(), any_queue()});
}

Kinds::Started Kinds::reap() { return program({"reap", any_queue()}); }
Kinds::Started Kinds::pause() { return program({"pause", any_queue()}); }
Kinds::Started Kinds::resume() { return program({"resume", any_queue()}); }

Kinds::Started Kinds::purge_done() {
  return program({"purge", any_queue(), "--state", "done", "--force"});
}

Kinds::Started Kinds::copy_and_unlink() {
  const std::string& from = any_queue();
  return function([from, to = other_queue(from)] { copy_all(from, to); });
}

void Kinds::deliver(const fs::path& from, const fs::path& to) {
  const std::string payload = account_.make();
  const std::string name = fmt::format("{}.file", ++delivered_);
  write_file(from / name, payload);
  fs::rename(from / name, to / name);
  account_.promised(payload);
}

Kinds::Started Kinds::program(std::vector<std::string> words, const std::string& input) {
  words.insert(words.begin(), program_path());
  return {std::make_unique<Actor>(places_.scratch(), name_, std::move(words), input), {}};
}

Kinds::Started Kinds::function(const std::function<void()>& body) {
  return {std::make_unique<Actor>(places_.scratch(), name_, body), {}};
}

void Kinds::ends_what_it_prints(Started& started) {
  started.note = [this, kind = std::string{name_}](const Actor::End& end) {
    if (end.killed || end.code != 0) {
      account_.may_have_ended(end.output);
    } else {
      account_.ended(end.output, kind);
    }
  };
}

void Kinds::ends(Started& started, const std::string& payload) {
  started.note = [this, payload, kind = std::string{name_}](const Actor::End& end) {
    if (end.killed) {
      account_.may_have_ended(payload);
    } else if (end.code == 0) {
      account_.ended(payload, kind);
    }
  };
}

const std::string& Kinds::any_queue() { return places_.queue(pick(random_, 0, kQueues - 1)); }

const std::string& Kinds::other_queue(const std::string& queue) {
  for (;;) {
    const std::string& other = any_queue();
    if (other != queue) return other;
  }
}

std::string Kinds::pick_one(const std::vector<std::string>& words) {
  return words[pick(random_, 0, words.size() - 1)];
}

std::string Kinds::any_held(const std::string& queue) {
  std::vector<std::string> held;
  for (const std::string& name : names_in(fs::path{queue} / "cur")) {
    if (has(name, "C=detached")) held.push_back(fmt::format("{}/cur/{}", queue, name));
  }
  return held.empty() ? std::string{} : pick_one(held);
}

}  // namespace spoolq::test
