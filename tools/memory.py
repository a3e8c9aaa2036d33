# SPDX-License-Identifier: MIT
"""What checks remember from run to run and from clone to clone: the hashes of what they found good.

The files are in $XDG_CACHE_HOME/pirn, which is ~/.cache/pirn where that is not set. A file that is missing, damaged or
not to be written costs time and nothing else.
"""

import json
import os
import pathlib
import tempfile

KEPT = 5000  # hashes, the latest


def folder():
    """Where the memories are."""
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache, "pirn")


class Memory:
    """One file of hashes."""

    def __init__(self, name):
        self.path = folder() / f"{name}.json"
        self.keys = self.read()

    def read(self):
        try:
            return dict.fromkeys(str(key) for key in json.loads(self.path.read_text()))
        except (OSError, ValueError, TypeError):
            return {}

    def __contains__(self, key):
        return key in self.keys

    def add(self, keys):
        """Adds the keys to the file, beside what others have added to it in the meantime."""
        known = self.read()
        for key in keys:
            known.pop(key, None)
            known[key] = None
        self.keys = dict.fromkeys(list(known)[-KEPT:])
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False) as file:
                json.dump(list(self.keys), file)
            os.replace(file.name, self.path)
        except OSError:
            pass
