// How long a failed run is waited out (docs/format.md, "Retries").
#pragma once

#include "spoolq/units.hpp"

namespace spoolq::detail {

/// The longest that a message may have to wait after its run number `attempt` has failed.
Duration backoff_limit(const Backoff& backoff, unsigned attempt);

/// A random time up to that. Any thread.
Duration random_backoff(const Backoff& backoff, unsigned attempt);

}  // namespace spoolq::detail
