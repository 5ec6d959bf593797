//go:build purego || !(amd64 || arm64)

package format

import "encoding/binary"

// loadWord is the word of b whose lowest byte is b[i].
func loadWord(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// storeWord writes the word whose lowest byte is b[i].
func storeWord(b []byte, i int, word uint64) {
	binary.LittleEndian.PutUint64(b[i:cap(b)], word)
}
