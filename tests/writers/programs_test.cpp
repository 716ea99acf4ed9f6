// Real programs that know nothing of spoolq deliver into new/ while a consumer runs: each message
// is taken once, whole, and under the name that it was given.
#include <cstdlib>
#include <filesystem>

#include "queue/store/foreign_files.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/writers/taker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Names = std::map<std::string, int>;

/// A program, and how it delivers the file `payload` to the queue $Q.
struct Writer {
  const char* program;
  const char* script;
  const char* name;  ///< Of its file in new/; nullptr where the program makes one.
};

/// Its file is complete when it appears: it comes by rename or by link.
constexpr std::array kAtOnce{
    Writer{"safecat", R"(needs: safecat
safecat "$Q/tmp" "$Q/new" < payload)",
           nullptr},
    Writer{"mdeliver", R"(needs: mdeliver
mdeliver "$Q" < payload)",
           nullptr},
    Writer{"maildrop", R"(needs: maildrop
umask 077; echo "to \"$Q/\"" > filter; maildrop ./filter < payload)",
           nullptr},
    Writer{"procmail", R"(needs: procmail
umask 077; echo "DEFAULT=$Q/" > rules; procmail -m rules < payload)",
           nullptr},
    Writer{"Python's mailbox.Maildir", R"(needs: python3
python3 -c '
import mailbox, sys
mailbox.Maildir(sys.argv[1], create=False).add(open("payload", "rb").read())
' "$Q")",
           nullptr},
    Writer{"rsync", R"(needs: rsync
rsync -t payload "$Q/new/synced")",
           "synced"},
    Writer{"mv", R"(cp payload ready; mv ready "$Q/new/moved by hand")", "moved by hand"},
    Writer{"mv out of tmp/", R"(cp payload "$Q/tmp/x"; mv "$Q/tmp/x" "$Q/new/x")", "x"},
    Writer{"mv within new/", R"(cp payload "$Q/new/y.part"; mv "$Q/new/y.part" "$Q/new/y")", "y"},
    Writer{"ln", R"(ln payload "$Q/new/linked")", "linked"},
    Writer{"cp --link", R"(cp --link payload "$Q/new/copied")", "copied"},
};

/// It writes in new/ itself: the file is there before it is complete. Some change its mode or times
/// when they have closed it, and complain when it has been taken by then: on a slow machine that
/// takes them longer than settle.
constexpr std::array kInPlace{
    Writer{"cp", R"(cp payload "$Q/new/copy")", "copy"},
    Writer{"cp --archive", R"(touch -d '10 days ago' payload; cp -a payload "$Q/new/old copy")",
           "old copy"},
    Writer{"install", R"(install -m 640 payload "$Q/new/installed" || [ $? = 1 ])", "installed"},
    Writer{"mv from another file system",
           R"(touch -d '10 days ago' "$OTHER/payload"; mv "$OTHER/payload" "$Q/new/far")", "far"},
    Writer{"cat >", R"(cat payload > "$Q/new/redirected")", "redirected"},
    Writer{"dd", R"(dd if=payload of="$Q/new/dd" bs=1000 status=none)", "dd"},
    Writer{"tee", R"(tee "$Q/new/tee" < payload > /dev/null)", "tee"},
    Writer{"tar -x", R"(needs: tar
mkdir -p packed; cp payload packed/unpacked; touch -d '10 days ago' packed/unpacked
tar -C packed -cf archive unpacked; tar -C "$Q/new" -xf archive)",
           "unpacked"},
    Writer{"rsync --inplace", R"(needs: rsync
rsync -t --inplace payload "$Q/new/in place" || [ $? = 23 ])",
           "in place"},
    Writer{"curl", R"(needs: curl
curl -s -o "$Q/new/fetched" "file://$PWD/payload")",
           "fetched"},
    Writer{"Python's shutil.copy2", R"(needs: python3
python3 -c '
import shutil, sys
try:
    shutil.copy2("payload", sys.argv[1] + "/new/shutil")
except FileNotFoundError:
    pass
' "$Q")",
           "shutil"},
};

/// A queue, and a payload beside it.
struct Inbox {
  explicit Inbox(const std::string& settle) : queue{{{"settle", settle}}} {
    write_file(queue.around() / "payload", payload);
  }
  /// Runs the writer; the names that appeared in new/ meanwhile.
  std::set<std::string> deliver(const Writer& writer) {
    const Arrivals arrivals{queue};
    // On the other file system it is another file.
    const MemoryDirectory other;
    write_file(other / "payload", payload);
    shell(queue, writer.script, {{"OTHER", other / ""}});
    return arrivals.names();
  }
  std::string payload = long_text();
  RealQueue queue;
};

}  // namespace

