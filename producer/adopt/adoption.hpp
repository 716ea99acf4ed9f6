// One run of an adopter over its folder.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "producer/adopt/adopted_folder.hpp"
#include "producer/adopt/known_files.hpp"
#include "producer/adopt/transfer.hpp"

namespace spoolq::detail {

/// Looks at the files whose time has come, and takes, rejects or puts off each. One thread.
class Adoption {
 public:
  using Report = Adopter::Report;
  using Clock = KnownFiles::Clock;

  /// All must outlive this; `stopped` ends a call early. Throws as Transfer.
  Adoption(const AdoptedFolder& folder, const std::atomic<bool>& stopped, const Report& report);

  /// Reads all names.
  void scan() { files_.scan(folder_.queue().sys(), folder_.descriptor(), folder_.path()); }
  void note(const std::vector<InboxEvent>& events) { files_.note(events, folder_.completeness()); }
  /// Looks at every file whose time has come, and takes what is complete.
  void look_at_due();
  [[nodiscard]] const KnownFiles& files() const { return files_; }
  /// Why the queue takes no more files for now.
  [[nodiscard]] const std::optional<Error>& refusal() const { return refusal_; }
  /// Reports what waits and was not reported.
  void report_waiting() const;

  /// What would become of each file now. Changes nothing.
  static std::vector<Appraisal> appraise(const AdoptedFolder& folder);

 private:
  using Files = KnownFiles;

  void take(std::vector<Files::iterator>& batch);
  void settle(Files::iterator file, const Transferred& transferred);
  void reject(Files::iterator file, const std::string& reason);
  void put_off(Files::iterator file, const Appraisal& why, Duration retry);

  const AdoptedFolder& folder_;
  const std::atomic<bool>& stopped_;
  const Report& report_;
  Transfer transfer_;
  Files files_;
  std::optional<Error> refusal_;
};

}  // namespace spoolq::detail
