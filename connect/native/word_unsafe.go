//go:build !purego && (amd64 || arm64)

package native

import "unsafe"

// loadWord is the eight bytes of b from b[i] on as a number, without a check of the bounds:
// who calls it knows that 0 ≤ i and i+8 ≤ len(b). Looking for words takes half as long again
// with checks. The processors of the build tag are little endian and take words at any address.
func loadWord(b []byte, i uint) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
}
