"""Whom the embedded server runs as, and folders that are surely its own."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path


class EmbeddedPostgresError(RuntimeError):
    """The embedded server could not be made, started or stopped; says why and what to do."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account that a server started by root runs as."""

    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Say whether the account may read and enter ``path`` from where it stands."""
        test = ["/bin/sh", "-c", 'test -r "$1" && test -x "$1"', "sh", str(path)]
        run = subprocess.run(test, user=self.uid, group=self.gid, extra_groups=[], cwd="/")
        return run.returncode == 0

    def own(self, folder: Path) -> None:
        """Make all of ``folder`` the account's: where it was copied, it may be root's."""
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account() -> Account | None:
    """Return None for a process that may run PostgreSQL itself: any that isn't root's."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody' to run "
        "it as. Run this as another user, or set DATABASE_URL to a server of your own."
    )


def make_folder(path: Path) -> None:
    """Make the folder that keeps the data, ignored by git from within."""
    if not path.exists():
        path.mkdir(parents=True)
        (path / ".gitignore").write_text("*\n")


def make_own(path: Path, mode: int, owner: Account | None = None) -> None:
    """Make a folder where everybody may make folders, or take it over if it is ours already.

    Anybody could have made it first, to look over our shoulder: then it is refused.
    """
    uid = owner.uid if owner else os.geteuid()
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (uid, os.geteuid()):
            raise EmbeddedPostgresError(
                f"{path} belongs to somebody else. Delete it, or point TMPDIR at a folder of yours."
            ) from None
    path.chmod(mode)
    if owner:
        os.chown(path, owner.uid, owner.gid)


def copy_programs(package: Path, target: Path) -> None:
    """Copy the server's programs, with their libraries beside them, readable for everybody."""
    unfinished = target.with_name(f"{target.name}-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for source in package.parent.glob(f"{package.name}*"):
        if source == package or source.name.endswith("libs"):
            shutil.copytree(source, unfinished / source.name, symlinks=True)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755)
    unfinished.rename(target)
