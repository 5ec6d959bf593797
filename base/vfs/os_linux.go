package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// directFlag opens a file past the page cache.
const directFlag = unix.O_DIRECT

// Sync is fdatasync: bytes and size, but not times, which saves a journal
// commit when the size has not changed.
func (f *osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}

// readDirect reads aligned bytes until something less than whole blocks comes,
// which is the end of the file.
func readDirect(f *os.File, b []byte, offset int64) (n int, err error) {
	connection, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	for n < len(b) {
		var got int
		closed := connection.Control(func(fd uintptr) { got, err = unix.Pread(int(fd), b[n:], offset+int64(n)) })
		switch {
		case closed != nil:
			return n, closed
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return n, &os.PathError{Op: "read", Path: f.Name(), Err: err}
		}
		n += got
		if got == 0 || got%BlockSize != 0 {
			break
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *osFile) Preallocate(size int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case err == nil:
			return nil
		case err == unix.EINTR:
		case errors.Is(err, unix.EOPNOTSUPP):
			return f.grow(size)
		default:
			return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
		}
	}
}

func (osFS) Usage(dir string) (Usage, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Usage{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return Usage{Total: int64(st.Blocks) * st.Bsize, Free: int64(st.Bavail) * st.Bsize}, nil
}

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, filePermissions)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if err == unix.EWOULDBLOCK {
			return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
		}
		return nil, &os.PathError{Op: "flock", Path: name, Err: err}
	}
	return f, nil
}
