// The library as if its author had left one call out: what the crash tests must catch.
#pragma once

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {

enum class Mutant {
  none,
  no_file_fsync,          ///< fsync of a file does nothing.
  no_new_fsync,           ///< fsync of new/ does nothing.
  ack_syncs_new,          ///< fsync of cur/ is done to new/ instead.
  no_ack_sync,            ///< fsync of cur/ does nothing.
  rename_replaces,        ///< RENAME_NOREPLACE is dropped.
  no_directory_fstat,     ///< fstat of a directory never fails after it has once succeeded.
  no_recheck_after_lock,  ///< fstat of a file never shows that it was unlinked.
  no_byte_lock,           ///< No byte is ever locked.
  no_syncfs,              ///< syncfs does nothing.
  fsync_on_btrfs,         ///< The syncfs after puts is an fsync of their folders.
  no_sync_at_all,         ///< fsync and syncfs do nothing.
  no_journal,             ///< Nothing is ever written to the journal of an intake.
  keeps_markers,          ///< A marker, NAME.done, is not removed.
  no_seize_record,        ///< Nothing is ever written to the record of seized sources.
  ignores_return,         ///< What leaves cur/ with R goes to new/, whatever R says.
};

const char* to_string(Mutant mutant);

/// A directory is what was opened with O_DIRECTORY, under the name it was opened with; "." is the
/// directory itself.
/// Thread-safe.
class MutantSys final : public ForwardingSys {
 public:
  MutantSys(Sys& inner, Mutant mutant) : ForwardingSys{inner}, mutant_{mutant} {}

  SysResult write(int fd, const void* bytes, std::size_t size) override;
  SysResult lock_byte(int fd, short type, std::int64_t place) override;
  SysResult fsync(int fd) override;
  SysResult syncfs(int fd) override;
  SysResult fstat(int fd, struct stat& status) override;
  SysResult renameat2(int from_dir, const char* from, int to_dir, const char* to,
                      unsigned flags) override;

 protected:
  SysResult after(const CallInfo& info, SysResult result) override;

 private:
  struct Opened {
    std::string name;
    int parent = -1;
    bool is_directory = false;
    bool has_status = false;
    struct stat status = {};
  };

  void remember(const CallInfo& info, int fd);
  Opened opened(int fd);
  /// new/ beside the directory `fd`, or any other open new/, or -1.
  int new_beside(int fd);

  const Mutant mutant_;
  std::mutex mutex_;
  std::map<int, Opened> opened_;
  std::set<int> published_;  ///< Folders that files went to from tmp/ since the last syncfs.
};

}  // namespace spoolq::test
