package sketch

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// The hash of a value never changes: sketches of different times and machines
// are merged. A value is bytes: an integer 8 and a wide one 16, the low ones
// first, a text its own. They are taken as words of 8 bytes, the last filled up
// with zeros, and there is at least one. How many there are is hashed, too, so
// that it matters where a text ends.

// spacing is 2⁶⁴ divided by the golden ratio: it keeps lengths apart.
const spacing = 0x9e3779b97f4a7c15

// seed is the hash before the first word of n bytes.
func seed(n int) uint64 { return (uint64(n) + 1) * spacing }

// mix has every bit of x change about half of the bits. No two x give the same.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// HashInteger is the hash of a whole number, a date, a time or a timestamp; of a
// BOOLEAN as 0 or 1.
func HashInteger(v int64) uint64 { return mix(seed(8) ^ uint64(v)) }

// HashFloat is the hash of a number with a point. All NaN are one value.
func HashFloat(f float64) uint64 {
	if f != f {
		return HashInteger(nanBits)
	}
	return HashInteger(int64(math.Float64bits(f)))
}

const nanBits = 0x7ff8000000000000

// HashWide is the hash of a number of 128 bits: the digits of a DECIMAL.
func HashWide(high int64, low uint64) uint64 {
	return mix(mix(seed(16)^low) ^ uint64(high))
}

// HashBytes is the hash of a text or of bytes.
func HashBytes(b []byte) uint64 {
	h := seed(len(b))
	if len(b) < 8 {
		return mix(h ^ shortWord(b))
	}
	last := binary.LittleEndian.Uint64(b[len(b)-8:])
	for len(b) > 8 {
		h = mix(h ^ binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	return mix(h ^ last>>(8*(8-len(b))))
}

// shortWord is up to 7 bytes, filled up with zeros. They are put together from
// loads that overlap: a copy of them in memory could not be loaded before all
// stores in front of it, such as that to the register of the row before.
func shortWord(b []byte) uint64 {
	n := len(b)
	switch {
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4))
	case n == 0:
		return 0
	}
	return uint64(b[0]) | uint64(b[n/2])<<(8*(n/2)) | uint64(b[n-1])<<(8*(n-1))
}

// Place is where a hash stands: its first bits are the register, and the run is
// one more than the zeros behind them.
func Place(hash uint64) (register uint16, run uint8) {
	// The one behind the last bit ends the run of a hash that has none.
	zeros := bits.LeadingZeros64(hash<<registerBits | 1<<(registerBits-1))
	return uint16(hash >> (64 - registerBits)), uint8(zeros + 1)
}
