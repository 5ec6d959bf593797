package function

import (
	"bytes"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/plan"
)

// side is which ends of a text are trimmed.
type side struct{ leading, trailing bool }

var (
	bothSides = side{true, true}
	leading   = side{leading: true}
	trailing  = side{trailing: true}
)

// blanks is what is trimmed when nothing is said: not tabs, not line ends.
var blanks = []byte(" ")

// trimmed finds what is left of text without the characters of set at its
// ends, as byte offsets.
func (s side) trimmed(text, set []byte) (from, to int) {
	to = len(text)
	if len(set) == 1 && set[0] < utf8.RuneSelf {
		for s.leading && from < to && text[from] == set[0] {
			from++
		}
		for s.trailing && to > from && text[to-1] == set[0] {
			to--
		}
		return from, to
	}
	for s.leading && from < to {
		_, size := utf8.DecodeRune(text[from:to])
		if !hasCharacter(set, text[from:from+size]) {
			break
		}
		from += size
	}
	for s.trailing && to > from {
		_, size := utf8.DecodeLastRune(text[from:to])
		if !hasCharacter(set, text[to-size:to]) {
			break
		}
		to -= size
	}
	return from, to
}

// hasCharacter reports whether set has the encoded character. No character is a
// part of another in UTF-8, so this is a search for bytes.
func hasCharacter(set, character []byte) bool { return bytes.Contains(set, character) }

// trim is the kernel of LTRIM, RTRIM and BTRIM: of the blanks, or of the
// characters of the second argument.
func trim(s side) func(*call) plan.Kernel {
	return func(c *call) plan.Kernel {
		if len(c.Params) == 1 {
			return slicing(func(args []*batch.Column, i int) (int, int, bool) {
				from, to := s.trimmed(args[0].Bytes(i), blanks)
				return from, to, true
			})
		}
		return slicing(func(args []*batch.Column, i int) (int, int, bool) {
			from, to := s.trimmed(args[0].Bytes(i), args[1].Bytes(i))
			return from, to, true
		})
	}
}

// trimSide reads the first argument of TRIM(side, characters, text).
func trimSide(c *call) (side, error) {
	word, _ := c.literalText(0)
	switch word {
	case "BOTH":
		return bothSides, nil
	case "LEADING":
		return leading, nil
	case "TRAILING":
		return trailing, nil
	}
	return side{}, problem.New(problem.InvalidQuery, "TRIM needs BOTH, LEADING or TRAILING").
		WithHint("write TRIM(BOTH 'x' FROM text)").At(c.Args[0].At)
}

// trimSpelled is the kernel of TRIM(side, characters, text).
func trimSpelled(c *call) plan.Kernel {
	s, _ := trimSide(c) // checked when the call was resolved
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return slice(args[2], out, func(i int) (int, int, bool) {
			from, to := s.trimmed(args[2].Bytes(i), args[1].Bytes(i))
			return from, to, true
		})
	}
}

// trimSpelledBoth is the kernel of TRIM(characters, text).
func trimSpelledBoth(*call) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return slice(args[1], out, func(i int) (int, int, bool) {
			from, to := bothSides.trimmed(args[1].Bytes(i), args[0].Bytes(i))
			return from, to, true
		})
	}
}
