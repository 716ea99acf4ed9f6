// What must hold before a job is started, so that no message pays for what is not its fault.
#pragma once

#include "spoolq/consumer.hpp"

namespace spoolq::cli {

/// Throws Failure when the path that a job is given for its file leads to no or another file: then
/// the queue was renamed. `file` is the message's file.
void require_path(const Claim& claim, int file);

/// Compares size and checksum of a payload that is not large: what is damaged must not be worked
/// on. Throws errc::damaged; the message is set aside then.
void verify_payload(Claim& claim);

/// Throws Failure when both are the same queue.
void require_two_queues(const Queue& one, const Queue& other);

}  // namespace spoolq::cli
