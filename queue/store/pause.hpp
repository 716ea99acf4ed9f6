// The file `paused` in a queue's directory: while it is there, nothing is taken.
#pragma once

#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

constexpr const char* kPauseFile = "paused";

bool is_paused(const OpenQueue& queue);
/// Queue::pause and Queue::resume.
void pause_queue(OpenQueue& queue);
void resume_queue(OpenQueue& queue);

}  // namespace spoolq::detail
