// What put reads: files, and standard input.
#pragma once

#include <functional>
#include <string>

#include "cli/commands/publisher.hpp"
#include "cli/output/exit_codes.hpp"

namespace spoolq::cli {

/// A source that cannot be read. The others still can.
class SourceFailure : public Failure {
 public:
  explicit SourceFailure(const Failure& failure) : Failure{failure} {}
};

enum class Split { none, lines, nuls };

/// Says what is wrong with one message; the others go on.
using Report = std::function<void(const std::string& text, ExitCode code)>;

/// Puts the file `name`, or standard input for "-", as one message or as one for each part. A part
/// that is too large is reported and the others are put. Throws SourceFailure, Failure, Error.
void put_source(const std::string& name, Publisher& publisher, Split split, const Report& report);

}  // namespace spoolq::cli
