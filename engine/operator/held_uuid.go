package operator

import "encoding/binary"

// A UUID has 128 bits and is written with 36 bytes: as 32 hexadecimal digits and four
// dashes. Eight digits are read at a time, each in a byte of a word.
const (
	eachByte = 0x0101010101010101
	lowNibs  = 0x0f * eachByte
)

// packUUID gives the digits of a UUID in lower case; ok is false for any other text.
func packUUID(text *[uuidBytes]byte) (packed [2]uint64, ok bool) {
	if text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return packed, false
	}
	a, okA := packDigits(binary.LittleEndian.Uint64(text[0:]))
	b, okB := packDigits(uint64(binary.LittleEndian.Uint32(text[9:])) | uint64(binary.LittleEndian.Uint32(text[14:]))<<32)
	c, okC := packDigits(uint64(binary.LittleEndian.Uint32(text[19:])) | uint64(binary.LittleEndian.Uint32(text[24:]))<<32)
	d, okD := packDigits(binary.LittleEndian.Uint64(text[28:]))
	return [2]uint64{a | b<<32, c | d<<32}, okA && okB && okC && okD
}

// packDigits reads eight digits, the first one in the lowest byte, into 32 bits.
func packDigits(digits uint64) (packed uint64, ok bool) {
	letters := digits >> 6 & eachByte // bit 6 is set in letters, and not in 0 to 9
	nibs := digits&lowNibs + 9*letters
	// Whatever is no digit comes out as another one, or has more than four bits.
	ok = nibs&^lowNibs == 0 && spellDigits(nibs) == digits
	nibs = (nibs<<4 | nibs>>8) & 0x00ff00ff00ff00ff
	nibs = (nibs | nibs>>8) & 0x0000ffff0000ffff
	return (nibs | nibs>>16) & 0xffffffff, ok
}

// spellDigits writes the digit of the number in each byte.
func spellDigits(nibs uint64) uint64 {
	letters := (nibs + (0x80-10)*eachByte) >> 7 & eachByte
	return nibs + '0'*eachByte + ('a'-'0'-10)*letters
}

// unpackDigits is the reverse of packDigits.
func unpackDigits(packed uint64) uint64 {
	packed = (packed | packed<<16) & 0x0000ffff0000ffff
	packed = (packed | packed<<8) & 0x00ff00ff00ff00ff
	return spellDigits(packed>>4&(0x0f*0x0001000100010001) | packed<<8&(0x0f00*0x0001000100010001))
}

// appendUUID writes the UUID that packUUID read.
func appendUUID(to []byte, packed [2]uint64) []byte {
	a, b := unpackDigits(packed[0]&0xffffffff), unpackDigits(packed[0]>>32)
	c, d := unpackDigits(packed[1]&0xffffffff), unpackDigits(packed[1]>>32)
	to = append(binary.LittleEndian.AppendUint64(to, a), '-')
	to = append(binary.LittleEndian.AppendUint32(to, uint32(b)), '-')
	to = append(binary.LittleEndian.AppendUint32(to, uint32(b>>32)), '-')
	to = append(binary.LittleEndian.AppendUint32(to, uint32(c)), '-')
	to = binary.LittleEndian.AppendUint32(to, uint32(c>>32))
	return binary.LittleEndian.AppendUint64(to, d)
}
