// Making the names of a directory durable.
#pragma once

namespace spoolq::cli {

/// Makes what was created, renamed and removed in a directory survive a power cut: fsync on ext4
/// and xfs, else a syncfs of the whole file system. On btrfs an fsync of the directory may succeed
/// without the name that a rename has just brought (docs/decisions/directory-syncs.md). False with
/// errno on failure.
bool sync_directory(int fd);

}  // namespace spoolq::cli
