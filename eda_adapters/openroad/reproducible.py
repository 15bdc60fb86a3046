"""A failed stage as one file that anyone with OpenROAD can repeat: ``tar xzf FILE && FOLDER/run.sh``."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path


def pack_stage(archive: Path, folder: Path, script: str, inputs: Iterable[Path], words: Sequence[str]) -> Path:
    """Write an archive with a stage's script, all that it reads, its log, and ``run.sh``.

    Args:
        archive: the file, ``NAME.tar.gz``; its content lies in a folder ``NAME``.
        folder: the run's folder; the script names files in it by their name alone, others by their full path.
        script: the Tcl.
        inputs: the files that the script reads. Those outside of the run's folder go into ``inputs/`` there, each
            under a name of its own, and the script is rewritten to match.
        words: OpenROAD's arguments before the script.
    """
    name = archive.name.removesuffix(".tar.gz")
    files: dict[str, bytes] = {}
    for number, path in enumerate(dict.fromkeys(inputs)):
        inside = path.name if path.parent == folder else f"inputs/{number}-{path.name}"
        files[inside] = path.read_bytes()
        script = script.replace(f"{{{path}}}", f"{{{inside}}}")
    command = " ".join(["exec", '"${OPENROAD_EXE:-openroad}"', *words, "script.tcl"])
    files["script.tcl"] = script.encode()
    files["run.sh"] = f'#!/bin/sh\ncd "$(dirname "$0")" || exit 1\n{command}\n'.encode()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for inside, data in sorted(files.items()):
            info = tarfile.TarInfo(f"{name}/{inside}")
            info.size, info.mode = len(data), 0o755 if inside == "run.sh" else 0o644
            tar.addfile(info, io.BytesIO(data))
    partial = archive.with_name(archive.name + ".partial")
    partial.write_bytes(gzip.compress(content.getvalue(), mtime=0))
    os.replace(partial, archive)
    return archive
