package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"syscall"
)

// OS is the file system of the machine.
func OS() FS { return osFS{} }

type osFS struct{}

const (
	filePermissions = 0o640
	dirPermissions  = 0o750
)

func (osFS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (osFS) Open(name string) (File, error) {
	return openOS(name, os.O_RDONLY)
}

func (osFS) OpenReadWrite(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, filePermissions)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		f.Close()
		return nil, err
	}
	return &osFile{File: f}, nil
}

func (osFS) OpenDirect(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|directFlag, filePermissions)
	if err != nil && directFlag != 0 && errors.Is(err, syscall.EINVAL) {
		// tmpfs and some network file systems refuse the flag.
		f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, filePermissions)
	}
	if err != nil {
		return nil, err
	}
	return &osFile{File: f, direct: true}, nil
}

func (osFS) openDirectRead(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|directFlag, filePermissions)
	if err != nil && directFlag != 0 && errors.Is(err, syscall.EINVAL) {
		return osFS{}.Open(name)
	}
	if err != nil {
		return nil, err
	}
	return &osFile{File: f, direct: true}, nil
}

func openOS(name string, flags int) (File, error) {
	f, err := os.OpenFile(name, flags, filePermissions)
	if err != nil {
		return nil, err
	}
	return &osFile{File: f}, nil
}

func (osFS) Remove(name string) error     { return os.Remove(name) }
func (osFS) Rename(from, to string) error { return os.Rename(from, to) }
func (osFS) MkdirAll(dir string) error    { return os.MkdirAll(dir, dirPermissions) }

func (osFS) List(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	sort.Strings(names)
	return names, err
}

func (osFS) Stat(name string) (Info, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	return infoOf(info), nil
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

func infoOf(info os.FileInfo) Info {
	if info.IsDir() {
		return Info{IsDir: true}
	}
	return Info{Size: info.Size(), Modified: info.ModTime()}
}

type osFile struct {
	*os.File
	direct bool
}

func (f *osFile) WriteAt(b []byte, offset int64) (int, error) {
	if f.direct && !aligned(b, offset) {
		return 0, fmt.Errorf("write %s: %d bytes at %d are not aligned for direct writing", f.Name(), len(b), offset)
	}
	return f.File.WriteAt(b, offset)
}

// ReadAt reads as the operating system's does. A direct file is asked once: to
// go on behind its end, as os.File does to see it, would not be aligned.
func (f *osFile) ReadAt(b []byte, offset int64) (int, error) {
	if !f.direct || !aligned(b, offset) {
		return f.File.ReadAt(b, offset)
	}
	return readDirect(f.File, b, offset)
}

func (f *osFile) Stat() (Info, error) {
	info, err := f.File.Stat()
	if err != nil {
		return Info{}, err
	}
	return infoOf(info), nil
}

// grow sets the size of a file that must become at least size bytes long.
func (f *osFile) grow(size int64) error {
	info, err := f.Stat()
	if err != nil || info.Size >= size {
		return err
	}
	return f.Truncate(size)
}
