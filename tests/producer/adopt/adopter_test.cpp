// Adopter as a linking program uses it: through its header, on real folders.
#include "spoolq/adopter.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "spoolq/consumer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

using Messages = std::map<std::string, std::string>;
using Names = std::vector<std::string>;

/// Every file that is closed and not empty counts as complete.
const AdoptOptions kAtOnce{.settle = Duration{0}};
const AdoptOptions kKeep{.settle = Duration{0}, .keep = true};

/// A queue, and a folder beside it.
class Place {
 public:
  explicit Place(const std::vector<SettingChange>& settings = {})
      : queue{Queue::init(scratch_ / "queue", settings)} {
    fs::create_directory(folder());
  }

  [[nodiscard]] std::string folder() const { return scratch_ / "folder"; }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return folder() + "/" + name;
  }
  void drop(const std::string& name, const std::string& content) const {
    write_file(*this / name, content);
  }
  void drop_by_rename(const std::string& name, const std::string& content) const {
    write_file(scratch_ / "tmp", content);
    fs::rename(scratch_ / "tmp", *this / name);
  }
  /// The names in the folder.
  [[nodiscard]] Names left() const {
    Names names;
    for (const auto& entry : fs::directory_iterator{folder()}) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  /// Payloads by original name.
  [[nodiscard]] Messages drain() const {
    Messages messages;
    Consumer consumer{queue};
    while (auto claim = consumer.try_take()) {
      CHECK(messages.emplace(claim->info().name, claim->payload()).second);
      claim->ack();
    }
    return messages;
  }

 private:
  Scratch scratch_;

 public:
  Queue queue;
};

/// Keeps what is reported, and lets another thread wait for it.
class Reports {
 public:
  [[nodiscard]] Adopter::Report handler() {
    return [this](const Appraisal& appraisal) {
      const std::lock_guard lock{mutex_};
      all_.push_back(appraisal);
      changed_.notify_all();
    };
  }
  [[nodiscard]] std::vector<Appraisal> all() const {
    const std::lock_guard lock{mutex_};
    return all_;
  }
  /// The names of the files with that verdict.
  [[nodiscard]] Names names(Verdict verdict) const {
    Names names;
    for (const Appraisal& each : all()) {
      if (each.verdict == verdict) names.push_back(each.file);
    }
    return names;
  }
  /// Waits until there are `count` reports.
  [[nodiscard]] bool wait_for(std::size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return all_.size() >= count; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Appraisal> all_;
};

}  // namespace

TEST_CASE("Adopter takes each complete file once and reports its id", "[producer][adopter]") {
  const Place place;
  place.drop("a.txt", "first");
  place.drop("b.txt", "second");
  Adopter adopter{place.queue, place.folder(), kAtOnce};
  Reports reports;
  adopter.adopt(reports.handler());
  REQUIRE(reports.names(Verdict::take) == Names{"a.txt", "b.txt"});
  CHECK(place.left().empty());
  std::map<std::string, MessageId> ids;
  for (const MessageInfo& info : place.queue.list(State::ready)) ids[info.name] = info.id;
  for (const Appraisal& each : reports.all()) CHECK(ids.at(each.file) == each.id);
  adopter.adopt(reports.handler());
  CHECK(reports.all().size() == 2);
  CHECK(place.drain() == Messages{{"a.txt", "first"}, {"b.txt", "second"}});
}

TEST_CASE("Adopter with keep leaves the files, and a second one takes none again",
          "[producer][adopter]") {
  const Place place;
  place.drop("a.txt", "first");
  Reports reports;
  Adopter{place.queue, place.folder(), kKeep}.adopt(reports.handler());
  Adopter second{place.queue, place.folder(), kKeep};
  second.adopt(reports.handler());
  CHECK(reports.names(Verdict::take) == Names{"a.txt"});
  CHECK(second.appraise().at(0).verdict == Verdict::ignore);
  place.drop("b.txt", "second");
  second.adopt(reports.handler());
  CHECK(reports.names(Verdict::take) == Names{"a.txt", "b.txt"});
  CHECK(place.left() == Names{"a.txt", "b.txt"});
  CHECK(place.drain() == Messages{{"a.txt", "first"}, {"b.txt", "second"}});
}

TEST_CASE("appraise() gives a verdict for each file and changes nothing", "[producer][adopter]") {
  const Place place{{{"max_size", "5"}}};
  place.drop("empty", "");
  place.drop("large", "123456");
  place.drop("unfinished.part", "x");
  place.drop("whole", "12345");
  fs::create_symlink("whole", place / "link");
  fs::create_directory(place / "sub");
  const Names before = place.left();
  std::map<std::string, Verdict> verdicts;
  Adopter adopter{place.queue, place.folder(), kAtOnce};
  for (const Appraisal& each : adopter.appraise()) {
    CHECK_FALSE(each.reason.empty());
    verdicts.emplace(each.file, each.verdict);
  }
  CHECK(verdicts == std::map<std::string, Verdict>{{"empty", Verdict::wait},
                                                   {"large", Verdict::reject},
                                                   {"link", Verdict::reject},
                                                   {"sub", Verdict::ignore},
                                                   {"unfinished.part", Verdict::ignore},
                                                   {"whole", Verdict::take}});
  CHECK(place.left() == before);
  CHECK(place.queue.stats().ready == 0);
}

