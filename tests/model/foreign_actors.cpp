// Programs that know nothing of spoolq and work in its folders: writers, a backup.
#include <fcntl.h>

#include <cerrno>

#include "tests/model/actors.hpp"
#include "tests/model/foreign_folder.hpp"

namespace spoolq::test {
namespace {

/// As long as kShared: only its content tells the two apart.
constexpr const char* kOther = "the other's message";
constexpr uid_t kSomebodyElse = 4711;

/// The file that a foreign program and the library meet over.
std::string shared_file(const Stage& stage) {
  if (stage.disk.exists(story_inbox(stage.path))) {
    return story_inbox(stage.path) + "/1795403405.P10625Q1.vm";
  }
  return foreign_folder(stage.path, FolderKind::plain) + "/report.txt";
}

/// rename(2), as a program calls it that has opened no folder.
void rename_file(SimulatedSys& disk, const std::string& from, const std::string& to) {
  const auto open_parent = [&disk](const std::string& path) {
    return disk.openat(AT_FDCWD, path.substr(0, path.rfind('/')).c_str(), O_RDONLY | O_DIRECTORY)
        .fd();
  };
  const int from_dir = open_parent(from);
  const int to_dir = open_parent(to);
  static_cast<void>(disk.renameat2(from_dir, from.c_str() + from.rfind('/') + 1, to_dir,
                                   to.c_str() + to.rfind('/') + 1, 0));
  static_cast<void>(disk.close(from_dir));
  static_cast<void>(disk.close(to_dir));
}

/// Writes a new file elsewhere and renames it over the one of that name, if it is still there.
/// What is replaced before it was taken may be gone.
Act replaces(const Stage& stage, const std::string& content) {
  return [stage, content, file = shared_file(stage)](Told& told) {
    const std::string hidden = "/outside/report.txt";
    stage.scheduled.step([&](SimulatedSys& disk) {
      disk.plant_file(hidden, content);
      disk.set_modified(hidden, kOldTime);
    });
    stage.scheduled.step([&](SimulatedSys& disk) {
      if (disk.exists(file)) told.words[kShared] = Word::in_doubt;
      rename_file(disk, hidden, file);
      told.words[content] = Word::there;
    });
  };
}

Act replaces_by_as_much(const Stage& stage) { return replaces(stage, kOther); }
Act replaces_by_more(const Stage& stage) { return replaces(stage, std::string{kOther} + kMore); }

/// Opens the file, if it is still there, and adds to it.
Act appends(const Stage& stage) {
  return [stage, file = shared_file(stage)](Told& told) {
    const SysResult opened =
        stage.scheduled.openat(AT_FDCWD, file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (!opened.ok()) return;
    stage.scheduled.step([&](SimulatedSys& disk) {
      static_cast<void>(disk.write(opened.fd(), kMore, std::string{kMore}.size()));
      // It may have been copied before.
      told.words[kShared] = Word::in_doubt;
      told.words[std::string{kShared} + kMore] = Word::there;
    });
    static_cast<void>(stage.scheduled.close(opened.fd()));
  };
}

/// As `cp -al` does.
Act links(const Stage& stage) {
  return [stage, file = shared_file(stage)](Told&) {
    stage.scheduled.step([&](SimulatedSys& disk) {
      if (disk.exists(file)) disk.link(file, "/outside/backup");
    });
  };
}

/// Another user's upload, under a name of its own, in two halves.
Act uploads_beside_a_backup(const Stage& stage) {
  return [stage, folder = shared_file(stage)](Told& told) {
    const std::string file = folder.substr(0, folder.rfind('/')) + "/upload";
    const std::string half = kOther;
    int fd = -1;
    stage.scheduled.step([&](SimulatedSys& disk) {
      disk.plant_file(file, half);
      disk.set_owner(file, kSomebodyElse);
      fd = disk.openat(AT_FDCWD, file.c_str(), O_WRONLY | O_APPEND).fd();
      stage.scheduled.own(fd);
      told.words[half + kMore] = Word::in_doubt;
      told.if_dead[half] = Word::in_doubt;
      told.half = half;
    });
    stage.scheduled.step([&](SimulatedSys& disk) {
      if (disk.exists(file)) disk.link(file, "/outside/backup");
    });
    stage.scheduled.step([&](SimulatedSys& disk) {
      if (!disk.write(fd, kMore, std::string{kMore}.size()).ok()) return;
      told.words[half + kMore] = Word::there;
    });
    static_cast<void>(stage.scheduled.close(fd));
  };
}

}  // namespace

std::vector<Actor> foreign_actors() {
  const std::vector<Place> folders{Place::folder, Place::elsewhere, Place::inbox};
  return {
      {"a writer that replaces", folders, replaces_by_as_much, false, true},
      {"a writer that replaces by more", folders, replaces_by_more, false, true},
      {"a writer that appends", folders, appends, false, true},
      {"a backup by hard links", folders, links, false, true},
      {"an upload beside a backup", {Place::empty_inbox}, uploads_beside_a_backup, false, true},
  };
}

}  // namespace spoolq::test
