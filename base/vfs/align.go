package vfs

import (
	"errors"
	"io/fs"
	"unsafe"
)

// BlockSize is the unit of direct writes in bytes: a multiple of the sector
// size of every device we know.
const BlockSize = 4096

// AlignedBuffer makes a buffer of size bytes whose address is a multiple of
// BlockSize, as File.WriteAt of a direct file needs it.
func AlignedBuffer(size int) []byte {
	raw := make([]byte, size+BlockSize)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(raw))) & (BlockSize - 1))
	return raw[skip : skip+size : skip+size]
}

// aligned reports whether a direct write may be done with these bytes there.
func aligned(b []byte, offset int64) bool {
	address := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return address%BlockSize == 0 && len(b)%BlockSize == 0 && offset%BlockSize == 0
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