TEST_CASE("Adopter moves what is no message to .rejected/, with the reason",
          "[producer][adopter]") {
  const Place place;
  fs::create_symlink("nowhere", place / "link");
  Reports reports;
  Adopter{place.queue, place.folder(), kKeep}.adopt(reports.handler());
  CHECK(place.left() == Names{"link"});
  Adopter{place.queue, place.folder(), kAtOnce}.adopt(reports.handler());
  CHECK(reports.names(Verdict::reject) == Names{"link", "link"});
  CHECK(place.left() == Names{".rejected"});
  CHECK(fs::is_symlink(place / ".rejected/link"));
  CHECK(read_file(place / ".rejected/link.reason") == reports.all().at(0).reason + "\n");
}

TEST_CASE("follow() takes what comes until another thread calls stop()", "[producer][adopter]") {
  const Place place;
  place.drop("before", "1");
  Adopter adopter{place.queue, place.folder(), kAtOnce};
  Reports reports;
  std::thread follower{[&] { adopter.follow(reports.handler()); }};
  CHECK(reports.wait_for(1));
  place.drop_by_rename("renamed", "2");
  CHECK(reports.wait_for(2));
  place.drop("written", "3");
  CHECK(reports.wait_for(3));
  adopter.stop();
  follower.join();
  CHECK(reports.names(Verdict::take) == Names{"before", "renamed", "written"});
  CHECK(place.drain() == Messages{{"before", "1"}, {"renamed", "2"}, {"written", "3"}});
}

TEST_CASE("stop() ends the next run, and only that one", "[producer][adopter]") {
  const Place place;
  place.drop("a.txt", "x");
  Adopter adopter{place.queue, place.folder(), kAtOnce};
  Reports reports;
  adopter.stop();
  adopter.adopt(reports.handler());
  CHECK(reports.names(Verdict::take).empty());
  adopter.stop();
  adopter.follow(reports.handler());
  CHECK(reports.names(Verdict::take).empty());
  Adopter moved = std::move(adopter);
  moved.adopt(reports.handler());
  CHECK(reports.names(Verdict::take) == Names{"a.txt"});
}

TEST_CASE("Adopter refuses folders that are missing, a queue or part of one",
          "[producer][adopter]") {
  const Place place;
  const auto refusal = [&](const std::string& folder) {
    return error_of([&] { Adopter{place.queue, folder}; });
  };
  CHECK(refusal(place / "missing") == std::errc::no_such_file_or_directory);
  CHECK(refusal(place.queue.path()) == errc::bad_value);
  CHECK(refusal(place.queue.path() + "/new") == errc::bad_value);
  const Place other;
  CHECK(refusal(other.queue.path()) == errc::bad_value);
  CHECK(refusal(other.queue.path() + "/new") == errc::bad_value);
}

TEST_CASE("a full queue ends adopt() with an error, and the next one goes on at once",
          "[producer][adopter]") {
  const Place place{{{"max_messages", "1"}}};
  place.drop("a.txt", "first");
  place.drop("b.txt", "second");
  Adopter adopter{place.queue, place.folder(), kAtOnce};
  Reports reports;
  CHECK(error_of([&] { adopter.adopt(reports.handler()); }) == errc::queue_full);
  CHECK(reports.names(Verdict::take) == Names{"a.txt"});
  CHECK(place.left() == Names{"b.txt"});
  CHECK(place.drain() == Messages{{"a.txt", "first"}});
  adopter.adopt(reports.handler());
  CHECK(place.drain() == Messages{{"b.txt", "second"}});
}

TEST_CASE("while one Adopter copies from a folder, a second one throws EAGAIN",
          "[producer][adopter]") {
  const Place place;
  place.drop("a.txt", "x");
  Adopter first{place.queue, place.folder(), kKeep};
  Adopter second{place.queue, place.folder(), kKeep};
  std::error_code seen;
  first.adopt(
      [&](const Appraisal&) { seen = error_of([&] { second.adopt([](const Appraisal&) {}); }); });
  CHECK(seen == std::errc::resource_unavailable_try_again);
  second.adopt([](const Appraisal&) { FAIL("a kept file is reported again"); });
}

TEST_CASE("follow() throws ENOENT when the folder is removed", "[producer][adopter]") {
  const Place place;
  Adopter adopter{place.queue, place.folder(), kAtOnce};
  Reports reports;
  place.drop("a.txt", "x");
  const std::error_code error =
      error_of([&] { adopter.follow([&](const Appraisal&) { fs::remove_all(place.folder()); }); });
  CHECK(error == std::errc::no_such_file_or_directory);
}

}  // namespace spoolq::test
