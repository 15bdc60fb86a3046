"""What can go wrong in the loop itself, and the exit codes of the command line."""

from __future__ import annotations

import errno

USER_ERROR = 2
TOOL_ERROR = 3

_REMEDIES = {
    errno.EEXIST: "name another folder",
    errno.ENOTDIR: "name another folder",
    errno.EISDIR: "name a file",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "change its permissions, or name another place"),
}
"""What a user does about an error of the operating system, where its text does not say so."""


class LoopError(ValueError):
    """The user's request cannot be carried out; the message says why and what to do."""

    exit_code = USER_ERROR


def exit_code(error: BaseException) -> int | None:
    """The command line's exit code for an expected error; None for a defect of ours, which keeps its traceback."""
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return code
    if isinstance(error, OSError):
        return TOOL_ERROR if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) else USER_ERROR
    return None


def describe(error: BaseException) -> str:
    """The one line that the command line prints for an expected error."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {error.filename}" if error.filename else ""
        return f"the disk is full{where}; free some space and run again with --resume, nothing is lost"
    if isinstance(error, OSError) and error.filename:
        remedy = f"; {_REMEDIES[error.errno]}" if error.errno in _REMEDIES else ""
        return f"{error.filename}: {error.strerror}{remedy}"
    return str(error)
