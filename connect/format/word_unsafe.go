//go:build !purego && (amd64 || arm64)

package format

import "unsafe"

// These read and write words without a check of the bounds, at a place whose
// bounds were checked for many words before: with checks the walk over a record
// takes a third longer. Who calls them knows that
//
//  1. 0 ≤ i and i+wordBytes ≤ len(b) for loadWord, and ≤ cap(b) for storeWord;
//  2. nobody else writes to the bytes meanwhile.
//
// Nothing is kept of the pointers. The processors of the build tag are little
// endian and take words at any address.

// loadWord is the word of b whose lowest byte is b[i].
func loadWord(b []byte, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
}

// storeWord writes the word whose lowest byte is b[i].
func storeWord(b []byte, i int, word uint64) {
	*(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i)) = word
}
