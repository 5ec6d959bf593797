package function

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestSplitAtByte compares with cutting at every delimiter.
func TestSplitAtByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]byte{'/', '/', '.', '0', '\xaf', 'a'}), 1, 40).Draw(t, "text")
		n := rapid.Int64Range(0, 12).Draw(t, "n")
		from, to, ok := splitIndex(text, []byte("/"), n)
		pieces := bytes.Split(text, []byte("/"))
		if ok != (n < int64(len(pieces))) {
			t.Fatalf("%q has %d pieces; that it has number %d is %t", text, len(pieces), n, ok)
		}
		if ok && !bytes.Equal(text[from:to], pieces[n]) {
			t.Fatalf("%q: piece %d is %q, not %q", text, n, text[from:to], pieces[n])
		}
	})
}
