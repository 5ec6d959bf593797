package value

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestParseDigits compares eight digits at a time with one at a time.
func TestParseDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{0,20}`).Draw(t, "digits")
		if rapid.Bool().Draw(t, "spoiled") && text != "" {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text = text[:at] + rapid.SampledFrom([]string{"/", ":", "-", ".", " ", "\x00", "?", "p", "\xb0"}).Draw(t, "byte") + text[at+1:]
		}
		want, err := strconv.ParseInt(text, 10, 64)
		ok := err == nil && len(text) <= digitsMax && strings.Trim(text, "0123456789") == ""
		if !ok {
			want = 0
		}
		for _, got := range []func() (int64, bool){
			func() (int64, bool) { return ParseDigits(text) },
			func() (int64, bool) { return ParseDigits([]byte(text)) },
		} {
			if n, is := got(); is != ok || n != want {
				t.Fatalf("%q is %d, %v, not %d, %v", text, n, is, want, ok)
			}
		}
	})
}
