// Taking files from a folder of another program: into new/ by rename, or as copies (docs/format.md,
// "Taking files from other folders").
#pragma once

#include <string>
#include <vector>

#include "producer/adopt/transfer_folder.hpp"
#include "queue/os/fork_guard.hpp"

namespace spoolq::detail {

/// Takes files from one folder into one queue. When a call has thrown, nothing is lost and some
/// files may have been taken: make another one, which goes on. One thread.
class Transfer {
 public:
  /// `directory` is the folder's absolute path without symbolic links. Finishes what an earlier
  /// one has begun. Throws EAGAIN while another process copies files from there into this queue, or
  /// moves them where this one is to copy.
  Transfer(OpenQueue& queue, const std::string& directory, TransferOptions options);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() = default;

  /// Where the files are, and what is known of them.
  [[nodiscard]] const TransferFolder& folder() const { return folder_; }

  /// Takes these files; what became of each, in the same order. Durable when it returns. Throws
  /// errc::condemned, errc::indeterminate (they are visible), or the errno.
  std::vector<Transferred> take(const std::vector<Arrival>& arrivals);
  /// Whether a file waits under a private name, because another one took its own: take() is to be
  /// called again, also with no files.
  [[nodiscard]] bool has_kept() const { return folder_.sources().has_kept(); }
  /// Removes the markers of a file that is not to be taken. False when the file is gone or not as
  /// it was found: it may have new ones. Throws the errno.
  bool discard_markers(const Arrival& arrival);
  /// The journal forgets a file, because the file went elsewhere.
  void forget(const Arrival& arrival) { folder_.forget({folder_.key_of(arrival)}); }

 private:
  struct KeptFiles;

  void require_one_way();
  void recover();
  void begin(std::vector<TransferItem>& items, const Arrival& arrival, Transferred& result,
             const SeizedSource& source = {});
  void begin_kept(std::vector<TransferItem>& items, KeptFiles& files);
  [[nodiscard]] bool is_quiet(const SeizedSource& source, const Arrival& arrival) const;

  TransferFolder folder_;
  LockFd way_;
};

}  // namespace spoolq::detail
