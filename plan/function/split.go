package function

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// splitIndex finds piece n, counted from 0, of text cut at every delimiter.
// There is none in the empty text.
func splitIndex(text, delimiter []byte, n int64) (from, to int, ok bool) {
	if len(text) == 0 || n < 0 {
		return 0, 0, false
	}
	if len(delimiter) == 1 {
		return splitAtByte(text, delimiter[0], n)
	}
	for at := 0; ; n-- {
		length, skip := nextDelimiter(text[at:], delimiter)
		if length < 0 {
			return at, len(text), n == 0
		}
		if n == 0 {
			return at, at + length, true
		}
		at += length + skip
	}
}

// splitAtByte is splitIndex for a delimiter of one byte. It counts delimiters
// eight bytes at a time: of a word in which they are zero, adding 127 to the lower
// seven bits of each byte makes a high bit of all others.
func splitAtByte(text []byte, delimiter byte, n int64) (from, to int, ok bool) {
	const eachLow, eachSeven = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f
	const wordBytes = 8
	at := 0
	for ; n > 0 && at+wordBytes <= len(text); at += wordBytes {
		w := binary.LittleEndian.Uint64(text[at:]) ^ eachLow*uint64(delimiter)
		found := ^((w&eachSeven + eachSeven) | w | eachSeven)
		count := int64(bits.OnesCount64(found))
		if count < n {
			n -= count
			continue
		}
		for ; n > 1; n-- {
			found &= found - 1
		}
		at += bits.TrailingZeros64(found)>>3 + 1
		n = 0
		break
	}
	for ; n > 0 && at < len(text); at++ {
		if text[at] == delimiter {
			n--
		}
	}
	if n > 0 {
		return 0, 0, false
	}
	if length := bytes.IndexByte(text[at:], delimiter); length >= 0 {
		return at, at + length, true
	}
	return at, len(text), true
}

// nextDelimiter finds the first delimiter in text and its length; before is -1
// when there is none. The empty delimiter stands for white space.
func nextDelimiter(text, delimiter []byte) (before, length int) {
	if len(delimiter) > 0 {
		return bytes.Index(text, delimiter), len(delimiter)
	}
	before = bytes.IndexFunc(text, isJavaBlank)
	if before < 0 {
		return -1, 0
	}
	_, length = nextCharacter(text[before:])
	return before, length
}

// isJavaBlank is white space to Java: what Unicode says without the blanks that
// do not break, and the separators of old files.
func isJavaBlank(r rune) bool {
	switch {
	case r == '\u00A0' || r == '\u2007' || r == '\u202F' || r == '\u0085':
		return false
	case r >= 0x1C && r <= 0x1F:
		return true
	}
	return unicode.IsSpace(r)
}

// splitIndexPiece is SPLIT_INDEX; a numeric delimiter is a character's code.
func splitIndexPiece(numeric bool) func(args []*batch.Column, i int) (int, int, bool) {
	return func(args []*batch.Column, i int) (int, int, bool) {
		var code [utf8.UTFMax]byte
		delimiter := code[:0]
		switch {
		case !numeric:
			delimiter = args[1].Bytes(i)
		case args[1].Ints[i] < 0 || args[1].Ints[i] > 0xFFFF:
			return 0, 0, false
		default:
			delimiter = utf8.AppendRune(delimiter, rune(args[1].Ints[i]))
		}
		return splitIndex(args[0].Bytes(i), delimiter, args[2].Ints[i])
	}
}

// split is the kernel of SPLIT: all pieces as an array. The empty delimiter
// gives single characters, the empty text no piece at all.
func split(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	pieces := out.Children[0]
	pieces.Heap = slices.Clip(args[0].Heap)
	return eachRow(out, func(i int) error {
		whole, delimiter := args[0].Views[i], args[1].Bytes(i)
		text := args[0].Bytes(i)
		start := len(pieces.Views)
		for at := 0; at < len(text) || at == len(text) && len(text) > 0 && len(delimiter) > 0; {
			var length, skip int
			if len(delimiter) == 0 {
				_, length = nextCharacter(text[at:])
			} else {
				length, skip = nextDelimiter(text[at:], delimiter)
			}
			last := length < 0
			if last {
				length = len(text) - at
			}
			pieces.Views = append(pieces.Views, batch.View{Offset: whole.Offset + uint32(at), Length: uint32(length)})
			if last {
				break
			}
			at += length + skip
		}
		out.Spans[i] = batch.View{Offset: uint32(start), Length: uint32(len(pieces.Views) - start)}
		return nil
	})
}

// stringMap is the type of STR_TO_MAP.
var stringMap = value.MapOf(value.StringType, value.StringType)

// stringToMap is the kernel of STR_TO_MAP: both delimiters are regular
// expressions; a piece without a key delimiter is a key with a NULL; of equal
// keys the last value stays.
func stringToMap(c *call) plan.Kernel {
	pairs := regexpSource(c, 1, ",")
	keys := regexpSource(c, 2, "=")
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		into := newMapBuilder(out)
		return eachRow(out, func(i int) error {
			pair, err := pairs.required(args, i)
			if err != nil {
				return err
			}
			key, err := keys.required(args, i)
			if err != nil {
				return err
			}
			into.begin()
			pieces, err := splitAll(pair, args[0].Bytes(i))
			if err != nil {
				return err
			}
			for _, piece := range pieces {
				name, content, found, err := cut(key, piece)
				if err != nil {
					return err
				}
				into.putText(name, content, found)
			}
			into.end(i)
			return nil
		})
	}
}

// splitAll cuts text at every match, as Java's String.split does: empty pieces
// at the end are dropped, and so is an empty first one before an empty match.
func splitAll(p *javaRegexp, text []byte) ([][]byte, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var pieces [][]byte
	at := 0
	err := p.each(text, func(groups []int) bool {
		if groups[0] == 0 && groups[1] == 0 {
			return true
		}
		pieces = append(pieces, text[at:groups[0]])
		at = groups[1]
		return true
	})
	pieces = append(pieces, text[at:])
	for len(pieces) > 0 && len(pieces[len(pieces)-1]) == 0 {
		pieces = pieces[:len(pieces)-1]
	}
	return pieces, err
}

// cut splits piece at the first match of p, if there is one that is not an
// empty one at the start.
func cut(p *javaRegexp, piece []byte) (before, after []byte, found bool, err error) {
	before = piece
	err = p.each(piece, func(groups []int) bool {
		if groups[0] == 0 && groups[1] == 0 {
			return true
		}
		before, after, found = piece[:groups[0]], piece[groups[1]:], true
		return false
	})
	return before, after, found, err
}
