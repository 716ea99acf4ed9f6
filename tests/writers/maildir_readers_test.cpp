// Programs that read Maildirs, on a queue: what they see, which of them move files, and the way
// back.
#include <fmt/core.h>

#include <filesystem>

#include "tests/support/catch.hpp"
#include "tests/writers/taker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// A queue with three messages that look like mail, the first of them held.
struct MailQueue {
  MailQueue() {
    for (int i = 1; i <= 3; ++i) {
      PutOptions options;
      options.name = fmt::format("m{}", i);
      ids.push_back(queue.put(fmt::format("Subject: m{}\n\nbody\n", i), options).to_string());
    }
    run_well({"take", queue.path(), "--hold"});
  }
  /// All names in the folders that a Maildir has.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Folder folder : {Folder::tmp, Folder::ready, Folder::claimed}) {
      for (const std::string& name : queue.names(folder)) names.push_back(name);
      names.emplace_back("/");
    }
    return names;
  }
  [[nodiscard]] std::string ready() const {
    return run_well({"ls", queue.path(), "-q", "--state", "ready"});
  }
  RealQueue queue;
  std::vector<std::string> ids;
};

}  // namespace

TEST_CASE("programs that only read a queue as a Maildir see its messages and move nothing",
          "[writers][maildir]") {
  const MailQueue mail;
  const auto before = mail.names();
  SECTION("mlist, mscan, mshow, mseq, mflag") {
    const std::string out = shell(mail.queue, R"(needs: mlist mscan mshow mseq mflag
HOME=$PWD; export HOME; mkdir -p .mblaze
mlist "$Q" | mseq -S | wc -l
mseq -f > /dev/null
for message in $(seq 3); do mshow "$message" | grep '^Subject'; done | sort
mscan > /dev/null
mflag -S 1 2 3
mlist -i "$Q")");
    CHECK(has(out, "3\nSubject: m1\nSubject: m2\nSubject: m3\n"));
    CHECK(has(out, "2 unseen"));
  }
  SECTION("Python's mailbox") {
    const std::string out = shell(mail.queue, R"(needs: python3
python3 -c '
import mailbox, sys
box = mailbox.Maildir(sys.argv[1], create=False)
for subject, folder in sorted((m["subject"], m.get_subdir()) for m in box):
    print(subject, folder)
print(len(box), box.list_folders())
box.clean(); box.flush(); box.close()
' "$Q")");
    CHECK(out == "m1 cur\nm2 new\nm3 new\n3 []\n");
  }
  CHECK(mail.names() == before);
}

TEST_CASE("what a mail program marks as seen is no message until it is moved back",
          "[writers][maildir]") {
  const MailQueue mail;
  SECTION("minc") { shell(mail.queue, "needs: minc\nminc \"$Q\""); }
  SECTION("a flag by Python's mailbox") {
    shell(mail.queue, R"(needs: python3
python3 -c '
import mailbox, sys
box = mailbox.Maildir(sys.argv[1], create=False)
for key in list(box.keys()):
    message = box.get_message(key)
    if message.get_subdir() == "new":
        message.set_subdir("cur")
        message.add_flag("S")
        box[key] = message
' "$Q")");
  }
  CHECK(mail.queue.count(Folder::ready) == 0);
  CHECK(mail.queue.count(Folder::claimed) == 3);
  CHECK(mail.ready().empty());
  // Nobody takes it back or removes it: it is somebody's mail.
  run_well({"reap", mail.queue.path()});
  CHECK(mail.queue.count(Folder::claimed) == 3);
  // As docs/format.md says.
  shell(mail.queue, R"(
for file in "$Q"/cur/*:2,*; do
  name=${file##*/}
  mv -n "$file" "$Q/new/${name%%:2,*}"
done)");
  CHECK(mail.ready() == mail.ids[1] + "\n" + mail.ids[2]);
  for (int i = 2; i <= 3; ++i) {
    CHECK(run_well({"take", mail.queue.path()}) == fmt::format("Subject: m{}\n\nbody", i));
  }
  run_well({"ack", mail.queue.path(), mail.ids[0]});
}

TEST_CASE("consumers and programs that read a Maildir do not disturb each other",
          "[writers][maildir]") {
  RealQueue queue;
  Taker taker{queue};
  Script reader{queue, R"(needs: python3 mlist
echo begun
exec python3 -c '
import mailbox, os, subprocess, sys
box = mailbox.Maildir(sys.argv[1], create=False)
while not os.path.exists("enough"):
    for key in box.keys():
        try:
            box[key]
        except (KeyError, FileNotFoundError):
            pass  # Taken meanwhile.
    subprocess.run(["mlist", sys.argv[1]], stdout=subprocess.DEVNULL, check=True)
' "$Q")"};
  REQUIRE(reader.line() == "begun\n");
  constexpr std::size_t kMessages = 100;
  for (std::size_t i = 0; i < kMessages; ++i) queue.put("Subject: x\n\nbody\n");
  CHECK(taker.has(kMessages));
  write_file(queue.around() / "enough", "");
  reader.end();
  CHECK(taker.whole("Subject: x\n\nbody\n") == std::map<std::string, int>{{"", kMessages}});
  CHECK(queue.log.size() == 0);
}

}  // namespace spoolq::test
