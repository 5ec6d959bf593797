//go:build purego || !(amd64 || arm64)

package native

import "encoding/binary"

// loadWord is the eight bytes of b from b[i] on as a number.
func loadWord(b []byte, i uint) uint64 { return binary.LittleEndian.Uint64(b[i:]) }
