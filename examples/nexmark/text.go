package nexmark

import (
	"bytes"
	"time"

	"tidemark/examples/draw"
)

// letters maps a draw in [0, 338) to a letter, and one in thirteen to the
// special character, 0 here.
var letters = func() (t [338]byte) {
	for i := range t {
		if i >= 26 {
			t[i] = byte('a' + i%26)
		}
	}
	return
}()

// appendWord appends 3 to limit-1 random characters, one in thirteen of them
// special, without blanks at either end.
func appendWord(to []byte, r *draw.Sequence, limit int, special byte) []byte {
	start, left := len(to), 3+r.Below(limit-3)
	for left > 0 {
		bits := r.Next() // three characters of 21 bits each
		for k := 0; k < 3 && left > 0; k++ {
			c := letters[(bits&(1<<21-1))*uint64(len(letters))>>21]
			if c == 0 {
				c = special
			}
			to = append(to, c)
			bits >>= 21
			left--
		}
	}
	return append(to[:start], bytes.Trim(to[start:], " ")...)
}

// filler is a large random text, of which rows take pieces to get their size.
//
// Its characters are those that the public generator really makes: the sign of
// a remainder puts half of its runs of six into H…a, which takes in the
// backslash, so that most bids hold an escape in JSON.
type filler struct {
	text  []byte
	json  []byte   // the text as JSON writes it
	where []uint32 // where each character begins in json, and where the last one ends
}

// span is a piece of the filler.
type span struct{ from, to int }

const fillerBytes = 1 << 20

func newFiller(r draw.Sequence) filler {
	f := filler{where: []uint32{0}}
	for len(f.text) < fillerBytes {
		sign := 1
		if r.Next()>>63 == 1 {
			sign = -1
		}
		for k := 0; k < 6 && len(f.text) < fillerBytes; k++ {
			c := byte('a' + sign*r.Below(26))
			if c == '\\' {
				f.json = append(f.json, '\\')
			}
			f.text, f.json = append(f.text, c), append(f.json, c)
			f.where = append(f.where, uint32(len(f.json)))
		}
	}
	return f
}

// draw takes a piece such that used bytes and the piece are want on average.
func (f *filler) draw(r *draw.Sequence, used, want int) span {
	if used > want {
		return span{}
	}
	room := want - used
	fifth := (2*room + 5) / 10
	length := room - fifth
	if fifth > 0 {
		length += r.Below(2 * fifth)
	}
	from := r.Below(fillerBytes - length)
	return span{from, from + length}
}

func (f *filler) plain(s span) string   { return string(f.text[s.from:s.to]) }
func (f *filler) escaped(s span) []byte { return f.json[f.where[s.from]:f.where[s.to]] }

// clock writes times, remembering the text of the last second.
type clock struct {
	second int64
	text   []byte
}

func (c *clock) append(to []byte, ms int64) []byte {
	if second := ms / 1000; c.text == nil || c.second != second {
		c.text = time.Unix(second, 0).UTC().AppendFormat(c.text[:0], "2006-01-02 15:04:05.")
		c.second = second
	}
	to = append(to, c.text...)
	return append(to, byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}
