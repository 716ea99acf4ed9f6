// Taking over what is in the queues of other programs. Not installed: only the program uses it.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "queue/store/queue_access.hpp"
#include "spoolq/adopter.hpp"
#include "spoolq/export.hpp"
#include "spoolq/queue.hpp"

namespace spoolq {

namespace detail {
class Transfer;
struct Element;
}  // namespace detail

/// Whose queue it is.
enum class ImportFormat {
  /// CERN's directory queue (python3-dirq, Directory::Queue, libdirq), both kinds. An element of a
  /// "simple" queue becomes a message with its bytes, one of a "normal" queue a message with the
  /// bytes of its only field, or of `body`, `data`, `payload`, `text` or `content`, whichever is
  /// first; its other fields become headers, tables one for each key. The message's name is the
  /// element's, such as 6b046210/6b04624a240442, its time the one in there. Elements that are
  /// locked are left.
  dirq,
  /// The files in new/ of a Maildir (maildir(5)). Those in cur/, which a reader has seen, are left.
  maildir,
  /// The jobs of nq(1) that have not been run. The payload is the job's file, "exec nq CMD...", so
  /// that sh(1) runs it. Jobs that wait or run, and those that have ended, are left.
  nq
};
SPOOLQ_EXPORT std::string_view to_string(ImportFormat format);

struct ImportOptions {
  bool keep = false;  ///< Leave what is imported where it is.
};

/// Makes a message of each element of another program's queue, once: an element goes when its
/// message is durable, and over crashes, restarts, and with `keep`, none is taken again, as with
/// Adopter. No consumer of the other queue should run meanwhile: it does not know of us.
///
/// One thread at a time, except stop(), which any thread and any signal handler may call.
class SPOOLQ_EXPORT Importer {
 public:
  using Report = Adopter::Report;

  /// Opens the other queue. Throws errc::bad_value for a folder that is not of that format, and the
  /// errno.
  Importer(Queue queue, const std::filesystem::path& directory, ImportFormat format,
           ImportOptions options = {});

  /// What would become of each element now. Changes nothing.
  [[nodiscard]] std::vector<Appraisal> appraise();
  /// Imports what is there. Reports what was taken, each when it is durable, and what was left.
  /// Ends early after stop(). Throws as Adopter::adopt().
  void import(const Report& report);
  void stop() noexcept { stopped_ = true; }

 private:
  [[nodiscard]] detail::OpenQueue& open() const { return *detail::QueueAccess::open(queue_); }
  void recheck(const detail::Transfer& transfer, detail::Element& element) const;
  void take(detail::Transfer& transfer, std::vector<detail::Element>& elements, int directory,
            const Report& report);

  Queue queue_;
  std::string path_;
  ImportFormat format_;
  ImportOptions options_;
  std::atomic<bool> stopped_{false};
};

}  // namespace spoolq
