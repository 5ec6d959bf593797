package function

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// FuzzDatePattern: any text is a pattern or a problem, and any pattern prints
// and reads without a fault. What a modern pattern of plain fields printed, it
// reads back.
func FuzzDatePattern(f *testing.F) {
	for _, pattern := range []string{defaultPattern, "yyyy[-MM][-dd]", "d MMM yyyy h:mm a", "EEEE, MMMM d", "yyyyMMddHHmmssSSS", "'T'''XXX", "QQQQ GGG D w", "[[[", "y'"} {
		f.Add(pattern, "2024-03-01 10:20:30", int64(1709288430), true)
		f.Add(pattern, "20240301102030123", int64(-1), false)
	}
	f.Fuzz(func(t *testing.T, pattern, text string, seconds int64, lenient bool) {
		p, err := compilePattern(pattern, lenient)
		if err != nil || len(pattern) > 100 {
			return
		}
		p.parse(text)
		c := clockOf(value.Instant{Seconds: seconds % 200_000_000_000, Nanos: 123456789})
		c.zone, c.instant = time.UTC, seconds
		printed, err := p.format(nil, &c)
		if err != nil {
			t.Fatal(err)
		}
		p.parse(string(printed))
	})
}

// TestPatternsReadWhatTheyPrint for patterns that name every field.
func TestPatternsReadWhatTheyPrint(t *testing.T) {
	for _, pattern := range []string{
		"yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "yyyyMMddHHmmssSSSSSSSSS", "d/M/y h:m:s a n", "EEEE, d MMMM uuuu kk:mm:ss.SSSSSSSSS", "yyyy DDD K:m:s a SSSSSSSSS",
	} {
		p, err := compilePattern(pattern, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []value.Instant{{}, {Seconds: 1709288430, Nanos: 123456789}, {Seconds: -1, Nanos: 999999999}, {Seconds: 253402300799, Nanos: 1}, {Seconds: -62135596800}} {
			c := clockOf(want)
			printed, err := p.format(nil, &c)
			if err != nil {
				t.Fatal(err)
			}
			parsed, ok := p.parse(string(printed))
			if !ok {
				t.Errorf("%s does not read %s, which it printed", pattern, printed)
				continue
			}
			if got, _ := parsed.smartInstant(); got != want {
				t.Errorf("%s reads %s as %v instead of %v", pattern, printed, got, want)
			}
		}
	}
}

// Times that share a text are spelled as each would be by itself.
func TestFormattedTimesMayShareTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom(strings.Split(modernLetters, ""))
		pattern := strings.Join(rapid.SliceOfN(letters, 1, 3).Draw(t, "letters"), "-")
		if rapid.Bool().Draw(t, "usual") {
			pattern = rapid.SampledFrom([]string{"yyyy-MM-dd", "HH:mm", "yyyy-MM-dd HH", "h a", "HH:mm:ss", "ss.SSS"}).Draw(t, "pattern")
		}
		read, err := parsePattern(pattern, false)
		if err != nil {
			t.Fatal(err)
		}
		times := batch.NewColumn(value.TimestampOf(3), 0)
		patterns := batch.NewColumn(value.StringType, 0)
		now := rapid.SampledFrom([]int64{0, -1, -86_400_000_001, 1_700_000_000_000_000}).Draw(t, "start")
		for range rapid.IntRange(1, 20).Draw(t, "rows") {
			now += rapid.SampledFrom([]int64{0, 1_000, 999_000, 59_000_000, 3_600_000_000, 86_399_999_000, -1_000_000}).Draw(t, "step")
			times.Resize(times.Len() + 1)
			times.Ints[times.Len()-1] = now
			patterns.AppendValue(value.OfString(pattern))
		}
		if _, err := read.format(nil, &clock{}); err != nil {
			return // a letter that only zoned times have
		}
		got := evaluateRows(t, "DATE_FORMAT", times, patterns)
		for i, at := range times.Ints {
			c := clockOf(value.InstantOfMicros(at))
			want, err := read.format(nil, &c)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Bytes(i)) != string(want) {
				t.Fatalf("%s of row %d is %q, want %q", pattern, i, got.Bytes(i), want)
			}
		}
	})
}
