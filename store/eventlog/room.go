package eventlog

import (
	"errors"
	"fmt"
	"syscall"

	"tidemark/base/vfs"
)

// errNoRoom says that the disk has no more room than must stay free.
var errNoRoom = fmt.Errorf("what is free is kept: %w", syscall.ENOSPC)

// checkRoom reports whether the log may take so many bytes more of the disk. Some
// must stay free: what was accepted has to get into state and tables, and
// definitions, checkpoints and savepoints need room as well. So events are refused
// before anything else fails, and appending goes on by itself when there is room.
func (l *Log) checkRoom(bytes int64) error {
	usage, err := l.fs.Usage(l.dir)
	if err != nil {
		return nil //nolint:nilerr // without knowing, the disk itself decides
	}
	if usage.Free-bytes < keptFree(usage) {
		return errNoRoom
	}
	return nil
}

// keptFree is how much of a disk the log leaves free.
func keptFree(usage vfs.Usage) int64 { return min(keptFreeBytes, usage.Total/keptFreePart) }

// isNoRoom tells what the log refuses itself from what the disk refuses.
func isNoRoom(err error) bool { return errors.Is(err, errNoRoom) }
