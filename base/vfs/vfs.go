// Package vfs is the only place that touches files: a small file system
// interface, the real one, one in memory that can crash, and one that fails by
// script.
//
// It is not a general virtual file system: it has the operations that durable
// stores need and nothing else, and it never hides an error.
//
// Flow: cmd/tidemark passes OS() down; tests pass NewMem() or NewFaulty(…). A
// store writes through File, makes bytes durable with Sync and names durable
// with SyncDir, and a test then asks Mem.CrashClone what a power loss at that
// moment would have left.
//
// Invariants:
//  1. After File.Sync returns nil, the bytes and the size of the file survive
//     a crash; nothing else promises that.
//  2. After FS.SyncDir returns nil, the names in that directory survive a
//     crash; a synced file whose name was not synced may be gone.
//  3. Errors keep the operating system's cause: errors.Is works with
//     fs.ErrNotExist, fs.ErrExist, ErrLocked, and IsDiskFull.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"syscall"
	"time"
)

// ErrLocked says that another holder has the lock file.
var ErrLocked = errors.New("locked by another process")

// temporarySuffix marks a file that WriteFile is still writing.
const temporarySuffix = ".new"

// FS is a tree of files. It has more methods than an interface should have
// because it is the seam under everything durable: a fault script must be able
// to fail each of these calls. Implementations are safe for concurrent use.
type FS interface {
	// Create makes an empty file, or empties the one that is there, for
	// reading and writing.
	Create(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens a file for reading and writing and makes an empty
	// one when it is not there. Write continues at its end.
	OpenReadWrite(name string) (File, error)
	// OpenDirect opens or makes a file whose WriteAt goes past the page cache:
	// offset, length and the address of the bytes must be multiples of
	// BlockSize (see AlignedBuffer). Where the device cannot do that it is an
	// ordinary file with the same rule.
	OpenDirect(name string) (File, error)

	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// Rename moves a file to another name in the same directory and replaces
	// what is there, in one step.
	Rename(from, to string) error
	// MkdirAll makes a directory and those above it.
	MkdirAll(dir string) error
	// List gives the names in a directory, sorted.
	List(dir string) ([]string, error)
	Stat(name string) (Info, error)
	// SyncDir makes creations, removals and renames in dir durable.
	SyncDir(dir string) error

	// Lock takes an exclusive lock, held until it is closed or the process
	// ends. It returns ErrLocked at once when somebody else has it.
	Lock(name string) (io.Closer, error)
	// Usage tells how much room the device under dir has.
	Usage(dir string) (Usage, error)
}

// File is an open file. ReadAt may be called from many goroutines; everything
// else from one at a time.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	// Truncate sets the size; a file that grows is filled with zeros.
	Truncate(size int64) error
	// Sync makes the bytes and the size durable. After an error the state of
	// everything written since the last success is unknown, and another Sync
	// that succeeds says nothing about it.
	Sync() error
	Stat() (Info, error)
	// Preallocate makes the file at least size bytes long with room on the
	// device for all of them; new bytes read as zeros. Where the device cannot
	// reserve room, only the size is set.
	Preallocate(size int64) error
}

// Info describes a file or directory.
type Info struct {
	Size     int64 // bytes; 0 for a directory
	IsDir    bool
	Modified time.Time // of the last change of a file's bytes; zero where nobody keeps it
}

// Usage is the room on a device, in bytes. Free is what this process may use.
type Usage struct {
	Total, Free int64
}

// IsDiskFull reports whether err says that no room, or no quota, is left.
func IsDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// directReader is an FS that can also read past the page cache.
type directReader interface {
	openDirectRead(name string) (File, error)
}

// OpenDirectRead opens an existing file for reading, past the page cache where
// the device can do that: what was written directly and is read once is not
// worth room there, and costs several times the CPU on its way through it.
// Offset, length and address of what ReadAt reads must be multiples of
// BlockSize; what is there of the file's last block ends with io.EOF.
func OpenDirectRead(fsys FS, name string) (File, error) {
	if d, ok := fsys.(directReader); ok {
		return d.openDirectRead(name)
	}
	return fsys.Open(name)
}

// ReadFile reads a whole file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	content := make([]byte, info.Size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, info.Size), content); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return content, nil
}

// WriteFile replaces a file in one durable step: after a crash it has its old
// or its new content, and after WriteFile has returned nil it has the new one.
func WriteFile(fsys FS, name string, content []byte) error {
	f, err := fsys.Create(name + temporarySuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = fsys.Rename(name+temporarySuffix, name)
	}
	if err != nil {
		// The half-written file is in nobody's way; the next call replaces it.
		_ = fsys.Remove(name + temporarySuffix)
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// MakeDir makes a directory and those above it, and makes their names durable.
func MakeDir(fsys FS, dir string) error {
	unsynced := []string{filepath.Dir(dir)}
	for above := filepath.Dir(dir); above != filepath.Dir(above); above = filepath.Dir(above) {
		if _, err := fsys.Stat(above); err == nil {
			break
		}
		unsynced = append(unsynced, filepath.Dir(above))
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	for _, above := range unsynced {
		if err := fsys.SyncDir(above); err != nil {
			return err
		}
	}
	return nil
}

// RemoveTree deletes a file, or a directory and everything in it. What is not
// there is no error.
func RemoveTree(fsys FS, name string) error {
	info, err := fsys.Stat(name)
	if err != nil {
		return ignoreMissing(err)
	}
	if info.IsDir {
		names, err := fsys.List(name)
		if err != nil {
			return ignoreMissing(err)
		}
		for _, child := range names {
			if err := RemoveTree(fsys, filepath.Join(name, child)); err != nil {
				return err
			}
		}
	}
	return ignoreMissing(fsys.Remove(name))
}
