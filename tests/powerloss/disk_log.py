"""What block_recorder has written down, and the disks that a power loss could have left.

A cut is a moment: all entries before it have happened. What came before the last flush then is on the disk; each write after it
is there, or is not, or in part (torn between sectors), in the order of the log where two meet. Where the file systems need a
sector to be whole, the unit of a tear is the sector of the device, 512 bytes; the primary superblock of ext4, 1,024 bytes with one
checksum, is not torn, for no journal protects it.
"""

import bisect
import mmap
import os
import struct

SECTOR = 512
SUPERBLOCK_END = 4096
SUBSET_MAX = 4096  # pending writes of which one is drawn; the older ones are taken as written
KINDS = ("flush", "prefix", "none", "subset", "drop", "torn")


class Log:
    def __init__(self, path, count):
        self.file = open(path, "rb")
        self.bytes = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
        self.entries = []  # (offset on the disk, size, place in the log)
        at = 0
        while len(self.entries) < count:
            offset, size = struct.unpack_from("<QQ", self.bytes, at)
            at += 16
            self.entries.append((offset, size, at))
            at += size
        self.flushes = [i for i, entry in enumerate(self.entries) if entry[1] == 0]

    def close(self):
        self.bytes.close()
        self.file.close()

    def settled(self, cut):
        """Entries before this one are on the disk at the cut."""
        found = bisect.bisect_left(self.flushes, cut)
        return self.flushes[found - 1] + 1 if found > 0 else 0

    def write(self, fd, entry, keep=None):
        """One entry onto the image; keep: the sectors of it that arrived."""
        offset, size, at = entry
        if keep is None:
            os.pwrite(fd, self.bytes[at:at + size], offset)
            return
        for sector in keep:
            part = self.bytes[at + sector * SECTOR:min(at + size, at + (sector + 1) * SECTOR)]
            os.pwrite(fd, part, offset + sector * SECTOR)

    def write_range(self, fd, first, last):
        for entry in self.entries[first:last]:
            self.write(fd, entry)


class Cut:
    """One image: where, of which kind, and which of the pending writes it has."""

    def __init__(self, log, kind, rand):
        self.log = log
        self.kind = kind
        self.rand = rand
        self.position = self.draw_position()
        self.settled = log.settled(self.position)

    def draw_position(self):
        """At a flush, or where writes are pending: those moments are short, so they are looked for."""
        flush = self.rand.randrange(1, len(self.log.flushes))
        if self.kind == "flush":
            return self.log.flushes[flush] + 1
        for number in range(flush, len(self.log.flushes)):
            first, last = self.log.flushes[number - 1] + 1, self.log.flushes[number]
            if last > first:
                return self.rand.randint(first + 1, last)
        return self.log.flushes[flush] + 1

    def apply_pending(self, fd):
        pending = self.log.entries[self.settled:self.position]
        older, pending = pending[:-SUBSET_MAX], pending[-SUBSET_MAX:]
        for entry in older:
            self.log.write(fd, entry)
        dropped = self.rand.randrange(len(pending)) if pending else 0
        for number, entry in enumerate(pending):
            if self.kind in ("flush", "prefix"):
                self.log.write(fd, entry)
            elif self.kind == "subset" and self.rand.random() < 0.5:
                self.log.write(fd, entry)
            elif self.kind == "drop" and number != dropped:
                self.log.write(fd, entry)
            elif self.kind == "torn":
                self.tear(fd, entry, number == len(pending) - 1)

    def tear(self, fd, entry, surely):
        """Some sectors of the write: the first ones, or any."""
        count = (entry[1] + SECTOR - 1) // SECTOR
        if entry[0] < SUPERBLOCK_END or count < 2 or not (surely or self.rand.random() < 0.3):
            self.log.write(fd, entry)
            return
        keep = range(self.rand.randrange(count))
        if self.rand.random() < 0.5:
            keep = [sector for sector in range(count) if self.rand.random() < 0.5]
        self.log.write(fd, entry, keep)


class Acks:
    """Samples (bytes of the ack file, then entries of the log): what had been acknowledged when."""

    def __init__(self):
        self.positions = []
        self.sizes = []

    def add(self, size, position):
        if not self.sizes or size > self.sizes[-1]:
            self.positions.append(position)
            self.sizes.append(size)

    def size_at(self, cut):
        """Bytes of the file that were certainly written when the log had so many entries."""
        found = bisect.bisect_right(self.positions, cut)
        return self.sizes[found - 1] if found > 0 else 0
