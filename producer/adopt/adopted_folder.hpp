// The folder that an adopter takes files from.
#pragma once

#include <filesystem>
#include <string>

#include "producer/adopt/completeness.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// A folder of other programs that is open, is no part of a queue, and has rules by which its files
/// count as complete.
class AdoptedFolder {
 public:
  /// `queue` must outlive this. Throws errc::bad_value for a folder that is a queue or part of one:
  /// what is there is in a queue already. Throws the errno.
  AdoptedFolder(OpenQueue& queue, const std::filesystem::path& directory,
                const AdoptOptions& options);

  [[nodiscard]] OpenQueue& queue() const { return queue_; }
  /// Absolute, without symbolic links.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return directory_.get(); }
  [[nodiscard]] const AdoptOptions& options() const { return options_; }
  [[nodiscard]] const Completeness& completeness() const { return completeness_; }

  /// Throws ENOENT when path() is another folder by now: what is dropped is dropped at the path.
  void require_in_place() const;

 private:
  void require_foreign() const;

  OpenQueue& queue_;
  std::string path_;
  AdoptOptions options_;
  UniqueFd directory_;
  Completeness completeness_;
};

}  // namespace spoolq::detail
