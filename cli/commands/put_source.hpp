// What put reads: files, and standard input.
#pragma once

#include <optional>
#include <string>

#include "cli/commands/error_report.hpp"
#include "cli/commands/publisher.hpp"

namespace spoolq::cli {

/// A source that cannot be read. The others still can.
class SourceFailure : public Failure {
 public:
  explicit SourceFailure(const Failure& failure) : Failure{failure} {}
};

/// Puts the file `name`, or standard input for "-", as one message, or as one for each part where
/// the character is given that ends a part. A part that is too large is reported and the others are
/// put. Throws SourceFailure, Failure, Error.
void put_source(const std::string& name, Publisher& publisher, std::optional<char> end_of_part,
                ErrorReport& errors);

}  // namespace spoolq::cli
