package function

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// charsets is ENCODE and DECODE.
var charsets = []*plan.Function{
	define(plan.Function{
		Name: "ENCODE", Category: "encoding", Signatures: []string{"ENCODE(text, charset) → BYTES"},
		Doc:   "The text in a charset: US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE or UTF-16LE. Characters that it has not become question marks.",
		Flink: "ENCODE($1, $2)",
	}, form{params: []parameter{anyText, anyText}, result: returns(value.BytesType), eval: kernel(growing(encodeText)), check: checkCharset}),
	define(plan.Function{
		Name: "DECODE", Category: "encoding", Signatures: []string{"DECODE(bytes, charset) → STRING"},
		Doc:   "The text of bytes in a charset: US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE or UTF-16LE. Wrong bytes become replacement characters.",
		Flink: "DECODE($1, $2)",
	}, form{params: []parameter{anyBytes, anyText}, result: returns(value.StringType), eval: kernel(growing(decodeBytes)), check: checkCharset}),
}

// charset turns text into bytes and back.
type charset struct {
	encode func(dst, text []byte) []byte
	decode func(dst, b []byte) []byte
}

var charsetsByName = map[string]charset{
	"US-ASCII":   {encodeLatin(0x7F), decodeASCII},
	"ISO-8859-1": {encodeLatin(0xFF), decodeLatin},
	"UTF-8":      {func(dst, text []byte) []byte { return append(dst, text...) }, decodeUTF8},
	"UTF-16BE":   {encodeUTF16(binary.BigEndian), decodeUTF16(binary.BigEndian)},
	"UTF-16LE":   {encodeUTF16(binary.LittleEndian), decodeUTF16(binary.LittleEndian)},
	"UTF-16":     {encodeMarked, decodeMarked},
}

// charsetAliases are the other names that are in use.
var charsetAliases = map[string]string{"ASCII": "US-ASCII", "LATIN1": "ISO-8859-1", "ISO8859-1": "ISO-8859-1", "UTF8": "UTF-8", "UTF16": "UTF-16"}

func charsetOf(name []byte) (charset, error) {
	upper := strings.ToUpper(string(name))
	if other, ok := charsetAliases[upper]; ok {
		upper = other
	}
	if set, ok := charsetsByName[upper]; ok {
		return set, nil
	}
	return charset{}, problem.New(problem.InvalidValue, "no charset %q", name).
		WithHint("use US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE or UTF-16LE")
}

func checkCharset(c *call) error {
	if name, ok := c.literalText(1); ok {
		_, err := charsetOf([]byte(name))
		return err
	}
	return nil
}

func encodeText(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	set, err := charsetOf(args[1].Bytes(i))
	if err != nil {
		return dst, false, err
	}
	return set.encode(dst, args[0].Bytes(i)), true, nil
}

func decodeBytes(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	set, err := charsetOf(args[1].Bytes(i))
	if err != nil {
		return dst, false, err
	}
	return set.decode(dst, args[0].Bytes(i)), true, nil
}

func encodeLatin(highest rune) func(dst, text []byte) []byte {
	return func(dst, text []byte) []byte {
		for _, r := range string(text) {
			if r > highest {
				r = '?'
			}
			dst = append(dst, byte(r))
		}
		return dst
	}
}

func decodeASCII(dst, b []byte) []byte {
	for _, x := range b {
		if x < utf8.RuneSelf {
			dst = append(dst, x)
		} else {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
	}
	return dst
}

func decodeLatin(dst, b []byte) []byte {
	for _, x := range b {
		dst = utf8.AppendRune(dst, rune(x))
	}
	return dst
}

func decodeUTF8(dst, b []byte) []byte {
	if utf8.Valid(b) {
		return append(dst, b...)
	}
	for _, r := range string(b) {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

func encodeUTF16(order binary.AppendByteOrder) func(dst, text []byte) []byte {
	return func(dst, text []byte) []byte {
		for _, r := range string(text) {
			if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
				dst = order.AppendUint16(order.AppendUint16(dst, uint16(high)), uint16(low))
			} else {
				dst = order.AppendUint16(dst, uint16(r))
			}
		}
		return dst
	}
}

func decodeUTF16(order binary.ByteOrder) func(dst, b []byte) []byte {
	return func(dst, b []byte) []byte {
		for ; len(b) >= 2; b = b[2:] {
			r := rune(order.Uint16(b))
			if utf16.IsSurrogate(r) {
				pair := utf8.RuneError
				if len(b) >= 4 {
					pair = utf16.DecodeRune(r, rune(order.Uint16(b[2:])))
				}
				if r = pair; r != utf8.RuneError {
					b = b[2:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		}
		if len(b) > 0 {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		return dst
	}
}

// encodeMarked is big-endian UTF-16 behind its byte order mark. The empty text
// has no mark.
func encodeMarked(dst, text []byte) []byte {
	if len(text) == 0 {
		return dst
	}
	return encodeUTF16(binary.BigEndian)(append(dst, 0xFE, 0xFF), text)
}

// decodeMarked is UTF-16 in the order of its mark, big-endian without one.
func decodeMarked(dst, b []byte) []byte {
	if len(b) >= 2 && b[0] == 0xFF && b[1] == 0xFE {
		return decodeUTF16(binary.LittleEndian)(dst, b[2:])
	}
	if len(b) >= 2 && b[0] == 0xFE && b[1] == 0xFF {
		b = b[2:]
	}
	return decodeUTF16(binary.BigEndian)(dst, b)
}
