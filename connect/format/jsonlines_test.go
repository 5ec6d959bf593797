package format

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// readLines reads a text as a connector would, in blocks of some bytes: by lines,
// or cut by the splitter first. An array counts as a bad record.
func readLines(t interface{ Fatalf(string, ...any) }, text []byte, blockBytes int, decodes bool) (rows []string) {
	d := NewJSONDecoder(linesColumns, JSONOptions{})
	d.CopyTexts()
	d.CutLines()
	have, lineFeeds := min(blockBytes, len(text)), 0
	for at := 0; ; {
		block, final := text[at:have], have == len(text)
		var b *batch.Batch
		var rejected []Rejected
		var records []batch.View
		taken := 0
		if decodes {
			l := d.DecodeLines(block, final)
			b, rejected, taken = l.Rows, l.Rejected, l.Taken
			lineFeeds += l.LineFeeds
		}
		if taken == 0 { // an array is for Decode, too
			records, taken = lineSplitter{}.Split(nil, block, final)
			if decodes && len(records) > 1 {
				records, taken = records[:1], int(records[1].Offset)
			}
			lineFeeds += bytes.Count(block[:taken], []byte{'\n'})
			b, rejected = d.Decode(block, records)
		}
		for i := range b.Rows {
			rows = append(rows, fmt.Sprint(b.Row(i)))
		}
		for _, r := range rejected {
			rows = append(rows, r.Problem.Error())
		}
		switch {
		case at+taken == len(text):
			if want := bytes.Count(text, []byte{'\n'}); lineFeeds != want {
				t.Fatalf("%q: %d line feeds, not %d", text, lineFeeds, want)
			}
			return rows
		case taken == 0:
			have = min(have+blockBytes, len(text))
		default:
			at += taken
			have = min(at+blockBytes, len(text))
		}
	}
}

// linesColumns has a value of each kind that is read the usual way.
var linesColumns = []Column{
	{Name: "s", Type: value.StringType}, {Name: "n", Type: value.BigIntType}, {Name: "t", Type: value.TimestampOf(3)},
	{Name: "r", Type: value.RowOf(value.Field{Name: "s", Type: value.StringType}, value.Field{Name: "f", Type: value.DoubleType})},
	{Name: "a", Type: value.ArrayOf(value.StringType)},
}

// sameLines compares both ways to read a text. Rows and bad records may be mixed
// in another order where blocks end elsewhere, so that both are counted.
func sameLines(t interface{ Fatalf(string, ...any) }, text []byte, blockBytes int) {
	count := func(rows []string) map[string]int {
		counts := map[string]int{}
		for _, row := range rows {
			counts[row]++
		}
		return counts
	}
	cut, decoded := readLines(t, text, len(text)+1, false), readLines(t, text, blockBytes, true)
	if fmt.Sprint(count(cut)) != fmt.Sprint(count(decoded)) {
		t.Fatalf("%q in blocks of %d bytes:\n%s\nnot\n%s", text, blockBytes, strings.Join(decoded, "\n"), strings.Join(cut, "\n"))
	}
}

// TestDecodeLinesIsSplitThenDecode tries lines of all kinds, also such that one
// record seems to go on in the next line.
func TestDecodeLinesIsSplitThenDecode(t *testing.T) {
	pieces := []string{
		`{"s":"a","n":1}`, `{"s":"b\"\n","n":12}`, `{"s":"ü","n":-1.5,"x":null}`, `{"t":"2024-03-01 10:20:30.123","s":"x"}`, `{"t":"2024-03-01 24:00:00.000"}`,
		`{"t":"2024-03-01 23:59:59.999"}`, `{"t":"2024-03-01 10:60:00.000"}`, `{"t":"2024-02-30 10:20:30.000"}`, `{"r":{"s":"c","f":1.5}}`, `{"r":{"s":"c"},"x":"y"}`,
		`{"r":{"s":"c",`, `"f":2}}`, `{"s":"a",`, `"n":1}`, `{"s":`, `{"s"`, "{", "}", `"`, `{"s":"a`, `b"}`, `{"a":["x",`, `"y"]}`, `{"a":["z"]}`, `{"n":1`, `,"s":"q"}`,
		`[{"s":"a"}]`, "[", `]`, " ", "\t", "\r", "\n", "\n", "\n", "\n", "\r\n", `{"s":"a"} trailing`, "\xef\xbb\xbf", "null", "\x00",
	}
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		for range rapid.IntRange(0, 12).Draw(t, "pieces") {
			text = append(text, rapid.SampledFrom(pieces).Draw(t, "piece")...)
			if rapid.Bool().Draw(t, "ends") {
				text = append(text, '\n')
			}
		}
		sameLines(t, text, rapid.IntRange(1, 60).Draw(t, "block"))
		sameLines(t, append(append(text, text...), strings.Repeat("-", wordsAhead)...), 2*len(text)+wordsAhead)
	})
}

// FuzzDecodeLines compares both ways to read any bytes.
func FuzzDecodeLines(f *testing.F) {
	f.Add([]byte("{\"s\":\"a\",\"n\":1}\n{\"s\":\"a\",\"n\":1}\n{\"s\":\"a\",\n\"n\":1}\n\r\n[{}]"), uint8(20))
	f.Add([]byte("{\"r\":{\"s\":\"a\",\"f\":1},\"t\":\"2024-03-01 10:20:30.123\"}\n{\"r\":{\"s\":\"a\",\"f\":1},\"t\":\"2024-03-01 10:20:30.12x\"}"), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, blockBytes uint8) {
		if len(text) < 2000 {
			sameLines(t, append(text, text...), int(blockBytes)+1)
			// Words can be read of all but the last line, whose block they are in.
			far := append(append(text, text...), "\n{\"s\":\""+strings.Repeat("-", wordsAhead)+"\"}"...)
			sameLines(t, far, len(far))
		}
	})
}

// TestDayReadsAsTheParser compares a text of the same day as the one before with
// what the parser says.
func TestDayReadsAsTheParser(t *testing.T) {
	digit := rapid.SampledFrom([]string{"0", "1", "2", "3", "4", "5", "6", "9", ":", "/", "\xb0"})
	rapid.Check(t, func(t *rapid.T) {
		first := []byte("2024-02-3" + digit.Draw(t, "day") + " 10:20:30.000")
		var d day
		if at, err := value.ParseTimestamp(first, value.SQLForm); err == nil {
			d.note(first, at.Micros())
		}
		text := []byte("2024-02-3" + digit.Draw(t, "day") + " 00:00:00.000")
		for range rapid.IntRange(0, 12).Draw(t, "changes") {
			text[rapid.IntRange(11, 22).Draw(t, "place")] = digit.Draw(t, "digit")[0]
		}
		got, ok := d.read(append(text, '"'), 0)
		if !ok {
			return
		}
		want, err := value.ParseTimestamp(text, value.SQLForm)
		if err != nil || want.Micros() != got {
			t.Fatalf("%s is %d, not %d, %v", text, got, want.Micros(), err)
		}
	})
}