TEST_CASE("what a program renames or links into new/ is taken at once, once and whole",
          "[writers][programs]") {
  const Writer writer = GENERATE(from_range(kAtOnce));
  CAPTURE(writer.program);
  Inbox inbox{"1h"};  // Longer than any test: nothing is taken because time has gone by.
  Taker taker{inbox.queue};
  const auto names = inbox.deliver(writer);
  if (writer.name != nullptr) CHECK(names.contains(writer.name));
  if (writer.name == nullptr) {
    REQUIRE(names.size() == 1);
    CHECK(detail::is_maildir_name(*names.begin()));
  }
  CHECK(taker.whole(inbox.payload) ==
        Names{{writer.name != nullptr ? writer.name : *names.begin(), 1}});
  CHECK(inbox.queue.count(Folder::ready) == 0);
  CHECK(inbox.queue.count(Folder::claimed) == 0);
  CHECK(inbox.queue.count(Folder::bad) == 0);
}

TEST_CASE("what a program writes in new/ is taken once it has settled, once and whole",
          "[writers][programs]") {
  const Writer writer = GENERATE(from_range(kInPlace));
  CAPTURE(writer.program);
  Inbox inbox{"1h"};
  {
    Taker taker{inbox.queue};
    CHECK(inbox.deliver(writer).contains(writer.name));
    CHECK(taker.all().empty());
    CHECK(inbox.queue.names(Folder::ready) == std::vector<std::string>{writer.name});
  }
  inbox.queue.open().configure({{"settle", "50ms"}});
  SECTION("by a consumer that was there") {
    fs::remove(inbox.queue.path(Folder::ready, writer.name));
    Taker taker{inbox.queue};
    inbox.deliver(writer);
    CHECK(taker.has(writer.name));
    CHECK(taker.whole(inbox.payload) == Names{{writer.name, 1}});
  }
  SECTION("by one that comes later") {
    Taker taker{inbox.queue};
    CHECK(taker.has(writer.name));
    CHECK(taker.whole(inbox.payload) == Names{{writer.name, 1}});
  }
  CHECK(inbox.queue.count(Folder::ready) == 0);
  CHECK(inbox.queue.count(Folder::bad) == 0);
}

TEST_CASE("workers get what all programs deliver at the same time, each once and whole",
          "[writers][programs][polling]") {
  Inbox inbox{"50ms"};
  const std::string results = inbox.queue.around() / "results";
  fs::create_directory(results);
  Invocation work{.arguments = {"work", inbox.queue.path(), "-j", "2", "--quiet", "--", "sh", "-c",
                                R"(printf %s "$SPOOLQ_NAME" > "$0/$SPOOLQ_ID.name"
                       cat >> "$0/$SPOOLQ_ID.payload"; cmp "$0/$SPOOLQ_ID.payload" "$1")",
                                results, inbox.queue.around() / "payload"}};
  if (const char* polling = std::getenv("SPOOLQ_POLL")) work.environment["SPOOLQ_POLL"] = polling;
  Running first{work};
  Running second{work};
  REQUIRE(eventually([&] { return inbox.queue.open().stats().consumers == 2; }));
  std::multiset<std::string> expected;
  const auto deliver = [&](const Writer& writer) {
    for (const std::string& name : inbox.deliver(writer)) {
      if (!name.ends_with(".part")) expected.insert(name);
    }
  };
  for (const Writer& writer : kAtOnce) deliver(writer);
  for (const Writer& writer : kInPlace) deliver(writer);
  const auto done = [&] {
    const Stats stats = inbox.queue.open().stats();
    return stats.ready + stats.claimed + stats.delayed == 0;
  };
  CHECK(eventually(done));
  std::multiset<std::string> delivered;
  for (const std::string& file : names_in(results)) {
    const std::string content = read_file(results + "/" + file);
    if (file.ends_with(".name")) delivered.insert(content);
    if (file.ends_with(".payload")) CHECK(content == inbox.payload);
  }
  CHECK(delivered == expected);
  CHECK(inbox.queue.open().stats().failed == 0);
}

}  // namespace spoolq::test
