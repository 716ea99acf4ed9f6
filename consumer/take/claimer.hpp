// Claiming one of the candidates.
#pragma once

#include "consumer/take/candidate_source.hpp"

namespace spoolq::detail {

/// Renames candidates into cur/, and looks at each before it becomes a Claim. A candidate that is
/// no complete message goes back, into bad/ or into failed/. One thread.
class Claimer {
 public:
  Claimer(std::shared_ptr<ConsumerIdentity> identity, CandidateSource& source);

  /// Claims the first candidate that can be claimed. None: the source has no more. Throws what
  /// stops all claims, such as a full disk.
  std::optional<Claim> claim_next();

 private:
  enum class Cause { forbidden, incomplete };

  std::optional<Claim> try_claim(Candidate candidate);
  std::optional<Claim> claim(Candidate& candidate);
  std::optional<Claim> accept(const Candidate& candidate, StoredMessage message);
  void expire(const Candidate& candidate);
  [[nodiscard]] bool is_complete(const Candidate& candidate) const;
  [[nodiscard]] bool is_written(const Location& at) const;
  [[nodiscard]] bool may_still_grow(const StoredMessage& message, const struct stat& status) const;
  std::nullopt_t put_back(const Candidate& candidate, const StoredMessage& message,
                          const std::string& why, Cause cause = Cause::forbidden);

  std::shared_ptr<ConsumerIdentity> identity_;
  OpenQueue& queue_;
  CandidateSource& source_;
};

}  // namespace spoolq::detail
