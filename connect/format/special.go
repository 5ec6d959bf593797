package format

import (
	"encoding/binary"
	"math/bits"
)

// specials finds the bytes that end a piece of plain text: quotes, backslashes,
// control characters and what is not ASCII. Where the processor can do that, they
// are marked for many bytes at once, ahead of the walk over a record: for a window
// of the block, small enough to stay in the nearest cache.
type specials struct {
	// marks has a bit a byte of the window, the lowest of a byte for the first; those
	// behind it are set, for two blocks.
	marks [(windowBlocks + 2) * wordBytes]byte
	from  int // index of the window's first byte
	to    int // and behind its last one
	// limit is the last index at which words may be read without asking: wordsAhead
	// bytes from there on are in the block. It is not behind the window.
	limit int
	ahead int // a record that starts behind it needs the next window
}

const (
	blockBits    = 64   // bytes that a word of marks is for
	windowBlocks = 512  // 32 KiB of text
	recordReach  = 4096 // most records are shorter
	nearBytes    = 56   // how far near looks at least
	wordsAhead   = 64
)

// begin forgets the window, of another block.
func (s *specials) begin() { s.limit, s.ahead = -1, -1 }

// look moves the window to i, and reports whether words may be read there.
func (s *specials) look(b []byte, i int) bool {
	rest := len(b) - i
	if rest < wordsAhead {
		return false
	}
	s.limit = len(b) - wordsAhead
	s.ahead = s.limit
	if !vector {
		s.to = len(b)
		return true
	}
	blocks := min(rest/blockBits, windowBlocks)
	markBlocks(&b[i], blocks, &s.marks[0])
	storeWord(s.marks[:], blocks*wordBytes, ^uint64(0))
	storeWord(s.marks[:], (blocks+1)*wordBytes, ^uint64(0))
	s.from, s.to = i, i+blocks*blockBits
	if blocks == windowBlocks {
		s.limit = min(s.limit, s.to)
		s.ahead = s.limit - recordReach
	}
	return true
}

// next is the index of the next special byte from i on, which is not behind the
// limit; or any index behind the window when all up to its end are plain.
func (s *specials) next(b []byte, i int) int {
	if vector {
		if found := s.near(i); found != 0 {
			return i + bits.TrailingZeros64(found)
		}
	}
	return s.further(b, i)
}

// near is the marks from i on, of nearBytes more bytes at least and up to the end of a block, so
// that it does not depend on where in a block most texts begin how they are read.
func (s *specials) near(i int) uint64 {
	at := i - s.from
	return loadWord(s.marks[:], at>>3) >> (at & 7)
}

// further is next when near has none.
func (s *specials) further(b []byte, i int) int {
	if !vector {
		return plainEnd(b, i)
	}
	for at := (i-s.from)/blockBits + 1; ; at++ {
		if found := loadWord(s.marks[:], at*wordBytes); found != 0 {
			return s.from + at*blockBits + bits.TrailingZeros64(found)
		}
	}
}

// Every byte of a word set to 0x01 and 0x80.
const (
	eachLow  = 0x0101010101010101
	eachHigh = 0x8080808080808080
)

// wordBytes is how many bytes are looked at together.
const wordBytes = 8

// special has the high bit set of the first byte of a word that is a quote, a
// backslash, a control character or not ASCII, and no bits below; 0 says that
// there is none. In an ASCII byte x, x-1 borrows into the high bit where x is
// zero, and x-0x20 where x is a control character; a borrow can mislead only
// bytes behind one that is found.
func special(w uint64) uint64 {
	quote, escape := w^(eachLow*'"'), w^(eachLow*'\\')
	return ((quote - eachLow) | (escape - eachLow) | (w - eachLow*0x20) | w) & eachHigh
}

// plainEnd is the index, from i on, of the first byte of b that is a quote, a
// backslash, a control character or not ASCII; len(b) when there is none.
func plainEnd(b []byte, i int) int {
	for ; i+wordBytes <= len(b); i += wordBytes {
		if found := special(binary.LittleEndian.Uint64(b[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 || c >= 0x80 {
			return i
		}
	}
	return len(b)
}
