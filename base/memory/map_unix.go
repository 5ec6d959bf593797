//go:build unix

package memory

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func take(bytes int) (unsafe.Pointer, error) {
	return unix.MmapPtr(-1, 0, nil, uintptr(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func giveBack(begin unsafe.Pointer, bytes int) error { return unix.MunmapPtr(begin, uintptr(bytes)) }
