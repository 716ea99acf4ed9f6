// The inbox: a folder of other programs that serves a queue as its new/, by a symbolic link
// (docs/format.md, "The folders").
#pragma once

#include <optional>
#include <string>

#include "queue/os/sys.hpp"
#include "queue/os/unique_fd.hpp"

namespace spoolq::detail {

/// The path of the queue that has the folder `inbox`, open as `folder`, as its inbox, by the
/// attribute that its init has set there; nullopt where no queue at that path links to the folder.
std::optional<std::string> queue_of_inbox(Sys& sys, int folder, const std::string& inbox);

/// Throws unless the folder at `inbox` (absolute, without symbolic links) can be the inbox of the
/// queue at `path`: errc::bad_value for a queue, a folder of a queue, a folder inside of this one,
/// or the inbox of another one; EXDEV for another mount than that of `beside`, which is the queue's
/// directory or the one that it will be made in; or the errno. Changes nothing.
void require_inbox(Sys& sys, int beside, const std::string& path, const std::string& inbox);

/// Makes new/ of the queue at `path`, open as `root`, a link to `inbox`, at once: at no moment
/// there is no new/ where there was one. An empty folder there is removed. Sets the
/// attribute of queue_of_inbox(), where the file system has attributes. Throws ENOTEMPTY for one
/// that has something in it, errc::bad_value for the inbox of another queue, EEXIST for a link to
/// another inbox, EPERM when the file system makes the link somebody's whose links are not
/// followed. The caller syncs.
void link_inbox(Sys& sys, int root, const std::string& path, const std::string& inbox);

/// Opens the inbox when new/ of the queue at `path` is a link. Of a link only its owner tells who
/// made it. It is followed when that is root; or the owner of the queue's directory, who is also
/// the one who follows it, or has a right to the files of the folder: it is theirs, or, not being
/// sticky, everybody or the queue's group may write to it. Otherwise a user could have others, with
/// more rights, take the files of any folder. Throws EPERM for other links, errc::not_a_queue for
/// one that leads nowhere, `error` when it is no link.
UniqueFd open_inbox(Sys& sys, int root, const std::string& path, int error);

}  // namespace spoolq::detail
