// Whether to look at intervals although inotify is to be had.
#pragma once

namespace spoolq::detail {

/// Whether the environment says so: SPOOLQ_POLL is set, and neither empty nor 0. For folders whose
/// changes inotify does not tell of although nothing says so, such as some that a virtual machine
/// or a container shares with its host.
bool polling_is_forced();

}  // namespace spoolq::detail
