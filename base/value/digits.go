package value

// digitsMax is how many digits always fit into 64 bits.
const digitsMax = 18

// ParseDigits reads a text of 1 to 18 digits and nothing else, which most integers
// are, and needs no check for overflow.
func ParseDigits[T ~string | ~[]byte](text T) (int64, bool) {
	n, rest := int64(0), text
	switch length := len(text); {
	case length == 0 || length > digitsMax:
		return 0, false
	case length >= 16:
		first, second := eightBytes(text), eightBytes(text[8:])
		if !allDigits(first) || !allDigits(second) {
			return 0, false
		}
		n, rest = eightDigits(first)*1e8+eightDigits(second), text[16:]
	case length >= 8:
		// The last eight bytes are the rest, behind bytes that were read before.
		first, last := eightBytes(text), eightBytes(text[length-8:])
		if !allDigits(first) || !allDigits(last) {
			return 0, false
		}
		known := 16 - length
		last = last >> (8 * known) << (8 * known)
		return eightDigits(first)*powers[length-8] + eightDigits(last), true
	}
	for i := range len(rest) {
		digit := rest[i] - '0'
		if digit > 9 {
			return 0, false
		}
		n = n*10 + int64(digit)
	}
	return n, true
}

var powers = [8]int64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7}

// eightBytes is the first eight bytes of a text, the first in the lowest place.
func eightBytes[T ~string | ~[]byte](text T) uint64 {
	_ = text[7]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
}

// allDigits reports whether every byte has 3 in its upper half, and still when 6 is
// added.
func allDigits(w uint64) bool {
	const upper, three, six = 0xf0f0f0f0_f0f0f0f0, 0x30303030_30303030, 0x06060606_06060606
	return w&upper == three && (w+six)&upper == three
}

// eightDigits is the number of eight bytes that are digits, or 0 for none: neighbours
// are joined to two, four and eight digits by one multiplication each.
func eightDigits(w uint64) int64 {
	const lower, pairs = 0x0f0f0f0f_0f0f0f0f, 0x000000ff_000000ff
	w &= lower
	w = w*10 + w>>8
	return int64(((w&pairs)*(100+1_000_000<<32) + (w>>16&pairs)*(1+10_000<<32)) >> 32)
}
